//! Scaled dot-product attention without the matrix of scores: keys come in blocks, and what was summed so far is
//! rescaled when a block holds a larger score (Dao et al. 2022; Rabe & Staats 2021).
//!
//! In int8, queries and keys have 8 bits with a scale for each token, keys after the mean of all was subtracted, which
//! leaves every query's weights as they are (Zhang et al. 2024, "SageAttention"). Weights and values stay in bf16: a long
//! tail of small weights would be nothing in 8 bits.

#![allow(unsafe_code)]

use std::cell::RefCell;

use rayon::prelude::*;

use crate::functions::{exp, fold, larger, rough_exp2};
use crate::pack::pair;
use crate::prefetch::prefetch;
use crate::quantize::{Quantization, Range};
use crate::rows::convert;
use crate::target::{Target, stored};
use crate::tile::{self, COLUMNS, ROWS, Tile};
use crate::{Arithmetic, Element, Instructions};

/// Keys that are scored at once.
const KEYS: usize = 512;
/// Groups from one row of weights of values to the next.
const SCORE_STRIDE: usize = KEYS + 16;
/// Rows of a head lie far from each other, where no processor expects them: they are asked for so many rows before.
const AHEAD: usize = 8;
/// Tiles of queries that meet a block of keys while it is near.
const TILES: usize = 8;

/// The sizes of an attention.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AttentionShape {
    /// Sequences of the batch.
    pub batch: usize,
    /// Queries of a sequence.
    pub queries: usize,
    /// Keys and values of a sequence.
    pub keys: usize,
    /// Heads.
    pub heads: usize,
    /// Numbers of a head; at most [`AttentionShape::WIDEST`].
    pub width: usize,
    /// Whether each query sees only keys up to its own place.
    pub is_causal: bool,
}

impl AttentionShape {
    /// The widest head that there is a kernel for.
    pub const WIDEST: usize = 512;
}

/// Memory that a thread keeps between attentions.
#[derive(Default)]
struct AttentionScratch {
    queries: Vec<u32>,
    /// How each query became bytes; of int8 only.
    quantizations: Vec<Quantization>,
    scores: Vec<Tile>,
    weights: Vec<u32>,
    sums: Vec<Tile>,
    /// For each row, the largest score so far and the sum of its weights.
    rows: Vec<[f32; 2]>,
}

thread_local! {
    static SCRATCH: RefCell<AttentionScratch> = RefCell::default();
}

/// `query` `[batch][queries][heads·width]`, `key` and `value` `[batch][keys][heads·width]` →
/// `[batch][queries][heads·width]`. Products are in `arithmetic`, but those of weights and values in bf16 for int8.
///
/// # Panics
/// If the lengths do not fit together or heads are too wide.
pub fn attention<E: Element>(
    query: &[E],
    key: &[E],
    value: &[E],
    shape: &AttentionShape,
    arithmetic: Arithmetic,
) -> Vec<E> {
    attention_with(query, key, value, shape, arithmetic, Instructions::best())
}

pub(crate) fn attention_with<E: Element>(
    query: &[E],
    key: &[E],
    value: &[E],
    shape: &AttentionShape,
    arithmetic: Arithmetic,
    instructions: Instructions,
) -> Vec<E> {
    let channels = shape.heads * shape.width;
    assert_eq!(query.len(), shape.batch * shape.queries * channels, "queries of another shape");
    assert_eq!(key.len(), shape.batch * shape.keys * channels, "keys of another shape");
    assert_eq!(value.len(), key.len(), "keys and values of different shapes");
    assert!(shape.width <= AttentionShape::WIDEST, "heads wider than {}", AttentionShape::WIDEST);
    if query.is_empty() || key.is_empty() {
        return vec![E::default(); query.len()];
    }
    let mixing = if arithmetic == Arithmetic::F32 { Arithmetic::F32 } else { Arithmetic::Bf16 };
    let attention = AttentionRun { query, key, value, shape, scoring: arithmetic, mixing, instructions };
    let groups = shape.width.div_ceil(arithmetic.group());
    stored(query.len(), None, |target| match groups {
        0..=32 => attention.run::<32>(target),
        33..=64 => attention.run::<64>(target),
        65..=256 => attention.run::<256>(target),
        _ => attention.run::<512>(target),
    })
}

