//! Finding numbers in weights that are none.
//!
//! A model with NaN or an infinite number among its weights draws noise or black, whatever the precision, and where
//! weights are rounded to 8 bits the number hides. So every weight is looked at when it is converted, packed or loaded.

use std::path::PathBuf;

use half::{bf16, f16};

use super::{RawTensor, TensorSource};
use crate::error::{Error, Result};
use crate::precision::WeightType;

/// Numbers looked at together, by vector code.
const BLOCK: usize = 4096;

/// The place and value of the first number that is not finite.
pub(super) fn first_strange(bytes: &[u8], dtype: WeightType) -> Option<(usize, f32)> {
    match dtype {
        WeightType::F32 => {
            let place = find(bytes.as_chunks().0, |bytes| u32::from_le_bytes(bytes) >> 23 & 0xff == 0xff)?;
            Some((place, f32::from_le_bytes(bytes.as_chunks().0[place])))
        }
        WeightType::F16 => {
            let place = find(bytes.as_chunks().0, |bytes| u16::from_le_bytes(bytes) >> 10 & 0x1f == 0x1f)?;
            Some((place, f16::from_le_bytes(bytes.as_chunks().0[place]).to_f32()))
        }
        WeightType::BF16 => {
            let place = find(bytes.as_chunks().0, |bytes| u16::from_le_bytes(bytes) >> 7 & 0xff == 0xff)?;
            Some((place, bf16::from_le_bytes(bytes.as_chunks().0[place]).to_f32()))
        }
    }
}

/// The place of the first of `numbers` that `is_strange`.
fn find<const SIZE: usize>(numbers: &[[u8; SIZE]], is_strange: impl Fn([u8; SIZE]) -> bool) -> Option<usize> {
    let block = numbers
        .chunks(BLOCK)
        .position(|block| block.iter().fold(false, |found, &number| found | is_strange(number)))?;
    let rest = numbers[block * BLOCK..].iter().position(|&number| is_strange(number))?;
    Some(block * BLOCK + rest)
}

/// Refuses `tensor`, which `source` calls `name`, if one of its numbers is not finite.
///
/// # Errors
/// [`Error::Weights`] naming the file, and the tensor as the file calls it.
pub(super) fn check(source: &dyn TensorSource, name: &str, tensor: &RawTensor) -> Result<()> {
    match first_strange(&tensor.data, tensor.dtype) {
        None => Ok(()),
        Some((place, number)) => Err(strange(
            source.file_of(name).unwrap_or_else(|| PathBuf::from("checkpoint")),
            source.name_in_file(name),
            place,
            number,
        )),
    }
}

/// Refuses `tensor`, which is f32, if one of its numbers is infinite in bf16.
///
/// # Errors
/// As [`check`].
pub(super) fn check_reach_of_bf16(source: &dyn TensorSource, name: &str, tensor: &RawTensor) -> Result<()> {
    // From half a step above the largest bf16 on.
    let is_beyond = |bytes| u32::from_le_bytes(bytes) & 0x7fff_ffff >= 0x7f7f_8000;
    let Some(place) = find(tensor.data.as_chunks().0, is_beyond) else { return Ok(()) };
    let number = f32::from_le_bytes(tensor.data.as_chunks().0[place]);
    Err(Error::Weights {
        file: source.file_of(name).unwrap_or_else(|| PathBuf::from("checkpoint")),
        tensor: Some(source.name_in_file(name)),
        message: format!("holds {number}, more than bf16 can; use f32"),
    })
}

/// What is said of a tensor with a number that is not finite.
pub(super) fn strange(file: PathBuf, tensor: String, place: usize, number: f32) -> Error {
    let number = if number.is_nan() { "NaN, which is no number" } else { "an infinite number" };
    let message = format!(
        "holds {number}, at place {place}: the file is damaged, or its training or merging failed, and no precision \
         helps; download it again and compare its checksum, or use another copy of the model"
    );
    Error::Weights { file, tensor: Some(tensor), message }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pattern_of_16_bits_is_judged_as_the_number_it_is() {
        for bits in 0..=u16::MAX {
            let bytes = bits.to_le_bytes();
            assert_eq!(first_strange(&bytes, WeightType::F16).is_none(), f16::from_bits(bits).is_finite(), "{bits:x}");
            assert_eq!(
                first_strange(&bytes, WeightType::BF16).is_none(),
                bf16::from_bits(bits).is_finite(),
                "{bits:x}"
            );
            let wide = (u32::from(bits) << 16).to_le_bytes();
            assert_eq!(first_strange(&wide, WeightType::F32).is_none(), bf16::from_bits(bits).is_finite(), "{bits:x}");
        }
    }

    #[test]
    fn the_first_of_many_is_found() {
        for place in [0, 1, BLOCK - 1, BLOCK, 2 * BLOCK + 5] {
            let mut numbers = vec![1.0_f32; 3 * BLOCK - 1];
            numbers[place] = f32::NAN;
            numbers[3 * BLOCK - 2] = f32::INFINITY;
            let bytes: Vec<_> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
            let (found, number) = first_strange(&bytes, WeightType::F32).expect("there is one");
            assert!(found == place && number.is_nan());
        }
    }
}
