//! Weights in the order in which tiles read them.

use std::cell::RefCell;

use bytes::Bytes;
use rayon::prelude::*;

use crate::functions::{MAGIC, fold, larger};
use crate::tile::COLUMNS;
use crate::{Arithmetic, Element, Instructions};

/// How the outputs of a layer lie in panels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Order {
    /// One after the other.
    Plain,
    /// The first half of the outputs are values and the second half their gates; a panel has both of the same places
    /// side by side ([`crate::Activation::GatedGelu`]).
    Gated,
}

/// What a layer's weights are, which says how many bytes they take when packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PackedShape {
    /// Number format.
    pub arithmetic: Arithmetic,
    /// Outputs (output channels).
    pub outputs: usize,
    /// Places of a convolution's kernel; 1 for a linear layer.
    pub taps: usize,
    /// Inputs (input channels).
    pub inputs: usize,
    /// Order of the outputs.
    pub order: Order,
}

/// A layer's weights, packed: panels of 32 columns `[panel][group][column]` of 32-bit groups that go along taps and, within a tap,
/// inputs; for int8 followed by a scale (f32) and the sum of the weights (i32) of every column.
#[derive(Debug, Clone)]
pub struct Packed {
    shape: PackedShape,
    bytes: Bytes,
    is_summed_in_8_bits: bool,
}

impl PackedShape {
    /// Of a linear layer.
    pub fn linear(arithmetic: Arithmetic, inputs: usize, outputs: usize) -> Self {
        Self { arithmetic, outputs, taps: 1, inputs, order: Order::Plain }
    }

    /// 32-bit groups of one tap.
    pub(crate) fn groups_of_tap(&self) -> usize {
        self.inputs.div_ceil(self.arithmetic.group())
    }

    /// 32-bit groups along the whole inner length.
    pub(crate) fn groups(&self) -> usize {
        self.taps * self.groups_of_tap()
    }

    /// Panels of [`COLUMNS`] columns.
    pub(crate) fn panels(&self) -> usize {
        match self.order {
            Order::Plain => self.outputs.div_ceil(COLUMNS),
            Order::Gated => (self.outputs / 2).div_ceil(COLUMNS / 2),
        }
    }

    /// Results for each row: half of the outputs where these are gated.
    pub fn results(&self) -> usize {
        match self.order {
            Order::Plain => self.outputs,
            Order::Gated => self.outputs / 2,
        }
    }

    /// Results that a panel has at most.
    pub(crate) fn results_of_panel(&self) -> usize {
        match self.order {
            Order::Plain => COLUMNS,
            Order::Gated => COLUMNS / 2,
        }
    }

    /// Results that `panel` has.
    pub(crate) fn results_of(&self, panel: usize) -> usize {
        (self.results() - panel * self.results_of_panel()).min(self.results_of_panel())
    }

    /// Bytes that the packed weights take.
    pub fn bytes(&self) -> usize {
        let columns = self.panels() * COLUMNS;
        let statistics = if self.arithmetic == Arithmetic::Int8 { 8 } else { 0 };
        columns * (4 * self.groups() + statistics)
    }

    /// The output of a column of a panel; none where the panel is not full.
    pub(crate) fn output(&self, panel: usize, column: usize) -> Option<usize> {
        match self.order {
            Order::Plain => Some(panel * COLUMNS + column).filter(|&output| output < self.outputs),
            Order::Gated => {
                let half = COLUMNS / 2;
                let place = panel * half + column % half;
                let gate = column / half * (self.outputs / 2);
                (place < self.outputs / 2).then_some(place + gate)
            }
        }
    }
}

impl Packed {
    /// Packs `weights` `[outputs][inputs][taps]`, as a checkpoint has them.
    ///
    /// # Panics
    /// If `weights` has another length, or an odd number of outputs is to be gated.
    pub fn pack<E: Element>(shape: PackedShape, weights: &[E]) -> Self {
        let length = shape.inputs * shape.taps;
        assert_eq!(weights.len(), shape.outputs * length, "weights of another shape");
        Self::pack_panels(shape, |index, panel| {
            let row = |column| shape.output(index, column).map(|output| &weights[output * length..][..length]);
            panel.pack(&shape, row);
        })
    }

    /// Packs weights that `make` makes: given some outputs, of which each comes once, it writes their rows
    /// `[inputs][taps]` one after the other.
    ///
    /// # Panics
    /// If an odd number of outputs is to be gated.
    pub fn pack_made(shape: PackedShape, make: impl Fn(&[usize], &mut [f32]) + Sync) -> Self {
        let length = shape.inputs * shape.taps;
        Self::pack_panels(shape, |index, panel| {
            ROWS.with_borrow_mut(|rows| {
                let outputs: Vec<_> = (0..COLUMNS).filter_map(|column| shape.output(index, column)).collect();
                rows.resize(outputs.len() * length, 0.0);
                make(&outputs, rows);
                let rows = &rows[..];
                // Columns of no output come last, or last of each half.
                let row = |column| {
                    let output = shape.output(index, column)?;
                    let place = outputs.iter().position(|&made| made == output)?;
                    Some(&rows[place * length..][..length])
                };
                panel.pack(&shape, row);
            });
        })
    }