struct AttentionRun<'a, E> {
    query: &'a [E],
    key: &'a [E],
    value: &'a [E],
    shape: &'a AttentionShape,
    /// Of queries and keys.
    scoring: Arithmetic,
    /// Of weights and values.
    mixing: Arithmetic,
    instructions: Instructions,
}

/// The keys and values of one head as panels.
struct Panels {
    /// `[keys / COLUMNS][width in groups][COLUMNS]`.
    keys: Vec<u32>,
    /// `[width / COLUMNS][keys in groups][COLUMNS]`.
    values: Vec<u32>,
    /// What one unit of each key stands for, and the sum of its units; of int8 only.
    scales: Vec<f32>,
    sums: Vec<f32>,
}

impl<E: Element> AttentionRun<'_, E> {
    fn run<const STRIDE: usize>(&self, target: &Target<E>) {
        let heads = self.shape.batch * self.shape.heads;
        let pack = |head| {
            self.instructions.vectorize(
                #[inline(always)]
                || self.pack(head),
            )
        };
        let panels: Vec<_> = (0..heads).into_par_iter().map(pack).collect();
        let chunks = self.shape.queries.div_ceil(TILES * ROWS);
        (0..heads * chunks).into_par_iter().for_each(|index| {
            let (head, chunk) = (index / chunks, index % chunks);
            SCRATCH.with_borrow_mut(|scratch| {
                self.instructions.vectorize(
                    #[inline(always)]
                    || self.chunk::<STRIDE>(head, chunk, &panels[head], scratch, target),
                );
            });
        });
    }

    /// The numbers of `head` (of the whole batch) at `place` of a sequence of `length`.
    #[inline(always)]
    fn row<'a>(&self, numbers: &'a [E], length: usize, head: usize, place: usize) -> &'a [E] {
        let (sequence, head) = (head / self.shape.heads, head % self.shape.heads);
        let row = (sequence * length + place) * self.shape.heads + head;
        &numbers[row * self.shape.width..][..self.shape.width]
    }

    /// Asks for a row, if there is one at `place`.
    #[inline(always)]
    fn prefetch_row(&self, numbers: &[E], length: usize, head: usize, place: usize) {
        if place < length {
            prefetch(self.row(numbers, length, head, place));
        }
    }

    #[inline(always)]
    fn pack(&self, head: usize) -> Panels {
        let mut panels = Panels {
            keys: vec![0; self.shape.keys.div_ceil(COLUMNS) * self.groups() * COLUMNS],
            values: self.pack_values(head),
            scales: Vec::new(),
            sums: Vec::new(),
        };
        if self.scoring == Arithmetic::Int8 {
            self.quantize_keys(head, &mut panels);
        } else {
            let mut groups = vec![0; self.groups()];
            for place in 0..self.shape.keys {
                let row = self.row(self.key, self.shape.keys, head, place);
                self.prefetch_row(self.key, self.shape.keys, head, place + AHEAD);
                convert(row, self.scoring, Quantization::default(), &mut groups);
                panels.set_key(place, &groups);
            }
        }
        panels
    }

    /// Groups of a query or key.
    #[inline(always)]
    fn groups(&self) -> usize {
        self.shape.width.div_ceil(self.scoring.group())
    }

    /// Packs keys as signed bytes, with a scale for each, after their mean was subtracted.
    #[inline(always)]
    fn quantize_keys(&self, head: usize, panels: &mut Panels) {
        let AttentionShape { keys: count, width, .. } = *self.shape;
        let mut mean = vec![0.0_f32; width];
        for place in 0..count {
            let row = self.row(self.key, count, head, place);
            self.prefetch_row(self.key, count, head, place + AHEAD);
            mean.iter_mut().zip(row).for_each(|(mean, number)| *mean += number.to_f32());
        }
        mean.iter_mut().for_each(|mean| *mean /= count as f32);
        let columns = count.next_multiple_of(COLUMNS);
        panels.scales = vec![0.0; columns];
        panels.sums = vec![0.0; columns];
        let mut centred = vec![0.0_f32; width];
        let mut groups = vec![0_u32; self.groups()];
        for place in 0..count {
            let row = self.row(self.key, count, head, place);
            self.prefetch_row(self.key, count, head, place + AHEAD);
            for ((centred, number), mean) in centred.iter_mut().zip(row).zip(&mean) {
                *centred = number.to_f32() - mean;
            }
            let largest = Range::of(&centred).largest_size();
            let inverse = if largest > 0.0 { 127.0 / largest } else { 0.0 };
            let bytes: &mut [i8] = bytemuck::cast_slice_mut(&mut groups);
            let mut sum = 0_i32;
            for (byte, number) in bytes.iter_mut().zip(&centred) {
                *byte = nearest(number * inverse);
                sum += i32::from(*byte);
            }
            panels.scales[place] = largest / 127.0;
            panels.sums[place] = sum as f32;
            panels.set_key(place, &groups);
        }
    }

    #[inline(always)]
    fn pack_values(&self, head: usize) -> Vec<u32> {
        let (width, count, group) = (self.shape.width, self.shape.keys, self.mixing.group());
        let key_groups = count.div_ceil(group);
        let mut values = vec![0_u32; width.div_ceil(COLUMNS) * key_groups * COLUMNS];
        for index in 0..key_groups {
            let first = self.row(self.value, count, head, index * group);
            (0..group).for_each(|next| self.prefetch_row(self.value, count, head, index * group + AHEAD + next));
            let second = if group == 2 && index * 2 + 1 < count {
                Some(self.row(self.value, count, head, index * 2 + 1))
            } else {
                None
            };
            for (panel, first) in first.chunks(COLUMNS).enumerate() {
                let places = &mut values[(panel * key_groups + index) * COLUMNS..][..first.len()];
                match second {
                    Some(second) => {
                        let second = &second[panel * COLUMNS..][..first.len()];
                        for ((place, &first), &second) in places.iter_mut().zip(first).zip(second) {
                            *place = pair(first, second);
                        }
                    }
                    None if group == 2 => {
                        for (place, &first) in places.iter_mut().zip(first) {
                            *place = pair(first, E::default());
                        }
                    }
                    None => {
                        for (place, first) in places.iter_mut().zip(first) {
                            *place = first.to_f32().to_bits();
                        }
                    }
                }
            }
        }
        values
    }

    #[inline(always)]
    fn chunk<const STRIDE: usize>(
        &self,
        head: usize,
        chunk: usize,
        panels: &Panels,
        scratch: &mut AttentionScratch,
        target: &Target<E>,
    ) {
        let shape = self.shape;
        let first = chunk * TILES * ROWS;
        let count = (shape.queries - first).min(TILES * ROWS);
        let tiles = count.div_ceil(ROWS);
        let groups = self.groups();
        let parts = shape.width.div_ceil(COLUMNS);
        scratch.queries.clear();
        scratch.queries.resize(TILES * ROWS * STRIDE, 0);
        scratch.scores.resize(KEYS / COLUMNS, Tile::ZERO);
        scratch.weights.resize(ROWS * SCORE_STRIDE, 0);
        scratch.sums.clear();
        scratch.sums.resize(tiles * parts, Tile::ZERO);
        scratch.rows.clear();
        scratch.rows.resize(tiles * ROWS, [f32::NEG_INFINITY, 0.0]);
        scratch.quantizations.clear();
        scratch.quantizations.resize(tiles * ROWS, Quantization::default());
        for (query, places) in scratch.queries.chunks_exact_mut(STRIDE).take(count).enumerate() {
            let row = self.row(self.query, shape.queries, head, first + query);
            self.prefetch_row(self.query, shape.queries, head, first + query + AHEAD);
            if self.scoring == Arithmetic::Int8 {
                scratch.quantizations[query] = Quantization::of_range(Range::of(row), self.instructions);
            }
            convert(row, self.scoring, scratch.quantizations[query], &mut places[..groups]);
        }
        let mut start = 0;
        while start < shape.keys {
            let keys = KEYS.min(shape.keys - start);
            for tile in 0..tiles {
                let last = first + tile * ROWS + ROWS - 1;
                if shape.is_causal && last < start {
                    continue;
                }
                self.block::<STRIDE>(panels, scratch, (tile, first + tile * ROWS), (start, keys));
            }
            start += keys;
        }
        for query in 0..count {
            let [_, sum] = scratch.rows[query];
            for part in 0..parts {
                let sums = &scratch.sums[query / ROWS * parts + part].0[query % ROWS];
                let (sequence, head) = (head / shape.heads, head % shape.heads);
                let row = (sequence * shape.queries + first + query) * shape.heads + head;
                let width = COLUMNS.min(shape.width - part * COLUMNS);
                // SAFETY: this chunk alone has this head of these queries.
                let places = unsafe { target.places(row * shape.width + part * COLUMNS, width) };
                for (place, weighted) in places.iter_mut().zip(sums) {
                    *place = E::from_f32(weighted / sum);
                }
            }
        }
    }

    /// One tile of queries, of which the first is number `query`, and `keys` keys from `start` on.
    #[inline(always)]
    fn block<const STRIDE: usize>(
        &self,
        panels: &Panels,
        scratch: &mut AttentionScratch,
        (tile, query): (usize, usize),
        (start, keys): (usize, usize),
    ) {
        let shape = self.shape;
        let (groups, group) = (self.groups(), self.mixing.group());
        let kernel = tile::kernel::<STRIDE>(self.scoring, self.instructions);
        let queries = &scratch.queries[tile * ROWS * STRIDE..(tile + 1) * ROWS * STRIDE];
        let quantizations = &scratch.quantizations[tile * ROWS..(tile + 1) * ROWS];
        let scored = keys.div_ceil(COLUMNS);
        for (panel, scores) in scratch.scores[..scored].iter_mut().enumerate() {
            let right = &panels.keys[(start / COLUMNS + panel) * groups * COLUMNS..][..groups * COLUMNS];
            tile::multiply::<STRIDE>(kernel, queries, right, groups, scores);
            if self.scoring == Arithmetic::Int8 {
                panels.scale(scores, start + panel * COLUMNS, quantizations);
            }
        }
        let seen = |row: usize| {
            if shape.is_causal { (query + row + 1).saturating_sub(start).min(keys) } else { keys }
        };
        let mut largest = [f32::NEG_INFINITY; ROWS];
        for (row, largest) in largest.iter_mut().enumerate() {
            let seen = seen(row);
            if seen < scored * COLUMNS {
                // What a query does not see weighs nothing.
                for (panel, scores) in scratch.scores[..scored].iter_mut().enumerate() {
                    let seen = seen.saturating_sub(panel * COLUMNS).min(COLUMNS);
                    scores.0[row][seen..].fill(f32::NEG_INFINITY);
                }
            }
            *largest = largest_score(&scratch.scores[..scored], row);
        }
        let mut rescale = [1.0_f32; ROWS];
        for (row, rescale) in rescale.iter_mut().enumerate() {
            let weights = &mut scratch.weights[row * SCORE_STRIDE..][..scored * COLUMNS / group];
            if seen(row) == 0 {
                weights.fill(0);
                continue;
            }
            // Of a query of zeros, all scores are zero in any unit; one of zero would make strange numbers of what is not seen.
            let unit = if quantizations[row].scale == 0.0 { 1.0 } else { quantizations[row].scale };
            let scale = unit / (shape.width as f32).sqrt();
            let [so_far, sum] = &mut scratch.rows[tile * ROWS + row];
            let before = *so_far;
            *so_far = largest[row].max(before);
            *rescale = exp((before - *so_far) * scale);
            *sum *= *rescale;
            let mut sums = [0.0_f32; COLUMNS];
            let offset = -*so_far * scale;
            let scores = &scratch.scores[..scored];
            if group == 1 {
                for (scores, places) in scores.iter().zip(weights.as_chunks_mut::<COLUMNS>().0) {
                    for column in 0..COLUMNS {
                        let number = exp(scores.0[row][column].mul_add(scale, offset));
                        sums[column] += number;
                        places[column] = number.to_bits();
                    }
                }
            } else {
                let weights: &mut [u16] = bytemuck::cast_slice_mut(weights);
                let (scale, offset) = (scale * std::f32::consts::LOG2_E, offset * std::f32::consts::LOG2_E);
                for (scores, places) in scores.iter().zip(weights.as_chunks_mut::<COLUMNS>().0) {
                    for column in 0..COLUMNS {
                        let number = rough_exp2(scores.0[row][column].mul_add(scale, offset));
                        sums[column] += number;
                        // To the nearest bf16: there is nothing strange among numbers from 0 to 1.
                        places[column] = (number.to_bits().wrapping_add(0x8000) >> 16) as u16;
                    }
                }
            }
            *sum += fold(sums, |left, right| left + right);
        }
        let kernel = tile::kernel::<SCORE_STRIDE>(self.mixing, self.instructions);
        let (all, from, count) = (shape.keys.div_ceil(group), start / group, keys.div_ceil(group));
        let parts = shape.width.div_ceil(COLUMNS);
        let mut result = Tile::ZERO;
        for part in 0..parts {
            let right = &panels.values[(part * all + from) * COLUMNS..][..count * COLUMNS];
            tile::multiply::<SCORE_STRIDE>(kernel, &scratch.weights, right, count, &mut result);
            let sums = &mut scratch.sums[tile * parts + part].0;
            for ((sums, result), rescale) in sums.iter_mut().zip(&result.0).zip(rescale) {
                for (sum, number) in sums.iter_mut().zip(result) {
                    *sum = *sum * rescale + number;
                }
            }
        }
    }
}

