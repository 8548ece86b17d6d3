//! Sums of the weights of a 3×3 kernel.

use std::cell::RefCell;
use std::ops::Range;

use rayon::prelude::*;

use super::sizes::CONVOLUTION;
use crate::buffers::{self, Recycled};
use crate::pack::Packed;
use crate::quantize::Quantization;
use crate::tile::COLUMNS;
use crate::{Arithmetic, Instructions};

/// Numbers in a line of the cache.
const LINE: usize = 16;

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

/// What sums of products in 8 bits stand for, of a row that became bytes by `quantization`.
#[inline(always)]
pub(super) fn numbers(products: &[f32; COLUMNS], quantization: Quantization, [scales, sums]: &Units) -> [f32; COLUMNS] {
    let zero = i32::from(quantization.zero);
    let mut numbers = [0.0; COLUMNS];
    for column in 0..COLUMNS {
        let units = products[column].to_bits() as i32 - zero * sums[column] as i32;
        numbers[column] = units as f32 * (quantization.scale * f32::from_bits(scales[column]));
    }
    numbers
}

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

/// Words from one sum to the next, of so many groups: sums are written side by side, and are not in the same set of the
/// first cache.
#[inline(always)]
fn between(groups: usize) -> usize {
    groups * COLUMNS + LINE
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

/// Sums of the weights of one input, for every column.
type Sums<const N: usize> = [[[f32; COLUMNS]; N]; N];

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
    // 1.5·2²³: of the sum with it, the last bits are the nearest whole number.
    const MAGIC: f32 = 12_582_912.0;
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

/// The weights of a panel, `[9][group][COLUMNS]`.
struct Taps<'a> {
    arithmetic: Arithmetic,
    words: &'a [u32],
    groups: usize,
}

impl Taps<'_> {
    /// Inputs of a tap.
    fn inputs(&self) -> usize {
        self.groups * self.arithmetic.group()
    }

    /// Writes the sums to `words` `[N·N][input][COLUMNS]`.
    #[inline(always)]
    fn store_sums<const N: usize>(&self, words: &mut [u32]) {
        for input in 0..self.inputs() {
            for (sum, numbers) in self.sums::<N>(input).as_flattened().iter().enumerate() {
                let words = &mut words[sum * between(self.inputs()) + input * COLUMNS..][..COLUMNS];
                words.iter_mut().zip(numbers).for_each(|(word, number)| *word = number.to_bits());
            }
        }
    }

    /// Writes the sums in pairs of bf16 to `words` `[N·N][pair of inputs][COLUMNS]`.
    #[inline(always)]
    fn store_pairs<const N: usize>(&self, words: &mut [u32]) {
        let pairs = self.inputs() / 2;
        for group in 0..pairs {
            let (lower, upper) = (self.sums::<N>(2 * group), self.sums::<N>(2 * group + 1));
            for (sum, lower) in lower.as_flattened().iter().enumerate() {
                let upper = &upper.as_flattened()[sum];
                let words = &mut words[sum * between(pairs) + group * COLUMNS..][..COLUMNS];
                for column in 0..COLUMNS {
                    words[column] = rounded_pair(lower[column], upper[column]);
                }
            }
        }
    }

    /// The sums of an input's weights; of weights in 8 bits, in units.
    #[inline(always)]
    fn sums<const N: usize>(&self, input: usize) -> Sums<N> {
        match self.arithmetic {
            Arithmetic::F32 => self.sums_of(input, f32::from_bits),
            Arithmetic::Bf16 if input % 2 == 0 => self.sums_of(input / 2, |pair| f32::from_bits(pair << 16)),
            Arithmetic::Bf16 => self.sums_of(input / 2, |pair| f32::from_bits(pair & 0xffff_0000)),
            Arithmetic::Int8 => {
                let shift = 24 - 8 * (input % 4) as u32;
                self.sums_of(input / 4, |bytes| ((bytes << shift) as i32 >> 24) as f32)
            }
        }
    }

    /// The sums of one of the inputs in `group`, which `unpack` gives.
    #[inline(always)]
    fn sums_of<const N: usize>(&self, group: usize, unpack: impl Fn(u32) -> f32) -> Sums<N> {
        let first = |tap: usize| -> &[u32; COLUMNS] {
            self.words[(tap * self.groups + group) * COLUMNS..].first_chunk().expect("panels have whole groups")
        };
        let words = [first(0), first(1), first(2), first(3), first(4), first(5), first(6), first(7), first(8)];
        let mut sums = [[[0.0; COLUMNS]; N]; N];
        for column in 0..COLUMNS {
            let mut taps = [[0.0; 3]; 3];
            for tap in 0..9 {
                taps[tap / 3][tap % 3] = unpack(words[tap][column]);
            }
            let of_column = sums_of_taps::<N>(&taps);
            for down in 0..N {
                for across in 0..N {
                    sums[down][across][column] = of_column[down][across];
                }
            }
        }
        sums
    }
}

/// Two finite numbers as the nearest bf16, half-way ones away from zero: in a third of the instructions that rounding them to
/// even takes.
#[inline(always)]
fn rounded_pair(lower: f32, upper: f32) -> u32 {
    const HALF: u32 = 0x8000;
    lower.to_bits().wrapping_add(HALF) >> 16 | upper.to_bits().wrapping_add(HALF) & 0xffff_0000
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