    /// Packs panel by panel, each by `pack`.
    fn pack_panels(shape: PackedShape, pack: impl Fn(usize, Panel<'_>) + Sync) -> Self {
        assert!(shape.order == Order::Plain || shape.outputs.is_multiple_of(2), "an odd number of outputs with gates");
        let mut words = vec![0_u32; shape.bytes() / 4];
        let (panels, statistics) = words.split_at_mut(shape.panels() * shape.groups() * COLUMNS);
        let (scales, sums) = statistics.split_at_mut(statistics.len() / 2);
        let size = (shape.groups() * COLUMNS).max(1);
        // `panels` is empty where there are no inputs; scales and sums stay zero then.
        let panels = panels.par_chunks_mut(size);
        if shape.arithmetic == Arithmetic::Int8 {
            let columns = scales.par_chunks_mut(COLUMNS).zip(sums.par_chunks_mut(COLUMNS));
            panels.zip(columns).enumerate().for_each(|(index, (groups, (scales, sums)))| {
                pack(index, Panel { groups, scales, sums });
            });
        } else {
            panels.enumerate().for_each(|(index, groups)| {
                pack(index, Panel { groups, scales: &mut [], sums: &mut [] });
            });
        }
        Self { shape, bytes: Bytes::from_owner(Words(words)), is_summed_in_8_bits: false }
    }

    /// Weights that were packed before, as [`Self::bytes`] gave them; none if they have another length.
    pub fn from_bytes(shape: PackedShape, bytes: Bytes) -> Option<Self> {
        if bytes.len() != shape.bytes() {
            return None;
        }
        // A file may have them anywhere; kernels read whole numbers.
        let bytes = if bytes.as_ptr().align_offset(4) == 0 {
            bytes
        } else {
            Bytes::from_owner(Words(
                bytes.chunks_exact(4).map(|word| u32::from_ne_bytes([word[0], word[1], word[2], word[3]])).collect(),
            ))
        };
        Some(Self { shape, bytes, is_summed_in_8_bits: false })
    }

    /// The same weights, whose sums may be rounded to 8 bits where that is faster ([`crate::suits_winograd`]).
    pub fn summed_in_8_bits(self) -> Self {
        Self { is_summed_in_8_bits: true, ..self }
    }

    /// Whether sums of the weights may be rounded to 8 bits.
    pub(crate) fn is_summed_in_8_bits(&self) -> bool {
        self.is_summed_in_8_bits
    }

    /// What they are.
    pub fn shape(&self) -> PackedShape {
        self.shape
    }

    /// The packed bytes, to be written to a file.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// The weights `[outputs][inputs][taps]` again, as far as their format kept them.
    pub fn unpack(&self) -> Vec<f32> {
        let shape = &self.shape;
        let mut weights = vec![0.0; shape.outputs * shape.inputs * shape.taps];
        let group = shape.arithmetic.group();
        for panel in 0..shape.panels() {
            let words = self.panel(panel);
            for column in 0..COLUMNS {
                let Some(output) = shape.output(panel, column) else { continue };
                for tap in 0..shape.taps {
                    for input in 0..shape.inputs {
                        let word = words[(tap * shape.groups_of_tap() + input / group) * COLUMNS + column];
                        let value = match shape.arithmetic {
                            Arithmetic::F32 => f32::from_bits(word),
                            Arithmetic::Bf16 => f32::from_bits((word >> (16 * (input % 2))) << 16),
                            Arithmetic::Int8 => {
                                let byte = (word >> (8 * (input % 4))) as i8;
                                f32::from(byte) * self.scales()[panel * COLUMNS + column]
                            }
                        };
                        weights[(output * shape.inputs + input) * shape.taps + tap] = value;
                    }
                }
            }
        }
        weights
    }

    /// The groups of one panel, `[group][COLUMNS]`.
    pub(crate) fn panel(&self, index: usize) -> &[u32] {
        let size = self.shape.groups() * COLUMNS;
        &self.words()[index * size..(index + 1) * size]
    }

    /// What one unit of each column stands for; empty but for int8.
    pub fn scales(&self) -> &[f32] {
        let (scales, _) = self.statistics();
        bytemuck::cast_slice(scales)
    }

    /// The sum of each column's weights, in units; empty but for int8.
    pub(crate) fn sums(&self) -> &[i32] {
        let (_, sums) = self.statistics();
        bytemuck::cast_slice(sums)
    }

    fn statistics(&self) -> (&[u32], &[u32]) {
        let statistics = &self.words()[self.shape.panels() * self.shape.groups() * COLUMNS..];
        statistics.split_at(statistics.len() / 2)
    }

    fn words(&self) -> &[u32] {
        bytemuck::cast_slice(&self.bytes)
    }
}

thread_local! {
    /// Rows that were made to be packed.
    static ROWS: RefCell<Vec<f32>> = RefCell::default();
    /// The groups of a panel's columns, one column after the other.
    static LINES: RefCell<Vec<u32>> = RefCell::default();
}

/// The place of one panel.
struct Panel<'a> {
    /// `[group][COLUMNS]`.
    groups: &'a mut [u32],
    /// Of each column; empty but for int8, like `sums`.
    scales: &'a mut [u32],
    sums: &'a mut [u32],
}

