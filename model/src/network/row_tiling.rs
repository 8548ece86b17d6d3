//! Feature maps computed in tiles of rows, so that what is computed on the way to a result is never whole.

use std::ops::Range;

use burn::tensor::Tensor;

use crate::network::layers::{GroupNorm, Moments, UpsampleConv2d};
use crate::ops;

/// Which feature maps are computed in tiles of rows, and how large the tiles are; all sizes in numbers.
#[derive(Clone, Copy)]
pub(super) struct RowTiling {
    /// Feature maps of more numbers than these are tiled.
    pub(super) from: usize,
    /// Numbers of a tile: few enough to stay near the processor.
    pub(super) size: usize,
    /// An upsampled map of more numbers is computed again where it is needed instead of being kept.
    pub(super) kept: usize,
}

impl Default for RowTiling {
    fn default() -> Self {
        Self { from: 1 << 25, size: 1 << 21, kept: 1 << 27 }
    }
}

impl RowTiling {
    /// `tiling`, if a level of so many numbers is computed by it.
    pub(super) fn of_level(tiling: Option<Self>, images: usize, numbers: usize) -> Option<Self> {
        tiling.filter(|tiling| images == 1 && numbers > tiling.from)
    }

    /// The tiles of a feature map, in rows.
    pub(super) fn tiles(self, [_, h, w, c]: [usize; 4]) -> impl Iterator<Item = Range<usize>> {
        // Even, so that upsampling a tile computes few rows that belong to its neighbours.
        let rows = (self.size / (w * c)).max(8).next_multiple_of(2);
        (0..h).step_by(rows).map(move |start| start..(start + rows).min(h))
    }

    /// `x` upsampled to twice its height and width.
    pub(super) fn upsample_nearest_2x(self, x: Tensor<4>, upsampler: &UpsampleConv2d) -> FeatureMap<'_> {
        let [_, h, w, _] = x.dims();
        if 4 * x.shape().num_elements() > self.kept {
            FeatureMap::Upsampled(x, upsampler)
        } else {
            FeatureMap::Whole(upsampler.forward(x, 2 * h, 2 * w))
        }
    }

    /// The statistics of a whole map for `norm`.
    pub(super) fn moments(self, features: &FeatureMap, norm: &GroupNorm) -> Moments {
        let moments = self.tiles(features.dims()).map(|tile| norm.moments(features.rows(tile)));
        moments.reduce(Moments::join).expect("a feature map has rows")
    }
}

/// The features `[1, h, w, c]` of one image.
pub(super) enum FeatureMap<'a> {
    /// In memory.
    Whole(Tensor<4>),
    /// What upsampling makes of a smaller map.
    Upsampled(Tensor<4>, &'a UpsampleConv2d),
}

impl FeatureMap<'_> {
    /// Length of each axis.
    pub(super) fn dims(&self) -> [usize; 4] {
        match self {
            Self::Whole(x) => x.dims(),
            Self::Upsampled(x, _) => {
                let [n, h, w, c] = x.dims();
                [n, 2 * h, 2 * w, c]
            }
        }
    }

    /// Some of its rows.
    pub(super) fn rows(&self, rows: Range<usize>) -> Tensor<4> {
        match self {
            Self::Whole(x) => x.clone().narrow(1, rows.start, rows.len()),
            Self::Upsampled(x, upsampler) => upsampler.forward_rows(x, rows),
        }
    }
}

/// A tile with the rows before and after it, where there are any, and whether it is at the top and at the bottom.
pub(super) fn with_neighbours(tile: &Range<usize>, height: usize) -> (Range<usize>, (bool, bool)) {
    let rows = tile.start.saturating_sub(1)..(tile.end + 1).min(height);
    (rows, (tile.start == 0, tile.end == height))
}

/// `whole` with `rows` in place of those of `tile`; in place if nobody else holds `whole`.
pub(super) fn put(whole: Tensor<4>, tile: &Range<usize>, rows: Tensor<4>) -> Tensor<4> {
    ops::put_rows(whole, rows, tile.start)
}
