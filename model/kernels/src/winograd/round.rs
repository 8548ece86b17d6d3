//! Sums of pixels as groups of the left side of a product.

use half::bf16;

use super::sizes::CHANNELS;
use crate::{Arithmetic, Element, Instructions};

/// Where the groups of sums go: for each sum `[row][stride]`, one stretch of the inner length after the other.
pub(super) struct Groups<'a> {
    pub(super) words: &'a mut [u32],
    pub(super) arithmetic: Arithmetic,
    pub(super) instructions: Instructions,
    /// Sums of a square.
    pub(super) sums: usize,
    /// Rows of a sum.
    pub(super) rows: usize,
    /// Groups from one row to the next.
    pub(super) stride: usize,
    /// Groups of a stretch.
    pub(super) depth: usize,
}

/// Stores the sums of the channels from `channel` on in `row`.
#[inline(always)]
pub(super) fn store(sums: &[[f32; CHANNELS]], groups: &mut Groups<'_>, row: usize, channel: usize) {
    let is_f32 = groups.arithmetic == Arithmetic::F32;
    let group = if is_f32 { channel } else { channel / 2 };
    let (stretch, group) = if group < groups.depth { (0, group) } else { (group / groups.depth, group % groups.depth) };
    let step = groups.rows * groups.stride;
    let first = stretch * groups.sums * step + row * groups.stride + group;
    let words = &mut groups.words[first..];
    if is_f32 {
        for (sums, words) in sums.iter().zip(words.chunks_mut(step)) {
            let words: &mut [u32; CHANNELS] = words.first_chunk_mut().expect("rows have whole chunks");
            for channel in 0..CHANNELS {
                words[channel] = sums[channel].to_bits();
            }
        }
        return;
    }
    #[cfg(target_arch = "x86_64")]
    if matches!(groups.instructions, Instructions::Avx512Bf16 | Instructions::Amx) {
        // SAFETY: these instructions are chosen where the processor has them.
        return unsafe { avx512::round(sums, words, step) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = groups.instructions;
    for (sums, words) in sums.iter().zip(words.chunks_mut(step)) {
        let halves: &mut [u16; CHANNELS] =
            bytemuck::cast_slice_mut(words).first_chunk_mut().expect("rows have whole chunks");
        for channel in 0..CHANNELS {
            halves[channel] = <bf16 as Element>::from_f32(sums[channel]).to_bits();
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod avx512 {
    use std::arch::x86_64::*;

    use super::CHANNELS;

    /// Rounds each of the `sums` to bf16, with an instruction that does it.
    #[target_feature(enable = "avx512f,avx512bf16")]
    pub(super) fn round(sums: &[[f32; CHANNELS]], words: &mut [u32], step: usize) {
        for (sums, words) in sums.iter().zip(words.chunks_mut(step)) {
            let words: &mut [u32; CHANNELS / 2] = words.first_chunk_mut().expect("rows have whole chunks");
            // SAFETY: the arrays have two vectors of f32 and one of bf16.
            unsafe {
                let lower = _mm512_loadu_ps(sums.as_ptr());
                let upper = _mm512_loadu_ps(sums.as_ptr().add(CHANNELS / 2));
                let halves = std::mem::transmute::<__m512bh, __m512i>(_mm512_cvtne2ps_pbh(upper, lower));
                _mm512_storeu_si512(words.as_mut_ptr().cast(), halves);
            }
        }
    }
}