impl Panel<'_> {
    /// Packs the columns that `row` has the weights `[inputs][taps]` of.
    fn pack<'w, E: Element>(self, shape: &PackedShape, row: impl Fn(usize) -> Option<&'w [E]>) {
        LINES.with_borrow_mut(|lines| {
            lines.clear();
            lines.resize(COLUMNS * shape.groups(), 0);
            Instructions::best().vectorize(
                #[inline(always)]
                || self.pack_lines(shape, row, lines),
            );
        });
    }

    /// As [`Self::pack`]; `lines` are zeros `[column][group]`.
    #[inline(always)]
    fn pack_lines<'w, E: Element>(
        self,
        shape: &PackedShape,
        row: impl Fn(usize) -> Option<&'w [E]>,
        lines: &mut [u32],
    ) {
        for (column, line) in lines.chunks_exact_mut(shape.groups().max(1)).enumerate() {
            let Some(weights) = row(column) else { continue };
            match shape.arithmetic {
                Arithmetic::Int8 => {
                    let (scale, sum) = quantize_row(shape, weights, bytemuck::cast_slice_mut(line));
                    self.scales[column] = scale.to_bits();
                    self.sums[column] = sum as u32;
                }
                Arithmetic::Bf16 => shape.pack_pairs(weights, bytemuck::cast_slice_mut(line)),
                Arithmetic::F32 => shape.pack_floats(weights, line),
            }
        }
        interleave(lines, self.groups);
    }
}

/// `lines` `[column][group]` as `groups` `[group][column]`: a few groups of every column at a time, so that the lines of the
/// cache that they go to are written while they are in the first cache.
#[inline(always)]
fn interleave(lines: &[u32], groups: &mut [u32]) {
    const BLOCK: usize = 16;
    let length = (lines.len() / COLUMNS).max(1);
    for (block, groups) in groups.chunks_mut(BLOCK * COLUMNS).enumerate() {
        for (column, line) in lines.chunks_exact(length).enumerate() {
            let line = &line[block * BLOCK..];
            for (groups, word) in groups.as_chunks_mut::<COLUMNS>().0.iter_mut().zip(line) {
                groups[column] = *word;
            }
        }
    }
}

/// Writes the weights `[inputs][taps]` of one output to `bytes`, which are zeros, `[tap][inputs in whole groups]`. What one
/// unit stands for, and the sum of the units.
#[inline(always)]
fn quantize_row<E: Element>(shape: &PackedShape, weights: &[E], bytes: &mut [i8]) -> (f32, i32) {
    let mut largest = [0.0_f32; COLUMNS];
    let (whole, rest) = weights.as_chunks::<COLUMNS>();
    for weights in whole {
        largest
            .iter_mut()
            .zip(weights)
            .for_each(|(largest, weight)| *largest = larger(weight.to_f32().abs(), *largest));
    }
    largest.iter_mut().zip(rest).for_each(|(largest, weight)| *largest = larger(weight.to_f32().abs(), *largest));
    let largest = fold(largest, larger);
    let inverse = if largest > 0.0 { 127.0 / largest } else { 0.0 };
    let per_tap = 4 * shape.groups_of_tap();
    // Rounds as `f32::round` does; of the sum with the magic number, the last bits are the whole number.
    let unit = |weight: &E| {
        let scaled = weight.to_f32() * inverse;
        ((scaled + HALF.copysign(scaled)).trunc() + MAGIC).to_bits() as i8
    };
    if shape.taps == 1 {
        bytes.iter_mut().zip(weights).for_each(|(byte, weight)| *byte = unit(weight));
    } else {
        for (tap, bytes) in bytes.chunks_exact_mut(per_tap.max(1)).enumerate() {
            let weights = weights.iter().skip(tap).step_by(shape.taps);
            bytes.iter_mut().zip(weights).for_each(|(byte, weight)| *byte = unit(weight));
        }
    }
    (largest / 127.0, bytes.iter().map(|&byte| i32::from(byte)).sum())
}

