//! Images that are drawn in tiles, because they are larger than what a model draws well in one piece.

use crate::table::ResolvedSettings;

/// Pixels that sides of tiles and of images are multiples of.
const UNIT: u32 = 8;

/// The tiles of an image, which overlap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tiling {
    /// The side of a tile, in pixels.
    pub size: u32,
    /// Pixels that neighbours share at least.
    pub overlap: u32,
}

impl Tiling {
    /// The first pixels of the tiles along a side of `length` pixels, evenly spaced; of one tile where that is enough.
    #[must_use]
    pub fn starts(self, length: u32) -> Vec<u32> {
        let Some(beyond) = length.checked_sub(self.size).filter(|beyond| *beyond > 0) else { return vec![0] };
        let step = self.size.saturating_sub(self.overlap).max(UNIT);
        let count = beyond.div_ceil(step);
        (0..=count)
            .map(|index| (u64::from(beyond) * u64::from(index) / u64::from(count)) as u32 / UNIT * UNIT)
            .collect()
    }

    /// Pixels of all tiles of an image of `width`×`height`: what an evaluation computes.
    #[must_use]
    pub fn pixels(self, (width, height): (u32, u32)) -> u64 {
        let along = |length: u32| self.starts(length).len() as u64 * u64::from(length.min(self.size));
        along(width) * along(height)
    }
}

impl ResolvedSettings {
    /// How the image is cut into tiles, if it is.
    #[must_use]
    pub fn tiling(&self) -> Option<Tiling> {
        let size = self.tile_size?;
        // A quarter is what blends well; beyond a half, places would be computed three times.
        let overlap = self.tile_overlap.unwrap_or(size / 4).min(size / 2) / UNIT * UNIT;
        Some(Tiling { size, overlap })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiles_cover_a_side_and_share_enough() {
        for (size, overlap) in [(64, 0), (64, 16), (512, 128), (1024, 256), (1024, 512), (2048, 8)] {
            let tiling = Tiling { size, overlap };
            for length in (64..=4096).step_by(8) {
                let starts = tiling.starts(length);
                assert_eq!(starts[0], 0);
                assert!(starts[starts.len() - 1] + size >= length, "{tiling:?} {length}");
                assert!(starts.iter().all(|start| start.is_multiple_of(UNIT) && start + size.min(length) <= length));
                for pair in starts.windows(2) {
                    assert!(pair[0] + size >= pair[1] + overlap, "{tiling:?} {length} {starts:?}");
                }
            }
        }
        let tiling = Tiling { size: 1024, overlap: 256 };
        assert_eq!(tiling.starts(4096), [0, 768, 1536, 2304, 3072]);
        assert_eq!(tiling.pixels((4096, 4096)), 25 * 1024 * 1024);
        assert_eq!(tiling.pixels((512, 1024)), 512 * 1024);
    }
}
