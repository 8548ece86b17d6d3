//! Rows of activations: the left side of a product.

use half::bf16;
use rayon::prelude::*;

use crate::pack::pair;
use crate::quantize::{Quantization, Range};
use crate::{Arithmetic, Element, Instructions};

/// Where the rows of a product come from.
pub(crate) trait Rows<E: Element>: Sync {
    /// How many rows there are.
    fn count(&self) -> usize;

    /// Numbers of one tap, those of padding to whole groups not counted.
    fn inputs(&self) -> usize;

    /// Writes the groups `first..first + left.len()` of `row` to `left`.
    fn gather(&self, arithmetic: Arithmetic, quantization: Quantization, row: usize, first: usize, left: &mut [u32]);

    /// How each row becomes bytes.
    fn quantizations(&self, instructions: Instructions) -> Vec<Quantization>;
}

/// The rows of a matrix `[rows][inputs]`.
pub(crate) struct Matrix<'a, E> {
    pub(crate) numbers: &'a [E],
    pub(crate) inputs: usize,
}

impl<E: Element> Rows<E> for Matrix<'_, E> {
    fn count(&self) -> usize {
        self.numbers.len() / self.inputs
    }

    fn inputs(&self) -> usize {
        self.inputs
    }

    #[inline(always)]
    fn gather(&self, arithmetic: Arithmetic, quantization: Quantization, row: usize, first: usize, left: &mut [u32]) {
        let piece = |_| Some(&self.numbers[row * self.inputs..][..self.inputs]);
        gather(self.inputs, arithmetic, quantization, first, left, piece);
    }

    fn quantizations(&self, instructions: Instructions) -> Vec<Quantization> {
        let ranges = ranges(self.numbers, self.inputs, instructions);
        ranges.into_iter().map(|range| Quantization::of_range(range, instructions)).collect()
    }
}

/// The range of every `length` numbers.
pub(crate) fn ranges<E: Element>(numbers: &[E], length: usize, instructions: Instructions) -> Vec<Range> {
    if length == 0 {
        return Vec::new();
    }
    let range = |numbers: &[E]| {
        instructions.vectorize(
            #[inline(always)]
            || Range::of(numbers),
        )
    };
    numbers.par_chunks_exact(length).with_min_len(64).map(range).collect()
}

/// Writes the groups `first..first + left.len()` of a row to `left`. `piece` gives the numbers of a tap, `inputs` that lie
/// side by side in memory; none where the tap lies outside of the image, which counts as zeros.
#[inline(always)]
pub(crate) fn gather<'a, E: Element>(
    inputs: usize,
    arithmetic: Arithmetic,
    quantization: Quantization,
    first: usize,
    left: &mut [u32],
    piece: impl Fn(usize) -> Option<&'a [E]>,
) {
    let group = arithmetic.group();
    let per_tap = inputs.div_ceil(group);
    let (mut tap, mut start) = (first / per_tap, first % per_tap);
    let mut left = left;
    while !left.is_empty() {
        let count = (per_tap - start).min(left.len());
        let (groups, rest) = left.split_at_mut(count);
        match piece(tap) {
            Some(piece) => {
                let piece = &piece[start * group..piece.len().min((start + count) * group)];
                convert(piece, arithmetic, quantization, groups);
            }
            None => fill_zeros(arithmetic, quantization, groups),
        }
        left = rest;
        (tap, start) = (tap + 1, 0);
    }
}

/// Writes what stands for zeros.
#[inline(always)]
pub(crate) fn fill_zeros(arithmetic: Arithmetic, quantization: Quantization, groups: &mut [u32]) {
    groups.fill(match arithmetic {
        Arithmetic::Int8 => u32::from(quantization.zero) * 0x0101_0101,
        _ => 0,
    });
}

/// Writes `numbers` to `groups`; what is missing for the last group is zero.
#[inline(always)]
pub(crate) fn convert<E: Element>(
    numbers: &[E],
    arithmetic: Arithmetic,
    quantization: Quantization,
    groups: &mut [u32],
) {
    match arithmetic {
        Arithmetic::F32 => {
            for (group, number) in groups.iter_mut().zip(numbers) {
                *group = number.to_f32().to_bits();
            }
        }
        Arithmetic::Bf16 => {
            let whole = numbers.len() / 2;
            if size_of::<E>() == size_of::<bf16>() {
                let bytes: &mut [u8] = bytemuck::cast_slice_mut(&mut groups[..whole]);
                bytes.copy_from_slice(bytemuck::cast_slice(&numbers[..2 * whole]));
            } else {
                for (group, numbers) in groups.iter_mut().zip(numbers.chunks_exact(2)) {
                    *group = pair(numbers[0], numbers[1]);
                }
            }
            if numbers.len() % 2 == 1 {
                groups[whole] = pair(numbers[2 * whole], E::default());
            }
        }
        Arithmetic::Int8 => {
            let bytes: &mut [u8] = bytemuck::cast_slice_mut(groups);
            for (byte, number) in bytes.iter_mut().zip(numbers) {
                *byte = quantization.quantize(number.to_f32());
            }
            bytes[numbers.len()..].fill(quantization.zero);
        }
    }
}
