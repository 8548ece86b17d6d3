//! Tiles for NEON with products of matrices (i8mm and bf16): an instruction multiplies two rows with two columns, two groups
//! deep. All rows and a quarter of the columns at a time, in 24 registers of 32.

use std::arch::aarch64::*;
use std::arch::asm;
use std::mem::MaybeUninit;

use super::blocks::CHUNK;
use super::{COLUMNS, ROWS, Tile};

/// Pairs of rows.
const PAIRS: usize = ROWS / 2;
/// Columns of a block.
const TOGETHER: usize = 8;

/// Two groups of each row, rows in pairs: `[two groups][pair][row of the pair][group]`.
struct Pairs([[[[MaybeUninit<u32>; 2]; 2]; PAIRS]; CHUNK / 2]);

impl Pairs {
    /// Takes `count` groups, at most [`CHUNK`], of every row of `left` `[ROWS][STRIDE]`, with zeros after an odd one.
    ///
    /// # Safety
    /// `left` has as many.
    #[inline(always)]
    unsafe fn fill<const STRIDE: usize>(&mut self, left: *const u32, count: usize) -> *const u32 {
        for (index, places) in self.0.iter_mut().take(count.div_ceil(2)).enumerate() {
            for (row, places) in places.as_flattened_mut().iter_mut().enumerate() {
                for (group, place) in (2 * index..).zip(places) {
                    // SAFETY: the caller's promise.
                    place.write(if group < count { unsafe { *left.add(row * STRIDE + group) } } else { 0 });
                }
            }
        }
        self.0.as_ptr().cast()
    }
}

/// Defines a kernel around an instruction that adds the products of two rows and two columns to four sums.
macro_rules! kernel {
    ($name:ident, $features:literal, $multiply:ident) => {
        #[target_feature(enable = $features)]
        pub(super) unsafe fn $name<const STRIDE: usize>(
            left: *const u32,
            right: *const u32,
            groups: usize,
            tile: &mut Tile,
        ) {
            *tile = Tile::ZERO;
            let mut pairs = Pairs([[[[MaybeUninit::uninit(); 2]; 2]; PAIRS]; CHUNK / 2]);
            for start in (0..groups).step_by(CHUNK) {
                let count = CHUNK.min(groups - start);
                // SAFETY: the caller gives ROWS rows of `groups`, STRIDE apart.
                let left = unsafe { pairs.fill::<STRIDE>(left.add(start), count) };
                for column in (0..COLUMNS).step_by(TOGETHER) {
                    let mut sums = take(tile, column);
                    for index in 0..count.div_ceil(2) {
                        let group = 2 * index;
                        let mut columns = [vdupq_n_u32(0); TOGETHER / 2];
                        for (half, columns) in columns.as_chunks_mut::<2>().0.iter_mut().enumerate() {
                            // SAFETY: the caller gives a panel of `groups` × COLUMNS.
                            unsafe {
                                let right = right.add((start + group) * COLUMNS + column + 4 * half);
                                let now = vld1q_u32(right);
                                let next =
                                    if group + 1 < count { vld1q_u32(right.add(COLUMNS)) } else { vdupq_n_u32(0) };
                                *columns = [vzip1q_u32(now, next), vzip2q_u32(now, next)];
                            }
                        }
                        for (pair, sums) in sums.iter_mut().enumerate() {
                            // SAFETY: `count` groups were taken of every row.
                            let rows = unsafe { vld1q_u32(left.add((index * PAIRS + pair) * 4)) };
                            for (sum, &columns) in sums.iter_mut().zip(&columns) {
                                *sum = $multiply(*sum, rows, columns);
                            }
                        }
                    }
                    give(tile, column, sums);
                }
            }
        }
    };
}

/// The sums of each pair of rows and each pair of columns from `column` on, two rows of two each.
#[inline]
#[target_feature(enable = "neon")]
fn take(tile: &Tile, column: usize) -> [[uint32x4_t; TOGETHER / 2]; PAIRS] {
    let mut sums = [[vdupq_n_u32(0); TOGETHER / 2]; PAIRS];
    for (rows, sums) in tile.0.as_chunks::<2>().0.iter().zip(&mut sums) {
        for (half, sums) in sums.as_chunks_mut::<2>().0.iter_mut().enumerate() {
            let place = |row: &[f32; COLUMNS]| row[column + 4 * half..][..4].as_ptr().cast();
            // SAFETY: the places have as many numbers as a vector.
            let [upper, lower] = unsafe { [vld1q_u64(place(&rows[0])), vld1q_u64(place(&rows[1]))] };
            *sums = [vzip1q_u64(upper, lower), vzip2q_u64(upper, lower)].map(|sums| vreinterpretq_u32_u64(sums));
        }
    }
    sums
}

/// Puts back what [`take`] took.
#[inline]
#[target_feature(enable = "neon")]
fn give(tile: &mut Tile, column: usize, sums: [[uint32x4_t; TOGETHER / 2]; PAIRS]) {
    for (rows, sums) in tile.0.as_chunks_mut::<2>().0.iter_mut().zip(&sums) {
        for (half, sums) in sums.as_chunks::<2>().0.iter().enumerate() {
            let [near, far] = sums.map(|sums| vreinterpretq_u64_u32(sums));
            let numbers = [vzip1q_u64(near, far), vzip2q_u64(near, far)];
            for (row, numbers) in rows.iter_mut().zip(numbers) {
                // SAFETY: the place has as many numbers as a vector.
                unsafe { vst1q_u64(row[column + 4 * half..][..4].as_mut_ptr().cast(), numbers) };
            }
        }
    }
}

/// Unsigned bytes times signed bytes. The intrinsic is not stable in Rust 1.95.
#[inline]
#[target_feature(enable = "neon,i8mm")]
fn multiply_int8(sums: uint32x4_t, rows: uint32x4_t, columns: uint32x4_t) -> uint32x4_t {
    let mut sums = sums;
    // SAFETY: nothing but registers is touched, and the processor has the instruction.
    unsafe {
        asm!(
            "usmmla {0:v}.4s, {1:v}.16b, {2:v}.16b",
            inout(vreg) sums, in(vreg) rows, in(vreg) columns,
            options(pure, nomem, nostack, preserves_flags)
        );
    }
    sums
}

/// Products of bf16, added in f32. There is no intrinsic for it in Rust 1.95.
#[inline]
#[target_feature(enable = "neon,bf16")]
fn multiply_bf16(sums: uint32x4_t, rows: uint32x4_t, columns: uint32x4_t) -> uint32x4_t {
    let mut sums = sums;
    // SAFETY: nothing but registers is touched, and the processor has the instruction.
    unsafe {
        asm!(
            "bfmmla {0:v}.4s, {1:v}.8h, {2:v}.8h",
            inout(vreg) sums, in(vreg) rows, in(vreg) columns,
            options(pure, nomem, nostack, preserves_flags)
        );
    }
    sums
}

kernel!(int8, "neon,i8mm", multiply_int8);
kernel!(bf16, "neon,bf16", multiply_bf16);
