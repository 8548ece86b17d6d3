//! How many sums there are, how many are made at once, and where they are worth it.

use crate::Arithmetic;
use crate::pack::{Order, PackedShape};
use crate::tile::COLUMNS;

/// Channels whose sums are made at once.
pub(crate) const CHANNELS: usize = 32;
/// Sums to a side for a convolution.
pub(crate) const CONVOLUTION: usize = 4;
/// Sums to a side for a convolution of an image that is upsampled by two.
pub(crate) const UPSAMPLING: usize = 3;
/// Channels at least: making the sums of fewer takes as long as the products that are saved.
const FEWEST: usize = 128;
/// Channels at least for sums in 8 bits, which take longer to make.
pub(super) const FEWEST_IN_8_BITS: usize = 256;

/// Bytes of sums that stay in a last cache.
#[derive(Clone, Copy)]
pub(crate) struct Cached {
    /// Of weights, which are kept while all squares are gone over.
    pub(crate) weights: usize,
    /// Of pixels that all threads share.
    pub(crate) pixels: usize,
}

impl Default for Cached {
    fn default() -> Self {
        Self { weights: 20 << 20, pixels: 8 << 20 }
    }
}

/// Whether convolutions with such weights are faster with fewer products: 3×3, with a stride of 1, of enough channels.
pub fn suits_winograd(weights: PackedShape) -> bool {
    let PackedShape { arithmetic, outputs, taps, inputs, order } = weights;
    let fewest = if arithmetic == Arithmetic::Int8 { FEWEST_IN_8_BITS } else { FEWEST };
    taps == 9 && order == Order::Plain && inputs >= fewest && inputs.is_multiple_of(CHANNELS) && outputs >= COLUMNS
}
