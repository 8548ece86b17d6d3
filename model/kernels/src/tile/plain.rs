//! Tiles in plain code: the definition that every other kernel is tested against, and what processors without a kernel
//! of their own use. Fixed lengths let the compiler use the vectors that the target has.

use super::{COLUMNS, ROWS, Tile};

/// Rows computed at once, so that their sums stay in registers.
const TOGETHER: usize = 4;

/// For every group, adds to the sums of a few rows what `add(sum, left, right)` makes of them.
#[inline(always)]
unsafe fn accumulate<const STRIDE: usize, T: Copy + Default>(
    left: *const u32,
    right: *const u32,
    groups: usize,
    tile: &mut Tile,
    add: impl Fn(&mut T, u32, u32),
    bits: impl Fn(T) -> f32,
) {
    for first in (0..ROWS).step_by(TOGETHER) {
        for column in (0..COLUMNS).step_by(COLUMNS / 2) {
            let mut sums = [[T::default(); COLUMNS / 2]; TOGETHER];
            for group in 0..groups {
                // SAFETY: the caller gives a panel of `groups` × COLUMNS.
                let right = unsafe { &*right.add(group * COLUMNS + column).cast::<[u32; COLUMNS / 2]>() };
                for (row, sums) in sums.iter_mut().enumerate() {
                    // SAFETY: the caller gives ROWS rows, STRIDE apart, of at least `groups` groups.
                    let left = unsafe { *left.add((first + row) * STRIDE + group) };
                    for (sum, &right) in sums.iter_mut().zip(right) {
                        add(sum, left, right);
                    }
                }
            }
            for (row, sums) in sums.iter().enumerate() {
                for (place, &sum) in tile.0[first + row][column..].iter_mut().zip(sums) {
                    *place = bits(sum);
                }
            }
        }
    }
}

pub(super) unsafe fn f32<const STRIDE: usize>(left: *const u32, right: *const u32, groups: usize, tile: &mut Tile) {
    let add = |sum: &mut f32, left: u32, right: u32| *sum += f32::from_bits(left) * f32::from_bits(right);
    // SAFETY: as for the caller.
    unsafe { accumulate::<STRIDE, f32>(left, right, groups, tile, add, |sum| sum) }
}

pub(super) unsafe fn bf16<const STRIDE: usize>(left: *const u32, right: *const u32, groups: usize, tile: &mut Tile) {
    let add = |sum: &mut f32, left: u32, right: u32| {
        *sum += f32::from_bits(left << 16) * f32::from_bits(right << 16);
        *sum += f32::from_bits(left & 0xffff_0000) * f32::from_bits(right & 0xffff_0000);
    };
    // SAFETY: as for the caller.
    unsafe { accumulate::<STRIDE, f32>(left, right, groups, tile, add, |sum| sum) }
}

/// Unsigned activations times signed weights.
pub(super) unsafe fn int8<const STRIDE: usize>(left: *const u32, right: *const u32, groups: usize, tile: &mut Tile) {
    let add = |sum: &mut i32, left: u32, right: u32| {
        for byte in 0..4 {
            let left = (left >> (8 * byte)) as u8;
            let right = (right >> (8 * byte)) as i8;
            *sum += i32::from(left) * i32::from(right);
        }
    };
    // SAFETY: as for the caller.
    unsafe { accumulate::<STRIDE, i32>(left, right, groups, tile, add, |sum| f32::from_bits(sum as u32)) }
}
