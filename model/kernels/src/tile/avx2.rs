//! Tiles for AVX2, with or without AVX-VNNI, in blocks of up to twelve sums, as 16 registers allow.

use std::arch::x86_64::*;

use super::blocks::{CHUNK, Split, floats, kernel, split_kernel};
use super::{COLUMNS, ROWS, Tile};

/// Groups of a vector.
const LANES: usize = 8;

#[inline]
#[target_feature(enable = "avx2")]
fn zero() -> __m256i {
    _mm256_setzero_si256()
}

#[inline]
#[target_feature(enable = "avx2")]
unsafe fn load(groups: *const u32) -> __m256i {
    // SAFETY: the caller has as many groups as a vector.
    unsafe { _mm256_loadu_si256(groups.cast()) }
}

#[inline]
#[target_feature(enable = "avx2")]
unsafe fn spread(group: *const u32) -> __m256i {
    // SAFETY: the caller has a group.
    _mm256_set1_epi32(unsafe { *group } as i32)
}

#[inline]
#[target_feature(enable = "avx2")]
unsafe fn store(place: *mut f32, sums: __m256i) {
    // SAFETY: the caller has a place for as many numbers as a vector has.
    unsafe { _mm256_storeu_si256(place.cast(), sums) }
}

#[inline]
#[target_feature(enable = "avx2,fma")]
fn multiply_add(sum: __m256i, left: __m256i, right: __m256i) -> __m256i {
    let [sum, left, right] = [sum, left, right].map(|vector| _mm256_castsi256_ps(vector));
    _mm256_castps_si256(_mm256_fmadd_ps(left, right, sum))
}

kernel!(f32, "avx2,fma", 6, 2, |sum, left, right| multiply_add(sum, left, right));

split_kernel!(
    bf16,
    "avx2,fma",
    6,
    2,
    2,
    floats,
    |part, right| match part {
        0 => _mm256_slli_epi32::<16>(right),
        _ => _mm256_and_si256(right, _mm256_set1_epi32(0xffff_0000_u32 as i32)),
    },
    |sum, left, right| multiply_add(sum, left, right)
);

// Pairs of products fit 16 bits, because activations have no more than 7.
kernel!(int8, "avx2", 4, 2, |sum, left, right| {
    let pairs = _mm256_maddubs_epi16(left, right);
    _mm256_add_epi32(sum, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)))
});

kernel!(int8_dot, "avx2,avxvnni", 6, 2, |sum, left, right| _mm256_dpbusd_avx_epi32(sum, left, right));
