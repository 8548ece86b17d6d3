//! Tiles for AVX-512: 24 sums in registers, each group of the left side spread over a vector.

use std::arch::x86_64::*;

use super::{COLUMNS, ROWS, Tile};

/// Defines a kernel. `$prepare_right` and `$prepare_left` unfold a vector of groups once for all its uses;
/// `$add` adds their product to a sum.
macro_rules! kernel {
    ($name:ident, $features:literal, $zero:expr, $store:ident, $prepare_right:expr, $prepare_left:expr, $add:expr) => {
        #[target_feature(enable = $features)]
        pub(super) unsafe fn $name<const STRIDE: usize>(
            left: *const u32,
            right: *const u32,
            groups: usize,
            tile: &mut Tile,
        ) {
            let mut sums = [[$zero; 2]; ROWS];
            let mut right = right;
            for group in 0..groups {
                // SAFETY: the caller gives a panel of `groups` × COLUMNS, and ROWS rows of `groups`, STRIDE apart.
                unsafe {
                    _mm_prefetch::<_MM_HINT_T0>(right.add(8 * COLUMNS).cast());
                    _mm_prefetch::<_MM_HINT_T0>(right.add(8 * COLUMNS + 16).cast());
                    let near = $prepare_right(_mm512_loadu_si512(right.cast()));
                    let far = $prepare_right(_mm512_loadu_si512(right.add(16).cast()));
                    for row in 0..ROWS {
                        let left = $prepare_left(_mm512_set1_epi32(*left.add(row * STRIDE + group) as i32));
                        sums[row][0] = $add(sums[row][0], left, near);
                        sums[row][1] = $add(sums[row][1], left, far);
                    }
                    right = right.add(COLUMNS);
                }
            }
            for (row, sums) in sums.into_iter().enumerate() {
                for (half, sum) in sums.into_iter().enumerate() {
                    // SAFETY: a tile has ROWS × COLUMNS numbers.
                    unsafe { $store(tile.0[row].as_mut_ptr().add(half * 16).cast(), sum) };
                }
            }
        }
    };
}

kernel!(
    f32,
    "avx512f",
    _mm512_setzero_ps(),
    _mm512_storeu_ps,
    |right| _mm512_castsi512_ps(right),
    |left| _mm512_castsi512_ps(left),
    |sum, left, right| _mm512_fmadd_ps(left, right, sum)
);

kernel!(
    bf16_dot,
    "avx512f,avx512bf16",
    _mm512_setzero_ps(),
    _mm512_storeu_ps,
    |right: __m512i| std::mem::transmute::<__m512i, __m512bh>(right),
    |left: __m512i| std::mem::transmute::<__m512i, __m512bh>(left),
    |sum, left, right| _mm512_dpbf16_ps(sum, left, right)
);

// Without the dot product, the two bf16 of a group are widened and multiplied one after the other.
kernel!(
    bf16,
    "avx512f",
    _mm512_setzero_ps(),
    _mm512_storeu_ps,
    |right| widen(right),
    |left| widen(left),
    |sum, left: [__m512; 2], right: [__m512; 2]| _mm512_fmadd_ps(
        left[1],
        right[1],
        _mm512_fmadd_ps(left[0], right[0], sum)
    )
);

kernel!(
    int8_dot,
    "avx512f,avx512vnni",
    _mm512_setzero_si512(),
    _mm512_storeu_si512,
    |right| right,
    |left| left,
    |sum, left, right| _mm512_dpbusd_epi32(sum, left, right)
);

// Without the dot product, bytes are widened to 16 bits, even ones apart from odd ones, whose pairs cannot overflow.
kernel!(
    int8,
    "avx512f,avx512bw",
    _mm512_setzero_si512(),
    _mm512_storeu_si512,
    |right| [_mm512_srai_epi16::<8>(_mm512_slli_epi16::<8>(right)), _mm512_srai_epi16::<8>(right)],
    |left| [_mm512_and_si512(left, _mm512_set1_epi16(0xff)), _mm512_srli_epi16::<8>(left)],
    |sum, left: [__m512i; 2], right: [__m512i; 2]| {
        let even = _mm512_madd_epi16(left[0], right[0]);
        let odd = _mm512_madd_epi16(left[1], right[1]);
        _mm512_add_epi32(sum, _mm512_add_epi32(even, odd))
    }
);

/// The lower and the upper bf16 of each group, as f32.
#[target_feature(enable = "avx512f")]
fn widen(groups: __m512i) -> [__m512; 2] {
    let upper = _mm512_and_si512(groups, _mm512_set1_epi32(0xffff_0000_u32 as i32));
    [_mm512_castsi512_ps(_mm512_slli_epi32::<16>(groups)), _mm512_castsi512_ps(upper)]
}
