//! The tensors of a LoRA file.

use crate::error::{Error, Result};
use crate::ops::any_numbers;
use crate::precision::WeightType;
use crate::weights::SafetensorsFile;
use crate::weights::convert::widen_all;
use crate::weights::safetensors::shorten;

/// One tensor of the file, which has at least one number.
#[derive(Debug)]
pub(super) struct Factor {
    pub(super) name: String,
    pub(super) shape: Vec<usize>,
}

impl Factor {
    /// Numbers in all.
    pub(super) fn count(&self) -> usize {
        self.shape.iter().product()
    }

    /// Numbers behind each place of the first axis.
    pub(super) fn columns(&self) -> usize {
        self.shape[1..].iter().product()
    }
}

/// The tensors of the file.
#[derive(Debug)]
pub(super) struct Tensors(pub(super) SafetensorsFile);

impl Tensors {
    /// The numbers of `factor`.
    ///
    /// # Errors
    /// [`Error::Io`] if they cannot be read, [`Error::Weights`] naming the tensor if some are not finite.
    pub(super) fn numbers(&self, factor: &Factor) -> Result<Vec<f32>> {
        let entry = &self.0.header().tensors[&factor.name];
        // Opening the file checked the format.
        let dtype = entry.weight_type().unwrap_or(WeightType::F32);
        let mut numbers = any_numbers(factor.count());
        widen_all(&self.0.read(entry.range.clone())?, dtype, &mut numbers);
        if !all_finite(&numbers) {
            let message = "has numbers that are not finite: the file is damaged, or its training went wrong";
            return Err(self.fault(&factor.name, message));
        }
        Ok(numbers)
    }

    /// The error for the tensor `name`.
    pub(super) fn fault(&self, name: &str, message: impl Into<String>) -> Error {
        Error::Weights { file: self.0.path().to_owned(), tensor: Some(shorten(name)), message: message.into() }
    }
}

/// Whether no number is infinite or not a number; by their exponents, which a processor compares many at a time.
pub(super) fn all_finite(numbers: &[f32]) -> bool {
    const EXPONENT: u32 = 0x7f80_0000;
    !numbers.iter().fold(false, |found, number| found | (number.to_bits() & EXPONENT == EXPONENT))
}
