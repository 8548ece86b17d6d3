//! Tiles for AVX2: a few rows and half of the columns at a time, as 16 registers allow.

use std::arch::x86_64::*;

use super::{COLUMNS, ROWS, Tile};

/// Defines a kernel that keeps the sums of `$together` rows × 16 columns in registers. `$prepare_right` and
/// `$prepare_left` unfold a vector of groups once for all its uses; `$add` adds their product to a sum.
macro_rules! kernel {
    (
        $name:ident, $together:literal, $zero:expr, $bits:expr, $prepare_right:expr, $prepare_left:expr, $add:expr
    ) => {
        #[target_feature(enable = "avx2,fma")]
        pub(super) unsafe fn $name<const STRIDE: usize>(
            left: *const u32,
            right: *const u32,
            groups: usize,
            tile: &mut Tile,
        ) {
            for column in [0, COLUMNS / 2] {
                for first in (0..ROWS).step_by($together) {
                    let mut sums = [[$zero; 2]; $together];
                    for group in 0..groups {
                        // SAFETY: the caller gives a panel of `groups` × COLUMNS, and ROWS rows of `groups`, STRIDE
                        // apart.
                        unsafe {
                            let right = right.add(group * COLUMNS + column);
                            let near = $prepare_right(_mm256_loadu_si256(right.cast()));
                            let far = $prepare_right(_mm256_loadu_si256(right.add(8).cast()));
                            for row in 0..$together {
                                let left = *left.add((first + row) * STRIDE + group);
                                let left = $prepare_left(_mm256_set1_epi32(left as i32));
                                sums[row][0] = $add(sums[row][0], left, near);
                                sums[row][1] = $add(sums[row][1], left, far);
                            }
                        }
                    }
                    for (row, sums) in sums.into_iter().enumerate() {
                        for (half, sum) in sums.into_iter().enumerate() {
                            let place = tile.0[first + row][column + half * 8..].as_mut_ptr();
                            // SAFETY: a tile has ROWS × COLUMNS numbers.
                            unsafe { _mm256_storeu_ps(place, $bits(sum)) };
                        }
                    }
                }
            }
        }
    };
}

kernel!(
    f32,
    6,
    _mm256_setzero_ps(),
    |sum| sum,
    |right| _mm256_castsi256_ps(right),
    |left| _mm256_castsi256_ps(left),
    |sum, left, right| _mm256_fmadd_ps(left, right, sum)
);

kernel!(
    bf16,
    4,
    _mm256_setzero_ps(),
    |sum| sum,
    |right| widen(right),
    |left| widen(left),
    |sum, left: [__m256; 2], right: [__m256; 2]| {
        _mm256_fmadd_ps(left[1], right[1], _mm256_fmadd_ps(left[0], right[0], sum))
    }
);

// Bytes are widened to 16 bits, even ones apart from odd ones: pairs of 8-bit products would overflow 16 bits.
kernel!(
    int8,
    4,
    _mm256_setzero_si256(),
    |sum| _mm256_castsi256_ps(sum),
    |right| [_mm256_srai_epi16::<8>(_mm256_slli_epi16::<8>(right)), _mm256_srai_epi16::<8>(right)],
    |left| [_mm256_and_si256(left, _mm256_set1_epi16(0xff)), _mm256_srli_epi16::<8>(left)],
    |sum, left: [__m256i; 2], right: [__m256i; 2]| {
        let even = _mm256_madd_epi16(left[0], right[0]);
        let odd = _mm256_madd_epi16(left[1], right[1]);
        _mm256_add_epi32(sum, _mm256_add_epi32(even, odd))
    }
);

/// The lower and the upper bf16 of each group, as f32.
#[target_feature(enable = "avx2")]
fn widen(groups: __m256i) -> [__m256; 2] {
    let upper = _mm256_and_si256(groups, _mm256_set1_epi32(0xffff_0000_u32 as i32));
    [_mm256_castsi256_ps(_mm256_slli_epi32::<16>(groups)), _mm256_castsi256_ps(upper)]
}
