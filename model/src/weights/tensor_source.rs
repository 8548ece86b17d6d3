//! Tensors as they are stored, and where they come from.

use std::ops::Range;
use std::path::PathBuf;

use bytes::Bytes;

use crate::error::Result;
use crate::ops::{Packed, PackedShape};
use crate::precision::WeightType;

/// One tensor: row-major, in PyTorch's layout (linear `[out, in]`, convolution `[out, in, height, width]`),
/// little-endian, aligned for its format.
#[derive(Debug, Clone)]
pub struct RawTensor {
    /// Format of the numbers: the one that they are stored in, or the one that theirs was widened to.
    pub dtype: WeightType,
    /// Length of each axis.
    pub shape: Vec<usize>,
    /// The numbers: a slice of the mapped file, or a buffer of its own.
    pub data: Bytes,
}

/// The tensors of one component under the names that diffusers gives them; text encoders always with `text_model.`.
pub trait TensorSource: Send + Sync {
    /// Every name, sorted.
    fn names(&self) -> Vec<String>;

    /// Format and shape of a tensor, without reading it.
    ///
    /// # Errors
    /// [`crate::Error::Weights`] if there is none of this name.
    fn describe(&self, name: &str) -> Result<(WeightType, Vec<usize>)>;

    /// The tensor where it lies in the mapped file, wherever layout and alignment allow; else a copy.
    ///
    /// # Errors
    /// [`crate::Error::Weights`] if there is none of this name.
    fn tensor(&self, name: &str) -> Result<RawTensor>;

    /// The tensor read into a buffer of its own without touching the mapping, for callers that convert it, so that
    /// mapped pages and the converted copy are not both in memory.
    ///
    /// # Errors
    /// [`crate::Error::Weights`] if there is none of this name, [`crate::Error::Io`] if it cannot be read.
    fn read(&self, name: &str) -> Result<RawTensor>;

    /// The bytes `range` of the tensor's numbers, read without the rest of them where the layout allows.
    ///
    /// # Errors
    /// As [`TensorSource::read`].
    fn read_range(&self, name: &str, range: Range<usize>) -> Result<Bytes>;

    /// The matrix `name` packed as `shape` says, from sources that have a better way than to read it whole and to pack it
    /// then; none from others.
    ///
    /// # Errors
    /// As [`TensorSource::read`].
    fn packed(&self, name: &str, shape: PackedShape) -> Result<Option<Packed>> {
        let _ = (name, shape);
        Ok(None)
    }

    /// The file that holds the tensor, for messages.
    fn file_of(&self, name: &str) -> Option<PathBuf>;

    /// What that file calls the tensor, for messages.
    fn name_in_file(&self, name: &str) -> String {
        name.to_owned()
    }
}
