//! The tensors of a component with LoRAs merged into them.

use std::borrow::Cow;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;

use super::difference;
use super::merge::{ComponentMerge, TensorMerge};
use super::tensors::all_finite;
use crate::error::{Error, Result};
use crate::ops::{LowRank, Packed, PackedShape, Recycled};
use crate::precision::WeightType;
use crate::weights::convert::{convert, widen_all};
use crate::weights::{RawTensor, TensorSource};

/// The tensors of a source; those that LoRAs change are made of the originals when they are asked for, in f32, one at a
/// time.
pub(crate) struct MergedTensors {
    source: Box<dyn TensorSource>,
    merge: Arc<ComponentMerge>,
}

impl MergedTensors {
    /// `source` with `merge`.
    pub(crate) fn new(source: Box<dyn TensorSource>, merge: Arc<ComponentMerge>) -> Self {
        Self { source, merge }
    }

    /// The lengths (Frobenius norms) of what the first of the LoRAs changes at weight 1, by the names of the tensors.
    ///
    /// # Errors
    /// Tensors that cannot be read.
    pub(crate) fn lengths(&self) -> Result<Vec<(String, f32)>> {
        let mut lengths = Vec::new();
        for name in self.merge.names() {
            let changes = self.merge.tensor(name).map(|tensor| tensor.changes.as_slice()).unwrap_or_default();
            let Some(change) = changes.first().filter(|change| change.index == 0) else { continue };
            let original = self.source.read(name)?;
            let wide = self.widened(name, &original)?;
            lengths.push((name.to_owned(), difference::length(change, bytemuck::cast_slice(&wide), &original.shape)?));
        }
        Ok(lengths)
    }

    fn widened(&self, name: &str, tensor: &RawTensor) -> Result<Bytes> {
        convert(tensor, WeightType::F32).map_err(|message| self.fault(name, message))
    }

    fn fault(&self, name: &str, message: String) -> Error {
        let file = self.source.file_of(name).unwrap_or_else(|| PathBuf::from("checkpoint"));
        Error::Weights { file, tensor: Some(name.to_owned()), message }
    }

    /// The error for the tensor `name` if what `tensor` makes of it is not finite.
    fn overflow(&self, name: &str, tensor: &TensorMerge) -> Error {
        let files: Vec<_> = tensor.changes.iter().map(|change| change.file.to_string()).collect();
        let files = files.join(", ");
        self.fault(
            name,
            format!("is no longer finite with {files} merged into it: use a smaller weight, or another file"),
        )
    }

    /// The tensor `name` with what changes it; none if nothing does.
    fn merged(&self, name: &str) -> Result<Option<RawTensor>> {
        let Some(tensor) = self.merge.tensor(name) else { return Ok(None) };
        let original = self.source.read(name)?;
        let shape = original.shape.clone();
        let wide = self.widened(name, &original)?;
        drop(original);
        let original: &[f32] = bytemuck::cast_slice(&wide);
        let mut merged = Cow::Borrowed(original);
        for change in &tensor.changes {
            merged = Cow::Owned(difference::add(change, original, merged, &shape)?);
        }
        if !all_finite(&merged) {
            return Err(self.overflow(name, tensor));
        }
        let data = Bytes::from_owner(Recycled::new(merged.into_owned()));
        Ok(Some(RawTensor { dtype: WeightType::F32, shape, data }))
    }
}

impl TensorSource for MergedTensors {
    fn names(&self) -> Vec<String> {
        self.source.names()
    }

    fn describe(&self, name: &str) -> Result<(WeightType, Vec<usize>)> {
        let (dtype, shape) = self.source.describe(name)?;
        Ok((if self.merge.tensor(name).is_some() { WeightType::F32 } else { dtype }, shape))
    }

    fn tensor(&self, name: &str) -> Result<RawTensor> {
        self.merged(name)?.map_or_else(|| self.source.tensor(name), Ok)
    }

    fn read(&self, name: &str) -> Result<RawTensor> {
        self.merged(name)?.map_or_else(|| self.source.read(name), Ok)
    }

    fn read_range(&self, name: &str, range: Range<usize>) -> Result<Bytes> {
        match self.merged(name)? {
            Some(tensor) => Ok(tensor.data.slice(range)),
            None => self.source.read_range(name, range),
        }
    }

    /// Panel by panel: of each, the rows are read, changed and packed while they are in the cache.
    fn packed(&self, name: &str, shape: PackedShape) -> Result<Option<Packed>> {
        let Some(tensor) = self.merge.tensor(name) else { return self.source.packed(name, shape) };
        let mut products = Vec::new();
        for change in &tensor.changes {
            // The other kinds need the whole tensor.
            let Some((left, right, inner)) = difference::sides(change)? else { return Ok(None) };
            products.push(LowRank::new(left, right, inner));
        }
        let (dtype, _) = self.source.describe(name)?;
        let length = shape.inputs * shape.taps;
        let make = |outputs: &[usize], rows: &mut [f32]| -> Result<()> {
            let runs = outputs.chunk_by(|left, right| left + 1 == *right);
            let mut place = 0;
            for run in runs {
                let bytes = length * dtype.bytes();
                let stored = self.source.read_range(name, run[0] * bytes..(run[0] + run.len()) * bytes)?;
                widen_all(&stored, dtype, &mut rows[place..place + run.len() * length]);
                place += run.len() * length;
            }
            products.iter().for_each(|product| product.add(outputs, rows));
            if all_finite(rows) { Ok(()) } else { Err(self.overflow(name, tensor)) }
        };
        let failure = Mutex::new(None);
        let packed = Packed::pack_made(shape, |outputs, rows| {
            if let Err(error) = make(outputs, rows) {
                failure.lock().get_or_insert(error);
            }
        });
        match failure.into_inner() {
            Some(error) => Err(error),
            None => Ok(Some(packed)),
        }
    }

    fn file_of(&self, name: &str) -> Option<PathBuf> {
        self.source.file_of(name)
    }

    fn name_in_file(&self, name: &str) -> String {
        self.source.name_in_file(name)
    }
}
