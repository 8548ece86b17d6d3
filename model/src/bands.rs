//! Pictures of features in bands of rows, so that what is computed on the way to a result is never whole.

use std::ops::Range;

use burn::tensor::Tensor;

use crate::layers::{GroupNorm, Moments, RowsNorm, UpsampleConv2d};

/// What is computed in bands, in numbers of a picture of features.
#[derive(Clone, Copy)]
pub(crate) struct Bands {
    /// Pictures of more numbers than these are computed in bands.
    pub from: usize,
    /// Numbers of a band: few enough to stay near the processor.
    pub size: usize,
    /// A doubled picture of more numbers is computed again where it is needed instead of being kept.
    pub kept: usize,
}

impl Default for Bands {
    fn default() -> Self {
        Self { from: 1 << 25, size: 1 << 22, kept: 1 << 27 }
    }
}

impl Bands {
    /// The bands of a picture, in rows.
    pub(crate) fn of(self, [_, h, w, c]: [usize; 4]) -> impl Iterator<Item = Range<usize>> {
        // Even, so that doubling a band computes few rows that belong to its neighbours.
        let rows = (self.size / (w * c)).max(8).next_multiple_of(2);
        (0..h).step_by(rows).map(move |start| start..(start + rows).min(h))
    }

    /// The doubled picture of `x`.
    pub(crate) fn doubled(self, x: Tensor<4>, upsampler: &UpsampleConv2d) -> Picture<'_> {
        let [_, h, w, _] = x.dims();
        if 4 * x.shape().num_elements() > self.kept {
            Picture::Doubled(x, upsampler)
        } else {
            Picture::Whole(upsampler.forward(x, 2 * h, 2 * w))
        }
    }

    /// `norm` with the statistics of the whole picture.
    pub(crate) fn norm(self, picture: &Picture, norm: &GroupNorm) -> RowsNorm {
        let moments = self.of(picture.dims()).map(|band| norm.moments(picture.rows(band)));
        norm.of_moments(&moments.reduce(Moments::join).expect("a picture has rows"))
    }
}

/// The features `[1, h, w, c]` of a picture.
pub(crate) enum Picture<'a> {
    /// In memory.
    Whole(Tensor<4>),
    /// What doubling makes of smaller ones.
    Doubled(Tensor<4>, &'a UpsampleConv2d),
}

impl Picture<'_> {
    /// Length of each axis.
    pub(crate) fn dims(&self) -> [usize; 4] {
        match self {
            Self::Whole(x) => x.dims(),
            Self::Doubled(x, _) => {
                let [n, h, w, c] = x.dims();
                [n, 2 * h, 2 * w, c]
            }
        }
    }

    /// Some of its rows.
    pub(crate) fn rows(&self, rows: Range<usize>) -> Tensor<4> {
        match self {
            Self::Whole(x) => x.clone().narrow(1, rows.start, rows.len()),
            Self::Doubled(x, upsampler) => upsampler.forward_rows(x, rows),
        }
    }
}

/// A band with the rows before and after it, where there are any, and whether it is at the top and at the bottom.
pub(crate) fn with_neighbours(band: &Range<usize>, height: usize) -> (Range<usize>, (bool, bool)) {
    let rows = band.start.saturating_sub(1)..(band.end + 1).min(height);
    (rows, (band.start == 0, band.end == height))
}

/// `whole` with `rows` in place of those of `band`; in place if nobody else holds `whole`.
pub(crate) fn put(whole: Tensor<4>, band: &Range<usize>, rows: Tensor<4>) -> Tensor<4> {
    let [n, _, w, c] = whole.dims();
    whole.slice_assign([0..n, band.clone(), 0..w, 0..c], rows)
}
