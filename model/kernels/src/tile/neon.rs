//! Tiles for NEON: half of the rows and half of the columns at a time, in 24 registers of 32.

use std::arch::aarch64::*;
use std::arch::asm;

use super::blocks::{CHUNK, Split, floats, kernel, split_kernel};
use super::{COLUMNS, ROWS, Tile};

/// Groups of a vector.
const LANES: usize = 4;
/// Turns bytes from 0 to 255 into signed ones that are 128 less.
const SIGNS: u32 = 0x8080_8080;

#[inline]
#[target_feature(enable = "neon")]
fn zero() -> uint32x4_t {
    vdupq_n_u32(0)
}

#[inline]
#[target_feature(enable = "neon")]
unsafe fn load(groups: *const u32) -> uint32x4_t {
    // SAFETY: the caller has as many groups as a vector.
    unsafe { vld1q_u32(groups) }
}

#[inline]
#[target_feature(enable = "neon")]
unsafe fn spread(group: *const u32) -> uint32x4_t {
    // SAFETY: the caller has a group.
    unsafe { vld1q_dup_u32(group) }
}

#[inline]
#[target_feature(enable = "neon")]
unsafe fn store(place: *mut f32, sums: uint32x4_t) {
    // SAFETY: the caller has a place for as many numbers as a vector has.
    unsafe { vst1q_u32(place.cast(), sums) }
}

#[inline]
#[target_feature(enable = "neon")]
fn multiply_add(sum: uint32x4_t, left: uint32x4_t, right: uint32x4_t) -> uint32x4_t {
    let [sum, left, right] = [sum, left, right].map(|vector| vreinterpretq_f32_u32(vector));
    vreinterpretq_u32_f32(vfmaq_f32(sum, left, right))
}

/// The dot product of four signed bytes with four signed bytes, added to each number of `sum`. Its intrinsic is not
/// stable in Rust 1.95.
#[inline]
#[target_feature(enable = "neon,dotprod")]
fn dot_int8(sum: uint32x4_t, left: uint32x4_t, right: uint32x4_t) -> uint32x4_t {
    let mut sum = sum;
    // SAFETY: nothing but registers is touched, and the processor has the instruction.
    unsafe {
        asm!(
            "sdot {0:v}.4s, {1:v}.16b, {2:v}.16b",
            inout(vreg) sum, in(vreg) left, in(vreg) right,
            options(pure, nomem, nostack, preserves_flags)
        );
    }
    sum
}

kernel!(f32, "neon", 6, 4, |sum, left, right| multiply_add(sum, left, right));

split_kernel!(
    bf16,
    "neon",
    6,
    4,
    2,
    floats,
    |part, right| match part {
        0 => vshlq_n_u32::<16>(right),
        _ => vandq_u32(right, vdupq_n_u32(0xffff_0000)),
    },
    |sum, left, right| multiply_add(sum, left, right)
);

// The dot product is of signed bytes: activations are multiplied as 128 less than they are, and sums begin with what
// that takes from them.
split_kernel!(
    int8_dot,
    "neon,dotprod",
    6,
    4,
    1,
    |group| [group ^ SIGNS],
    |_, right| right,
    |sum, left, right| dot_int8(sum, left, right),
    begin_dot
);

/// Fills every row of `tile` with 128 times the sum of each column of `right` `[groups][COLUMNS]`.
#[inline]
#[target_feature(enable = "neon,dotprod")]
unsafe fn begin_dot(right: *const u32, groups: usize, tile: &mut Tile) {
    let ones = vdupq_n_u32(0x0101_0101);
    for column in (0..COLUMNS).step_by(LANES) {
        let mut sum = zero();
        for group in 0..groups {
            // SAFETY: the caller gives a panel of `groups` × COLUMNS.
            sum = dot_int8(sum, ones, unsafe { load(right.add(group * COLUMNS + column)) });
        }
        for row in &mut tile.0 {
            // SAFETY: the place has as many numbers as a vector.
            unsafe { store(row[column..][..LANES].as_mut_ptr(), vshlq_n_u32::<7>(sum)) };
        }
    }
}

