//! Sums of the weights of a 3×3 kernel.

use rayon::prelude::*;

use super::sizes::CONVOLUTION;
use crate::buffers::{self, Recycled};
use crate::pack::{Packed, pair};
use crate::tile::COLUMNS;
use crate::{Arithmetic, Instructions};

/// Numbers in a line of the cache.
const LINE: usize = 16;

/// The sums of the weights, `[panel][N·N][group][COLUMNS]`.
pub(super) struct SummedWeights<const N: usize> {
    words: Recycled<f32>,
    /// Words before the first one at the start of a line of the cache.
    skipped: usize,
    groups: usize,
}

impl<const N: usize> SummedWeights<N> {
    /// Of packed weights of 9 taps.
    pub(super) fn new(weights: &Packed, instructions: Instructions) -> Self {
        let shape = weights.shape();
        let groups = shape.groups_of_tap();
        let size = N * N * groups * COLUMNS;
        let mut words = buffers::any::<f32>(shape.panels() * size + LINE);
        let all: &mut [u32] = bytemuck::cast_slice_mut(&mut words);
        let skipped = all.as_ptr().align_offset(4 * LINE).min(LINE);
        let panels = all[skipped..].par_chunks_exact_mut(size.max(1)).take(shape.panels()).enumerate();
        panels.for_each(|(index, sums)| {
            instructions.vectorize(
                #[inline(always)]
                || {
                    if shape.arithmetic == Arithmetic::F32 {
                        sum_panel::<N, false>(weights.panel(index), sums, groups);
                    } else {
                        sum_panel::<N, true>(weights.panel(index), sums, groups);
                    }
                },
            );
        });
        Self { words: Recycled::new(words), skipped, groups }
    }

    /// The groups `[group][COLUMNS]` of one sum in one panel.
    #[inline(always)]
    pub(super) fn of(&self, panel: usize, position: usize) -> &[u32] {
        let size = self.groups * COLUMNS;
        let words: &[u32] = bytemuck::cast_slice(self.words.as_ref());
        &words[self.skipped + (panel * N * N + position) * size..][..size]
    }
}

/// Writes the sums of every word of a panel, which is a pair of bf16 or one f32.
#[inline(always)]
fn sum_panel<const N: usize, const PAIRS: bool>(taps: &[u32], sums: &mut [u32], groups: usize) {
    for group in 0..groups {
        let mut words = [[[0; COLUMNS]; N]; N];
        {
            let first = |tap: usize| -> &[u32; COLUMNS] {
                taps[(tap * groups + group) * COLUMNS..].first_chunk().expect("panels have whole groups")
            };
            let taps = [first(0), first(1), first(2), first(3), first(4), first(5), first(6), first(7), first(8)];
            for column in 0..COLUMNS {
                let (mut lower, mut upper) = ([[0.0; 3]; 3], [[0.0; 3]; 3]);
                for tap in 0..9 {
                    let word = taps[tap][column];
                    lower[tap / 3][tap % 3] = f32::from_bits(if PAIRS { word << 16 } else { word });
                    upper[tap / 3][tap % 3] = f32::from_bits(word & 0xffff_0000);
                }
                let (lower, upper) = (sums_of_taps::<N>(&lower), sums_of_taps::<N>(&upper));
                for down in 0..N {
                    for across in 0..N {
                        words[down][across][column] = if PAIRS {
                            pair(lower[down][across], upper[down][across])
                        } else {
                            lower[down][across].to_bits()
                        };
                    }
                }
            }
        }
        for (position, words) in words.as_flattened().iter().enumerate() {
            sums[(position * groups + group) * COLUMNS..][..COLUMNS].copy_from_slice(words);
        }
    }
}

/// The sums of one kernel's weights.
#[inline(always)]
fn sums_of_taps<const N: usize>(taps: &[[f32; 3]; 3]) -> [[f32; N]; N] {
    let mut of_columns = [[0.0; N]; 3];
    for across in 0..3 {
        of_columns[across] = line::<N>([taps[0][across], taps[1][across], taps[2][across]]);
    }
    let mut sums = [[0.0; N]; N];
    for down in 0..N {
        sums[down] = line::<N>([of_columns[0][down], of_columns[1][down], of_columns[2][down]]);
    }
    sums
}

/// The sums of the weights in a line: what `G` makes of them in the paper.
#[inline(always)]
fn line<const N: usize>([first, second, third]: [f32; 3]) -> [f32; N] {
    let ends = first + third;
    let mut sums = [0.0; N];
    if N == CONVOLUTION {
        sums[0] = first;
        sums[1] = 0.5 * (ends + second);
        sums[2] = 0.5 * (ends - second);
        sums[3] = third;
    } else {
        sums[0] = first;
        sums[1] = ends + second;
        sums[2] = third;
    }
    sums
}
