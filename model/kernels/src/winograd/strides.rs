//! What multiplies rows of sums that are as far apart as a convolution's.

use crate::tile::{self, Kernel, Tile};
use crate::{Arithmetic, Instructions};

/// Multiplies a tile of slices.
pub(super) type Multiply = fn(Kernel, &[u32], &[u32], usize, &mut Tile);

/// Groups from one row of sums to the next, and what multiplies such rows.
pub(super) fn strided(depth: usize, arithmetic: Arithmetic, instructions: Instructions) -> (usize, Kernel, Multiply) {
    // More than the depth, so that rows spread over the first cache's sets.
    macro_rules! of {
        ($stride:literal) => {
            ($stride, tile::kernel::<$stride>(arithmetic, instructions), tile::multiply::<$stride>)
        };
    }
    match depth {
        0..=64 => of!(80),
        65..=128 => of!(144),
        129..=256 => of!(272),
        257..=512 => of!(528),
        _ => of!(656),
    }
}