/// Without the dot product: 8-bit products of two groups are added in 16 bits, which they fill but do not overflow, as
/// weights are no less than −127; then in 32. As for [`int8_dot`], activations are multiplied as 128 less.
#[target_feature(enable = "neon")]
pub(super) unsafe fn int8<const STRIDE: usize>(left: *const u32, right: *const u32, groups: usize, tile: &mut Tile) {
    /// Rows and vectors of a block.
    const BLOCK: [usize; 2] = [4, 2];
    // SAFETY: the caller gives a panel of `groups` × COLUMNS.
    unsafe { begin(right, groups, tile) };
    for column in (0..COLUMNS).step_by(BLOCK[1] * LANES) {
        for first in (0..ROWS).step_by(BLOCK[0]) {
            // Of every vector, what the first half of each group and what the second half gives.
            let mut sums = [[[vdupq_n_s32(0); 2]; BLOCK[1]]; BLOCK[0]];
            for group in (0..groups).step_by(2) {
                let has_next = group + 1 < groups;
                let mut columns = [[vdupq_n_s8(0); 2]; BLOCK[1]];
                for (vector, columns) in columns.iter_mut().enumerate() {
                    // SAFETY: as above.
                    unsafe {
                        let right = right.add(group * COLUMNS + column + vector * LANES);
                        columns[0] = vreinterpretq_s8_u32(load(right));
                        if has_next {
                            columns[1] = vreinterpretq_s8_u32(load(right.add(COLUMNS)));
                        }
                    }
                }
                for (row, sums) in sums.iter_mut().enumerate() {
                    // SAFETY: the caller gives ROWS rows of `groups`, STRIDE apart.
                    let (now, next) = unsafe {
                        let left = left.add((first + row) * STRIDE + group);
                        (spread(left), spread(left.add(usize::from(has_next))))
                    };
                    let [now, next] = [now, next].map(|left| vreinterpretq_s8_u32(veorq_u32(left, vdupq_n_u32(SIGNS))));
                    for (sums, columns) in sums.iter_mut().zip(&columns) {
                        let low = vmull_s8(vget_low_s8(now), vget_low_s8(columns[0]));
                        let low = vmlal_s8(low, vget_low_s8(next), vget_low_s8(columns[1]));
                        let high = vmlal_high_s8(vmull_high_s8(now, columns[0]), next, columns[1]);
                        *sums = [vpadalq_s16(sums[0], low), vpadalq_s16(sums[1], high)];
                    }
                }
            }
            for (row, sums) in sums.into_iter().enumerate() {
                for (vector, [low, high]) in sums.into_iter().enumerate() {
                    let place = &mut tile.0[first + row][column + vector * LANES..][..LANES];
                    let sum = vreinterpretq_u32_s32(vpaddq_s32(low, high));
                    // SAFETY: the place has as many numbers as a vector.
                    unsafe { store(place.as_mut_ptr(), vaddq_u32(load(place.as_ptr().cast()), sum)) };
                }
            }
        }
    }
}

/// As [`begin_dot`], without the dot product.
#[inline]
#[target_feature(enable = "neon")]
unsafe fn begin(right: *const u32, groups: usize, tile: &mut Tile) {
    for column in (0..COLUMNS).step_by(LANES) {
        let mut sum = vdupq_n_s32(0);
        for group in 0..groups {
            // SAFETY: the caller gives a panel of `groups` × COLUMNS.
            let weights = unsafe { load(right.add(group * COLUMNS + column)) };
            sum = vpadalq_s16(sum, vpaddlq_s8(vreinterpretq_s8_u32(weights)));
        }
        let sum = vshlq_n_u32::<7>(vreinterpretq_u32_s32(sum));
        for row in &mut tile.0 {
            // SAFETY: the place has as many numbers as a vector.
            unsafe { store(row[column..][..LANES].as_mut_ptr(), sum) };
        }
    }
}
