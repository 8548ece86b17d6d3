//! Scaled dot-product attention without the matrix of scores: keys come in blocks, and what was summed so far is
//! rescaled when a block holds a larger score (Dao et al. 2022; Rabe & Staats 2021).

#![allow(unsafe_code)]

use std::cell::RefCell;

use rayon::prelude::*;

use crate::buffers;
use crate::functions::{exp, rough_exp2};
use crate::pack::pair;
use crate::product::Target;
use crate::tile::{self, COLUMNS, ROWS, Tile};
use crate::{Arithmetic, Element, Instructions};

/// Keys that are scored at once.
const KEYS: usize = 512;
/// Groups from one row of weights of values to the next.
const SCORE_STRIDE: usize = KEYS + 16;
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
/// `[batch][queries][heads·width]`. Products are in f32 or, for any other `arithmetic`, in bf16.
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
    let arithmetic = if arithmetic == Arithmetic::F32 { Arithmetic::F32 } else { Arithmetic::Bf16 };
    if query.is_empty() || key.is_empty() {
        return vec![E::default(); query.len()];
    }
    let attention = AttentionRun { query, key, value, shape, arithmetic, instructions };
    let groups = shape.width.div_ceil(arithmetic.group());
    let mut results = buffers::empty(query.len());
    let target = Target::spare(&mut results);
    match groups {
        0..=32 => attention.run::<32>(&target),
        33..=64 => attention.run::<64>(&target),
        65..=256 => attention.run::<256>(&target),
        _ => attention.run::<512>(&target),
    }
    // SAFETY: the heads of every query were written.
    unsafe { results.set_len(query.len()) };
    results
}

struct AttentionRun<'a, E> {
    query: &'a [E],
    key: &'a [E],
    value: &'a [E],
    shape: &'a AttentionShape,
    arithmetic: Arithmetic,
    instructions: Instructions,
}

/// The keys and values of one head as panels.
struct Panels {
    /// `[keys / COLUMNS][width in groups][COLUMNS]`.
    keys: Vec<u32>,
    /// `[width / COLUMNS][keys in groups][COLUMNS]`.
    values: Vec<u32>,
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

    #[inline(always)]
    fn pack(&self, head: usize) -> Panels {
        let (width, count, group) = (self.shape.width, self.shape.keys, self.arithmetic.group());
        let groups = width.div_ceil(group);
        let mut keys = vec![0_u32; count.div_ceil(COLUMNS) * groups * COLUMNS];
        for place in 0..count {
            let row = self.row(self.key, count, head, place);
            let panel = &mut keys[place / COLUMNS * groups * COLUMNS + place % COLUMNS..];
            for (index, place) in panel.iter_mut().step_by(COLUMNS).take(groups).enumerate() {
                *place = self.group(row, index);
            }
        }
        let key_groups = count.div_ceil(group);
        let mut values = vec![0_u32; width.div_ceil(COLUMNS) * key_groups * COLUMNS];
        for index in 0..key_groups {
            let first = self.row(self.value, count, head, index * group);
            let second = if group == 2 && index * 2 + 1 < count {
                Some(self.row(self.value, count, head, index * 2 + 1))
            } else {
                None
            };
            for (panel, first) in first.chunks(COLUMNS).enumerate() {
                let places = &mut values[(panel * key_groups + index) * COLUMNS..][..first.len()];
                for (column, place) in places.iter_mut().enumerate() {
                    let first = first[column];
                    *place = if group == 1 {
                        first.to_f32().to_bits()
                    } else {
                        pair(first, second.map_or(E::default(), |second| second[panel * COLUMNS + column]))
                    };
                }
            }
        }
        Panels { keys, values }
    }