/// The largest number below one half: what is added to it and cut off is rounded, and what is half-way goes away from zero.
const HALF: f32 = 0.499_999_97;

impl PackedShape {
    /// Writes the weights `[inputs][taps]` of one output to `words`, `[tap][inputs]`.
    #[inline(always)]
    fn pack_floats<E: Element>(&self, weights: &[E], words: &mut [u32]) {
        if self.taps == 1 {
            words.iter_mut().zip(weights).for_each(|(word, weight)| *word = weight.to_f32().to_bits());
            return;
        }
        for (tap, words) in words.chunks_exact_mut(self.inputs.max(1)).enumerate() {
            let weights = weights.iter().skip(tap).step_by(self.taps);
            words.iter_mut().zip(weights).for_each(|(word, weight)| *word = weight.to_f32().to_bits());
        }
    }

    /// Writes the weights `[inputs][taps]` of one output to `halves`, which are zeros, `[tap][inputs in whole groups]`.
    #[inline(always)]
    fn pack_pairs<E: Element>(&self, weights: &[E], halves: &mut [u16]) {
        if self.taps == 1 {
            halves.iter_mut().zip(weights).for_each(|(half, weight)| *half = weight.to_bf16_bits());
            return;
        }
        let per_tap = 2 * self.groups_of_tap();
        for (tap, halves) in halves.chunks_exact_mut(per_tap.max(1)).enumerate() {
            let weights = weights.iter().skip(tap).step_by(self.taps);
            halves.iter_mut().zip(weights).for_each(|(half, weight)| *half = weight.to_bf16_bits());
        }
    }
}

/// Two bf16 in one group.
#[inline(always)]
pub(crate) fn pair<E: Element>(first: E, second: E) -> u32 {
    u32::from(first.to_bf16_bits()) | u32::from(second.to_bf16_bits()) << 16
}

/// Owns words and lends them as bytes.
struct Words(Vec<u32>);

impl AsRef<[u8]> for Words {
    fn as_ref(&self) -> &[u8] {
        bytemuck::cast_slice(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_come_out_as_they_went_in() {
        for arithmetic in Arithmetic::ALL {
            for order in [Order::Plain, Order::Gated] {
                for (outputs, inputs, taps) in [(1, 1, 1), (4, 7, 1), (64, 3, 9), (70, 5, 4), (0, 3, 1), (6, 0, 1)] {
                    if order == Order::Gated && outputs % 2 == 1 {
                        continue;
                    }
                    let shape = PackedShape { arithmetic, outputs, taps, inputs, order };
                    // Eighths up to 127 are exact in every format when the largest is 127 eighths.
                    let mut weights: Vec<f32> = (0..outputs * inputs * taps)
                        .map(|index| ((index * 37) % 255) as f32 / 8.0 - 127.0 / 8.0)
                        .collect();
                    for row in weights.chunks_mut((inputs * taps).max(1)) {
                        row[0] = 127.0 / 8.0;
                    }
                    let packed = Packed::pack(shape, &weights);
                    assert_eq!(packed.bytes().len(), shape.bytes());
                    assert_eq!(packed.unpack(), weights, "{shape:?}");
                    let made = Packed::pack_made(shape, |outputs, rows| {
                        for (row, &output) in rows.chunks_mut((inputs * taps).max(1)).zip(outputs) {
                            row.copy_from_slice(&weights[output * inputs * taps..][..inputs * taps]);
                        }
                    });
                    assert_eq!(made.bytes(), packed.bytes(), "{shape:?}");
                    let again = Packed::from_bytes(shape, packed.bytes().clone()).expect("the length is right");
                    assert_eq!(again.unpack(), weights);
                    assert!(Packed::from_bytes(shape, Bytes::from_static(b"short")).is_none());
                }
            }
        }
    }

    #[test]
    fn units_are_rounded_and_halves_go_away_from_zero() {
        // The largest is 127 units.
        let mut weights = vec![127.0_f32, 0.5, -0.5, 1.5, 2.5, -2.5, 0.499_999_97, -0.499_999_97, 126.5, -126.499_99];
        weights.extend((0..2000).map(|index| (index * 7919 % 25400) as f32 / 100.0 - 127.0));
        let shape = PackedShape::linear(Arithmetic::Int8, weights.len(), 1);
        let expected: Vec<_> = weights.iter().map(|weight| weight.round() + 0.0).collect();
        assert_eq!(Packed::pack(shape, &weights).unpack(), expected);
    }
}
