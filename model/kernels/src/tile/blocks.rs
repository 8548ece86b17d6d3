//! The loops that kernels have in common: blocks of a tile whose sums stay in registers while the inner length is gone
//! along. A module of kernels says what a vector is: `LANES`, `zero`, `load`, `spread` and `store`.

use std::mem::MaybeUninit;

use super::ROWS;

/// Groups of the left side that are split at once.
pub(super) const CHUNK: usize = 64;

/// Defines a kernel with blocks of `$rows` rows × `$vectors` vectors. `$add` adds the product of a group of the left side,
/// spread over a vector, and a vector of the right side to a sum.
macro_rules! kernel {
    ($name:ident, $features:literal, $rows:literal, $vectors:literal, $add:expr) => {
        #[target_feature(enable = $features)]
        pub(super) unsafe fn $name<const STRIDE: usize>(
            left: *const u32,
            right: *const u32,
            groups: usize,
            tile: &mut Tile,
        ) {
            for column in (0..COLUMNS).step_by($vectors * LANES) {
                for first in (0..ROWS).step_by($rows) {
                    let mut sums = [[zero(); $vectors]; $rows];
                    for group in 0..groups {
                        let mut columns = [zero(); $vectors];
                        for (vector, columns) in columns.iter_mut().enumerate() {
                            // SAFETY: the caller gives a panel of `groups` × COLUMNS.
                            *columns = unsafe { load(right.add(group * COLUMNS + column + vector * LANES)) };
                        }
                        for (row, sums) in sums.iter_mut().enumerate() {
                            // SAFETY: the caller gives ROWS rows of `groups`, STRIDE apart.
                            let left = unsafe { spread(left.add((first + row) * STRIDE + group)) };
                            for (sum, &right) in sums.iter_mut().zip(&columns) {
                                *sum = $add(*sum, left, right);
                            }
                        }
                    }
                    for (row, sums) in sums.into_iter().enumerate() {
                        for (vector, sum) in sums.into_iter().enumerate() {
                            let place = &mut tile.0[first + row][column + vector * LANES..][..LANES];
                            // SAFETY: the place has as many numbers as a vector.
                            unsafe { store(place.as_mut_ptr(), sum) };
                        }
                    }
                }
            }
        }
    };
}

/// Defines a kernel that multiplies groups in `$parts` parts, one after the other: `$left` splits a group of the left side,
/// once for all columns, `$right` gives a part of a vector of the right side, and `$add` adds the product of two parts to
/// a sum. Where there is a `$begin`, sums begin with what it writes into the tile.
macro_rules! split_kernel {
    (
        $name:ident, $features:literal, $rows:literal, $vectors:literal, $parts:literal, $left:expr, $right:expr,
        $add:expr $(, $begin:ident)?
    ) => {
        #[target_feature(enable = $features)]
        pub(super) unsafe fn $name<const STRIDE: usize>(
            left: *const u32,
            right: *const u32,
            groups: usize,
            tile: &mut Tile,
        ) {
            *tile = Tile::ZERO;
            $(
                // SAFETY: the caller gives a panel of `groups` × COLUMNS.
                unsafe { $begin(right, groups, tile) };
            )?
            let numbers = tile.0.as_mut_ptr().cast::<u32>();
            let mut split = Split::<$parts>::new();
            for start in (0..groups).step_by(CHUNK) {
                let count = CHUNK.min(groups - start);
                // SAFETY: the caller gives ROWS rows of `groups`, STRIDE apart.
                let parts = unsafe { split.fill::<STRIDE>(left.add(start), count, $left) };
                for column in (0..COLUMNS).step_by($vectors * LANES) {
                    for first in (0..ROWS).step_by($rows) {
                        let mut sums = [[zero(); $vectors]; $rows];
                        for (row, sums) in sums.iter_mut().enumerate() {
                            for (vector, sum) in sums.iter_mut().enumerate() {
                                let place = (first + row) * COLUMNS + column + vector * LANES;
                                // SAFETY: the tile has ROWS × COLUMNS numbers.
                                *sum = unsafe { load(numbers.add(place)) };
                            }
                        }
                        // One part after the other: both at once would need more registers.
                        for part in 0..$parts {
                            for group in 0..count {
                                let mut columns = [zero(); $vectors];
                                for (vector, columns) in columns.iter_mut().enumerate() {
                                    let place = (start + group) * COLUMNS + column + vector * LANES;
                                    // SAFETY: the caller gives a panel of `groups` × COLUMNS.
                                    *columns = $right(part, unsafe { load(right.add(place)) });
                                }
                                for (row, sums) in sums.iter_mut().enumerate() {
                                    // SAFETY: `count` groups of every row were split.
                                    let left =
                                        unsafe { spread(parts.add((part * ROWS + first + row) * CHUNK + group)) };
                                    for (sum, &right) in sums.iter_mut().zip(&columns) {
                                        *sum = $add(*sum, left, right);
                                    }
                                }
                            }
                        }
                        for (row, sums) in sums.into_iter().enumerate() {
                            for (vector, sum) in sums.into_iter().enumerate() {
                                let place = (first + row) * COLUMNS + column + vector * LANES;
                                // SAFETY: as above.
                                unsafe { store(numbers.add(place).cast(), sum) };
                            }
                        }
                    }
                }
            }
        }
    };
}

pub(super) use {kernel, split_kernel};

/// Some groups of the left side's rows, split into parts: `[part][row][group]`. In the first cache, and written once for
/// all columns.
pub(super) struct Split<const PARTS: usize>([[[MaybeUninit<u32>; CHUNK]; ROWS]; PARTS]);

impl<const PARTS: usize> Split<PARTS> {
    #[inline(always)]
    pub(super) fn new() -> Self {
        Self([[[MaybeUninit::uninit(); CHUNK]; ROWS]; PARTS])
    }

    /// Splits `count` groups, at most [`CHUNK`], of every row of `left` `[ROWS][STRIDE]`.
    ///
    /// # Safety
    /// `left` has as many.
    #[inline(always)]
    pub(super) unsafe fn fill<const STRIDE: usize>(
        &mut self,
        left: *const u32,
        count: usize,
        split: impl Fn(u32) -> [u32; PARTS],
    ) -> *const u32 {
        for row in 0..ROWS {
            for group in 0..count.min(CHUNK) {
                // SAFETY: the caller's promise.
                let parts = split(unsafe { *left.add(row * STRIDE + group) });
                for (places, part) in self.0.iter_mut().zip(parts) {
                    places[row][group].write(part);
                }
            }
        }
        self.0.as_ptr().cast()
    }
}

/// The two bf16 of a group, the lower one first, as f32.
#[inline(always)]
pub(super) fn floats(group: u32) -> [u32; 2] {
    [group << 16, group & 0xffff_0000]
}
