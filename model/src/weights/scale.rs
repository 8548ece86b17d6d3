//! Factors that files keep beside weights of few bits.

use super::safetensors::{short, shorten};
use super::stored_numbers::StoredNumbers;
use super::{SafetensorsFile, TensorEntry};
use crate::error::{Error, Result};

/// What the name `weight` of a scaled tensor is replaced with: ComfyUI's name for the factor, and that of newer files.
const FACTORS: [&str; 2] = ["scale_weight", "weight_scale"];
/// The same for what concerns products in 8 bits alone, which are not computed here.
const UNUSED: [&str; 3] = ["scale_input", "input_scale", "comfy_quant"];

/// What a tensor's numbers are multiplied with.
#[derive(Debug, Clone)]
pub(super) struct Scale {
    /// One for all numbers, or one for each row of the tensor as it is stored.
    factors: Vec<f32>,
    /// Numbers of a row; of all rows if there is one factor.
    row: usize,
}

/// The tensors that belong to a weight.
pub(super) struct Companions<T> {
    /// Name and place of the factor, if there is one.
    pub(super) scale: Option<(String, T)>,
    /// The names of all of them.
    pub(super) names: Vec<String>,
}

/// What belongs to the weight called `name`, as far as `find` finds it.
pub(super) fn companions<T>(name: &str, find: impl Fn(&str) -> Option<T>) -> Companions<T> {
    let Some(layer) = name.strip_suffix("weight").filter(|layer| layer.ends_with(['.', '_'])) else {
        return Companions { scale: None, names: Vec::new() };
    };
    let named = |ending: &&str| format!("{layer}{ending}");
    let scale = FACTORS.iter().map(named).find_map(|name| find(&name).map(|place| (name, place)));
    let names = FACTORS.iter().chain(&UNUSED).map(named).filter(|name| find(name).is_some()).collect();
    Companions { scale, names }
}

impl Scale {
    /// Reads the factors `name` of a tensor of which the file stores the shape `stored`, from `first_row` on.
    ///
    /// # Errors
    /// [`Error::Weights`] if they are not one number, or one for each row, or not positive and finite.
    pub(super) fn read(
        file: &SafetensorsFile,
        name: &str,
        entry: &TensorEntry,
        stored: &[usize],
        first_row: usize,
    ) -> Result<Self> {
        let fault = |message| Error::Weights { file: file.path().to_owned(), tensor: Some(shorten(name)), message };
        let count: usize = entry.shape.iter().product();
        let rows = stored.first().copied().unwrap_or_default();
        if count != 1 && count != rows {
            return Err(fault(format!(
                "has shape {}, but a weight of shape {stored:?} has one factor, or one for each row: the file is damaged, or \
                 scaled in blocks, which is not supported",
                short(&entry.shape)
            )));
        }
        let Some(numbers) = StoredNumbers::of(entry.dtype) else {
            return Err(fault(format!("is stored as {}, but factors are floats", entry.dtype)));
        };
        let read = file.read(entry.range.clone())?;
        // With a factor of one, what is given is f32 whatever was stored.
        let wide = numbers.widen(read, Some(&|_| (1.0, usize::MAX)));
        let factors: Vec<_> = wide.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
        if let Some(factor) = factors.iter().find(|factor| !factor.is_finite()) {
            return Err(fault(format!("is {factor}, not a number to multiply with: the file is damaged")));
        }
        if count == 1 {
            return Ok(Self { factors, row: usize::MAX });
        }
        let row = stored.iter().skip(1).product::<usize>().max(1);
        Ok(Self { factors: factors.into_iter().skip(first_row).collect(), row })
    }

    /// The factor of the number at `place`, in the order of the file, and how many from there on have it.
    pub(super) fn factor(&self, place: usize) -> (f32, usize) {
        (self.factors[place / self.row], self.row - place % self.row)
    }
}