    /// Group `index` of a row.
    #[inline(always)]
    fn group(&self, row: &[E], index: usize) -> u32 {
        match self.arithmetic {
            Arithmetic::F32 => row[index].to_f32().to_bits(),
            _ => pair(row[2 * index], row.get(2 * index + 1).copied().unwrap_or_default()),
        }
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
        let groups = shape.width.div_ceil(self.arithmetic.group());
        let parts = shape.width.div_ceil(COLUMNS);
        scratch.queries.clear();
        scratch.queries.resize(TILES * ROWS * STRIDE, 0);
        scratch.scores.resize(KEYS / COLUMNS, Tile::ZERO);
        scratch.weights.resize(ROWS * SCORE_STRIDE, 0);
        scratch.sums.clear();
        scratch.sums.resize(tiles * parts, Tile::ZERO);
        scratch.rows.clear();
        scratch.rows.resize(tiles * ROWS, [f32::NEG_INFINITY, 0.0]);
        for (query, places) in scratch.queries.chunks_exact_mut(STRIDE).take(count).enumerate() {
            let row = self.row(self.query, shape.queries, head, first + query);
            for (index, place) in places[..groups].iter_mut().enumerate() {
                *place = self.group(row, index);
            }
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
        let group = self.arithmetic.group();
        let groups = shape.width.div_ceil(group);
        let kernel = tile::kernel::<STRIDE>(self.arithmetic, self.instructions);
        let queries = &scratch.queries[tile * ROWS * STRIDE..(tile + 1) * ROWS * STRIDE];
        let scored = keys.div_ceil(COLUMNS);
        for (panel, scores) in scratch.scores[..scored].iter_mut().enumerate() {
            let right = &panels.keys[(start / COLUMNS + panel) * groups * COLUMNS..][..groups * COLUMNS];
            tile::multiply::<STRIDE>(kernel, queries, right, groups, scores);
        }
        let scale = 1.0 / (shape.width as f32).sqrt();
        let mut rescale = [1.0_f32; ROWS];
        for (row, rescale) in rescale.iter_mut().enumerate() {
            let seen = if shape.is_causal { (query + row + 1).saturating_sub(start).min(keys) } else { keys };
            let weights = &mut scratch.weights[row * SCORE_STRIDE..][..scored * COLUMNS / group];
            if seen == 0 {
                weights.fill(0);
                continue;
            }
            if seen < scored * COLUMNS {
                // What a query does not see weighs nothing.
                for (panel, scores) in scratch.scores[..scored].iter_mut().enumerate() {
                    let seen = seen.saturating_sub(panel * COLUMNS).min(COLUMNS);
                    scores.0[row][seen..].fill(f32::NEG_INFINITY);
                }
            }
            let [largest, sum] = &mut scratch.rows[tile * ROWS + row];
            let before = *largest;
            let scores = &scratch.scores[..scored];
            *largest = largest_score(scores, row).max(before);
            *rescale = exp((before - *largest) * scale);
            *sum *= *rescale;
            let mut sums = [0.0_f32; COLUMNS];
            let offset = -*largest * scale;
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
            *sum += sums.into_iter().sum::<f32>();
        }
        let kernel = tile::kernel::<SCORE_STRIDE>(self.arithmetic, self.instructions);
        let (all, from, count) = (shape.keys.div_ceil(group), start / group, keys.div_ceil(group));
        let parts = shape.width.div_ceil(COLUMNS);
        for part in 0..parts {
            let right = &panels.values[(part * all + from) * COLUMNS..][..count * COLUMNS];
            let mut result = Tile::ZERO;
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

/// The largest score of a row.
#[inline(always)]
fn largest_score(scores: &[Tile], row: usize) -> f32 {
    let mut largest = [f32::NEG_INFINITY; COLUMNS];
    for scores in scores {
        let scores = &scores.0[row];
        for column in 0..COLUMNS {
            let (score, before) = (scores[column], largest[column]);
            largest[column] = if score > before { score } else { before };
        }
    }
    largest.into_iter().fold(f32::NEG_INFINITY, f32::max)
}
