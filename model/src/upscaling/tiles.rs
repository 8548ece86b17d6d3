//! How an image is cut into tiles that overlap, and how their results are joined.

use std::iter;
use std::ops::Range;

use image::{Rgb, RgbImage};

use crate::config::UpscalerShape;

/// Pixels over which one tile goes over into the next.
const RAMP: usize = 16;
/// Most pixels at a tile's edge that are not used: beyond them what a network sees hardly counts, however far it looks.
const FARTHEST: usize = 32;
/// The smallest side of a tile.
const SMALLEST: usize = 192;

/// How an axis is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Overlap {
    /// Pixels at an edge within the image that are computed and not used.
    margin: usize,
    multiple: usize,
}

impl Overlap {
    /// Of a network: as far as it looks, where that is not far.
    pub(super) fn of(shape: UpscalerShape) -> Self {
        let multiple = shape.multiple();
        Self { margin: shape.reach().min(FARTHEST).next_multiple_of(multiple), multiple }
    }

    /// Pixels that neighbours share.
    fn shared(self) -> usize {
        2 * self.margin + RAMP
    }

    /// The tiles of an image of `width`×`height`, none of many more pixels than `most`: columns and rows.
    pub(super) fn tiles(self, (width, height): (usize, usize), most: usize) -> (Vec<Range<usize>>, Vec<Range<usize>>) {
        if width * height <= most {
            return (whole(width), whole(height));
        }
        let side = (most.isqrt()).max(SMALLEST);
        if width <= side {
            return (whole(width), self.cut(height, (most / width).max(SMALLEST)));
        }
        if height <= side {
            return (self.cut(width, (most / height).max(SMALLEST)), whole(height));
        }
        (self.cut(width, side), self.cut(height, side))
    }

    /// Cuts `length` pixels into pieces of one size, at most about `most`, that share what they have to.
    fn cut(self, length: usize, most: usize) -> Vec<Range<usize>> {
        if length <= most {
            return whole(length);
        }
        let shared = self.shared();
        let count = (length - shared).div_ceil(most - shared);
        let tile = (length + (count - 1) * shared).div_ceil(count).next_multiple_of(self.multiple).min(length);
        let start = |index: usize| (length - tile) * index / (count - 1) / self.multiple * self.multiple;
        (0..count).map(|index| start(index)..start(index) + tile).collect()
    }

    /// Puts `tile` into `whole` at `(x, y)`, both enlarged by `scale`: over what is there, from the tile's left edge on more
    /// and more if `from_left`, and from its upper edge if `from_top`.
    pub(super) fn put(
        self,
        whole: &mut RgbImage,
        tile: &RgbImage,
        (x, y): (u32, u32),
        (from_left, from_top): (bool, bool),
        scale: usize,
    ) {
        let share = |place: u32, is_ramp: bool| {
            if !is_ramp {
                return 1.0;
            }
            let beyond = (place as f32 + 0.5) / scale as f32 - self.margin as f32;
            (beyond / RAMP as f32).clamp(0.0, 1.0)
        };
        for (column, row, &pixel) in tile.enumerate_pixels() {
            let share = share(column, from_left) * share(row, from_top);
            if share == 0.0 {
                continue;
            }
            let place = whole.get_pixel_mut(x + column, y + row);
            let mix = |before: u8, after: u8| {
                (f32::from(before) + share * (f32::from(after) - f32::from(before))).round_ties_even() as u8
            };
            *place = if share == 1.0 { pixel } else { Rgb(std::array::from_fn(|c| mix(place.0[c], pixel.0[c]))) };
        }
    }
}

/// One tile, which is everything.
fn whole(length: usize) -> Vec<Range<usize>> {
    iter::once(0..length).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiles_cover_everything_share_enough_and_are_no_larger_than_allowed() {
        for margin in [0, 2, 12, 32] {
            for multiple in [1, 2, 4] {
                let overlap = Overlap { margin, multiple };
                for length in (64..2000).step_by(36).chain([4096, 16_384]) {
                    for most in [192, 200, 512, 1000] {
                        let cuts = overlap.cut(length, most);
                        assert_eq!((cuts[0].start, cuts[cuts.len() - 1].end), (0, length));
                        for pair in cuts.windows(2) {
                            let shared = pair[0].end - pair[1].start;
                            assert!(shared >= overlap.shared(), "{overlap:?} {length} {most} {cuts:?}");
                        }
                        for cut in &cuts {
                            assert!(cut.start.is_multiple_of(multiple) && cut.len() < most + 2 * multiple, "{cuts:?}");
                        }
                    }
                }
            }
        }
        let overlap = Overlap { margin: 32, multiple: 1 };
        for size in [(1, 1), (5000, 10), (10, 5000), (3000, 2000)] {
            let (columns, rows) = overlap.tiles(size, 1 << 18);
            for (columns, rows) in columns.iter().flat_map(|columns| rows.iter().map(move |rows| (columns, rows))) {
                assert!(columns.len() * rows.len() <= 270_000, "{size:?}");
            }
        }
    }
}