impl Panels {
    /// Puts the groups of key `place` into their column.
    #[inline(always)]
    fn set_key(&mut self, place: usize, groups: &[u32]) {
        let panel = &mut self.keys[place / COLUMNS * groups.len() * COLUMNS + place % COLUMNS..];
        panel.iter_mut().step_by(COLUMNS).zip(groups).for_each(|(place, &group)| *place = group);
    }

    /// Turns the sums of bytes in `scores`, of the keys from `start` on, into scores in units of each query's scale.
    #[inline(always)]
    fn scale(&self, scores: &mut Tile, start: usize, quantizations: &[Quantization]) {
        let of_columns = |numbers: &[f32]| -> [f32; COLUMNS] {
            *numbers[start..].first_chunk().expect("there is a number for every column of every panel")
        };
        let (scales, sums) = (of_columns(&self.scales), of_columns(&self.sums));
        for (scores, quantization) in scores.0.iter_mut().zip(quantizations) {
            let zero = -f32::from(quantization.zero);
            for column in 0..COLUMNS {
                // Whole numbers below 2²⁴, so this is exact.
                let units = scores[column].to_bits() as i32 as f32;
                scores[column] = zero.mul_add(sums[column], units) * scales[column];
            }
        }
    }
}

/// The whole number nearest to `number`, which is from −127 to 127.
#[inline(always)]
fn nearest(number: f32) -> i8 {
    // Adding 1.5·2²³ leaves a whole number in the low bits.
    const MAGIC: f32 = 12_582_912.0;
    (number + MAGIC).to_bits() as i8
}

/// The largest score of a row.
#[inline(always)]
fn largest_score(scores: &[Tile], row: usize) -> f32 {
    let mut largest = [f32::NEG_INFINITY; COLUMNS];
    for scores in scores {
        let scores = &scores.0[row];
        for column in 0..COLUMNS {
            largest[column] = larger(scores[column], largest[column]);
        }
    }
    fold(largest, larger)
}
