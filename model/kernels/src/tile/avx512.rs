//! Tiles for AVX-512: all rows and columns at once, in 24 registers.

use std::arch::x86_64::*;

use super::blocks::{CHUNK, Split, floats, kernel, split_kernel};
use super::{COLUMNS, ROWS, Tile};

/// Groups of a vector.
const LANES: usize = 16;

#[inline]
#[target_feature(enable = "avx512f")]
fn zero() -> __m512i {
    _mm512_setzero_si512()
}

/// Also asks for what comes eight groups later.
#[inline]
#[target_feature(enable = "avx512f")]
unsafe fn load(groups: *const u32) -> __m512i {
    // SAFETY: the caller has as many groups as a vector; what is asked for need not be there.
    unsafe {
        _mm_prefetch::<_MM_HINT_T0>(groups.wrapping_add(8 * COLUMNS).cast());
        _mm512_loadu_si512(groups.cast())
    }
}

#[inline]
#[target_feature(enable = "avx512f")]
unsafe fn spread(group: *const u32) -> __m512i {
    // SAFETY: the caller has a group.
    _mm512_set1_epi32(unsafe { *group } as i32)
}

#[inline]
#[target_feature(enable = "avx512f")]
unsafe fn store(place: *mut f32, sums: __m512i) {
    // SAFETY: the caller has a place for as many numbers as a vector has.
    unsafe { _mm512_storeu_si512(place.cast(), sums) }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn multiply_add(sum: __m512i, left: __m512i, right: __m512i) -> __m512i {
    let [sum, left, right] = [sum, left, right].map(|vector| _mm512_castsi512_ps(vector));
    _mm512_castps_si512(_mm512_fmadd_ps(left, right, sum))
}

#[inline]
#[target_feature(enable = "avx512f,avx512bf16")]
fn dot_bf16(sum: __m512i, left: __m512i, right: __m512i) -> __m512i {
    // SAFETY: the types have the same bits.
    let [left, right] = [left, right].map(|vector| unsafe { std::mem::transmute::<__m512i, __m512bh>(vector) });
    _mm512_castps_si512(_mm512_dpbf16_ps(_mm512_castsi512_ps(sum), left, right))
}

kernel!(f32, "avx512f", 12, 2, |sum, left, right| multiply_add(sum, left, right));

kernel!(bf16_dot, "avx512f,avx512bf16", 12, 2, |sum, left, right| dot_bf16(sum, left, right));

// Without the dot product, the two bf16 of a group are widened and multiplied one after the other.
split_kernel!(
    bf16,
    "avx512f",
    12,
    2,
    2,
    floats,
    |part, right| match part {
        0 => _mm512_slli_epi32::<16>(right),
        _ => _mm512_and_si512(right, _mm512_set1_epi32(0xffff_0000_u32 as i32)),
    },
    |sum, left, right| multiply_add(sum, left, right)
);

kernel!(int8_dot, "avx512f,avx512vnni", 12, 2, |sum, left, right| _mm512_dpbusd_epi32(sum, left, right));

// Without the dot product, pairs of products fit 16 bits, because activations have no more than 7.
kernel!(int8, "avx512f,avx512bw", 12, 2, |sum, left, right| {
    let pairs = _mm512_maddubs_epi16(left, right);
    _mm512_add_epi32(sum, _mm512_madd_epi16(pairs, _mm512_set1_epi16(1)))
});
