//! Sums of the weights of a 3×3 kernel.

use std::cell::RefCell;
use std::ops::Range;

use rayon::prelude::*;

use super::taps::{LINE, Taps, between};
use crate::buffers::{self, Recycled};
use crate::functions::MAGIC;
use crate::pack::Packed;
use crate::tile::COLUMNS;
use crate::{Arithmetic, Instructions};

/// The sums of the weights of some panels.
pub(super) struct SummedWeights<const N: usize> {
    /// Of each panel `[N·N][group][COLUMNS]`, with a [`LINE`] after each sum; for 8 bits followed by [`Units`] `[N·N]`.
    words: Recycled<f32>,
    /// Words before the first one at the start of a line of the cache.
    skipped: usize,
    /// The first of the panels.
    first: usize,
    layout: Layout<N>,
}

/// What the sums of 8 bits in the columns of a panel stand for: the bits of what one unit is, and the sum of all units.
pub(super) type Units = [[u32; COLUMNS]; 2];

/// The sums of one panel.
#[derive(Clone, Copy)]
pub(super) struct PanelSums<'a> {
    words: &'a [u32],
    /// Of each sum; empty but for 8 bits.
    pub(super) units: &'a [Units],
    /// Groups of a sum.
    groups: usize,
}

impl<'a> PanelSums<'a> {
    /// The groups `[group][COLUMNS]` of one sum.
    #[inline(always)]
    pub(super) fn of(&self, sum: usize) -> &'a [u32] {
        &self.words[sum * between(self.groups)..][..self.groups * COLUMNS]
    }
}

/// The words of a panel.
#[derive(Clone, Copy)]
struct Layout<const N: usize> {
    arithmetic: Arithmetic,
    /// Groups of a sum.
    groups: usize,
}

impl<const N: usize> Layout<N> {
    /// Words of sums.
    fn sums(self) -> usize {
        N * N * between(self.groups)
    }

    /// Words in all.
    fn words(self) -> usize {
        let units = if self.arithmetic == Arithmetic::Int8 { N * N * size_of::<Units>() / 4 } else { 0 };
        self.sums() + units
    }
}

impl<const N: usize> SummedWeights<N> {
    /// Of the panels `panels` of packed weights of 9 taps, in `arithmetic`.
    pub(super) fn new(
        weights: &Packed,
        panels: Range<usize>,
        arithmetic: Arithmetic,
        instructions: Instructions,
    ) -> Self {
        let layout = Layout::<N> { arithmetic, groups: weights.shape().inputs / arithmetic.group() };
        let size = layout.words();
        let mut words = buffers::any::<f32>(panels.len() * size + LINE);
        let all: &mut [u32] = bytemuck::cast_slice_mut(&mut words);
        let skipped = all.as_ptr().align_offset(4 * LINE).min(LINE);
        let places = all[skipped..].par_chunks_exact_mut(size.max(1)).take(panels.len());
        places.zip(panels.clone()).for_each(|(words, panel)| {
            PAIRS.with_borrow_mut(|pairs| {
                instructions.vectorize(
                    #[inline(always)]
                    || sum_panel(weights, panel, layout, words, pairs),
                );
            });
        });
        Self { words: Recycled::new(words), skipped, first: panels.start, layout }
    }

    /// Those of one panel.
    #[inline(always)]
    pub(super) fn panel(&self, panel: usize) -> PanelSums<'_> {
        let all: &[u32] = bytemuck::cast_slice(self.words.as_ref());
        let size = self.layout.words();
        let words = &all[self.skipped + (panel - self.first) * size..][..size];
        let (words, units) = words.split_at(self.layout.sums());
        PanelSums { words, units: bytemuck::cast_slice(units), groups: self.layout.groups }
    }
}

/// Writes the sums of a panel to `words`. `pairs` is memory.
#[inline(always)]
fn sum_panel<const N: usize>(
    weights: &Packed,
    panel: usize,
    layout: Layout<N>,
    words: &mut [u32],
    pairs: &mut Vec<u32>,
) {
    let shape = weights.shape();
    let taps = Taps { arithmetic: shape.arithmetic, words: weights.panel(panel), groups: shape.groups_of_tap() };
    match layout.arithmetic {
        Arithmetic::F32 => taps.store_sums::<N>(words),
        Arithmetic::Bf16 => taps.store_pairs::<N>(words),
        Arithmetic::Int8 => {
            pairs.resize(N * N * between(2 * layout.groups), 0);
            taps.store_pairs::<N>(pairs);
            let (words, units) = words.split_at_mut(layout.sums());
            let units: &mut [Units] = bytemuck::cast_slice_mut(units);
            let pairs = pairs.chunks(between(2 * layout.groups));
            for ((pairs, words), units) in pairs.zip(words.chunks_mut(between(layout.groups))).zip(units) {
                let size = layout.groups * COLUMNS;
                quantize(pairs[..2 * size].as_chunks().0, words[..size].as_chunks_mut().0, units);
                if shape.arithmetic == Arithmetic::Int8 {
                    // What was summed are units themselves.
                    let scales = &weights.scales()[panel * COLUMNS..][..COLUMNS];
                    for column in 0..COLUMNS {
                        units[0][column] = (f32::from_bits(units[0][column]) * scales[column]).to_bits();
                    }
                }
            }
        }
    }
}

thread_local! {
    /// Sums in pairs of bf16, before they become bytes: the largest of a column is known when all of it is there.
    static PAIRS: RefCell<Vec<u32>> = RefCell::default();
}

/// Writes one sum's `pairs` of bf16 to `words`, in 8 bits.
#[inline(always)]
fn quantize(pairs: &[[u32; COLUMNS]], words: &mut [[u32; COLUMNS]], units: &mut Units) {
    // Bits without the sign, which are in the order of the sizes.
    let (mut lower, mut upper) = ([0_u32; COLUMNS], [0_u32; COLUMNS]);
    for pairs in pairs {
        for column in 0..COLUMNS {
            lower[column] = lower[column].max(pairs[column] << 16 & 0x7fff_0000);
            upper[column] = upper[column].max(pairs[column] & 0x7fff_0000);
        }
    }
    let (mut inverse, mut totals) = ([0.0_f32; COLUMNS], [0_u32; COLUMNS]);
    for column in 0..COLUMNS {
        let largest = f32::from_bits(lower[column].max(upper[column]));
        inverse[column] = if largest > 0.0 { 127.0 / largest } else { 0.0 };
        units[0][column] = (largest / 127.0).to_bits();
    }
    for (words, [left, right]) in words.iter_mut().zip(pairs.as_chunks::<2>().0) {
        for column in 0..COLUMNS {
            let inverse = inverse[column];
            let first = (f32::from_bits(left[column] << 16) * inverse + MAGIC).to_bits();
            let second = (f32::from_bits(left[column] & 0xffff_0000) * inverse + MAGIC).to_bits();
            let third = (f32::from_bits(right[column] << 16) * inverse + MAGIC).to_bits();
            let fourth = (f32::from_bits(right[column] & 0xffff_0000) * inverse + MAGIC).to_bits();
            words[column] = first & 0xff | (second & 0xff) << 8 | (third & 0xff) << 16 | fourth << 24;
            let total = first.wrapping_add(second).wrapping_add(third).wrapping_add(fourth);
            totals[column] = totals[column].wrapping_add(total).wrapping_sub(MAGIC.to_bits() << 2);
        }
    }
    units[1] = totals;
}
