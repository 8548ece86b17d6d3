//! Weights packed for the CPU's kernels, in memory and in files.
//!
//! A file of packed weights is a safetensors file in which matrices are bytes in the kernels' order; everything else is
//! as in a checkpoint. It is mapped into memory and used where it lies.

use std::collections::BTreeMap;
use std::fs::File;
use std::ops::Range;
use std::path::{Path, PathBuf};

use burn::tensor::{FloatDType, TensorData};
use bytes::Bytes;
use half::bf16;
use safetensors::Dtype;

use super::convert::{convert_tensor, load};
use super::fingerprint::Fingerprint;
use super::manifest::{ListedTensor, TensorForm};
use super::safetensors::write_into;
use super::write::{UnfinishedFile, write_file};
use super::{RawTensor, SafetensorsFile, Stored, TensorSource, TensorToWrite, convert, finite};
use crate::error::{Error, Result};
use crate::network::parameters::ParameterSource;
use crate::ops::{Arithmetic, Packed, PackedShape, UpsampleWeights};
use crate::precision::{Precision, WeightType};

/// The file in a component's folder.
pub const PACKED_FILE: &str = "packed.safetensors";
/// The order of the bytes, and which matrices have 8 bits; files of another one are packed again.
const LAYOUT: &str = "1";
const LAYOUT_OF_INT8: &str = "2";
/// Where a file's metadata names the layout, and the precision.
const LAYOUT_KEY: &str = "easel_packed";
const PRECISION_KEY: &str = "easel_precision";
/// Where it says that every number was found to be finite: 8 bits would hide one that is not.
const CHECKED_KEY: &str = "easel_finite";

/// The layout of files packed for `precision`.
fn layout(precision: Precision) -> &'static str {
    if precision == Precision::Int8 { LAYOUT_OF_INT8 } else { LAYOUT }
}

/// The name in files of packed weights of a matrix that is packed for upsampling too.
pub(super) fn upsample_name(name: &str) -> String {
    format!("{name}.doubled")
}

/// Packs a matrix.
pub(super) fn pack(shape: PackedShape, tensor: &RawTensor) -> Result<Packed> {
    with_numbers(tensor, |numbers| Packed::pack(shape, numbers), |numbers| Packed::pack(shape, numbers))
}

/// Packs the matrix `name` of `source`.
pub(super) fn pack_from(source: &dyn TensorSource, name: &str, shape: PackedShape) -> Result<Packed> {
    match source.packed(name, shape)? {
        Some(packed) => Ok(packed),
        None => pack(shape, &to_be_packed(source, name, shape.arithmetic)?),
    }
}

/// Packs a 3×3 convolution `[outputs, inputs, 3, 3]` for the kernel that upsamples and convolves in one.
pub(super) fn pack_upsample(arithmetic: Arithmetic, tensor: &RawTensor) -> Result<UpsampleWeights> {
    let (outputs, inputs) = (tensor.shape[0], tensor.shape[1]);
    with_numbers(
        tensor,
        |numbers| UpsampleWeights::pack(arithmetic, inputs, outputs, numbers),
        |numbers| UpsampleWeights::pack(arithmetic, inputs, outputs, numbers),
    )
}

/// The tensor `name` of `source`, to be packed: in any number format, and without a number that its packed form would
/// hide. It is read without the file's mapping, so that its pages do not stay beside the packed copy.
///
/// # Errors
/// [`Error::Weights`] naming file and tensor if a number is not finite, or beyond what is computed with.
pub(super) fn to_be_packed(source: &dyn TensorSource, name: &str, arithmetic: Arithmetic) -> Result<RawTensor> {
    let tensor = source.read(name)?;
    finite::check(source, name, &tensor)?;
    // bf16 reaches as far as f32 but for the last of its numbers.
    if arithmetic == Arithmetic::Bf16 && tensor.dtype == WeightType::F32 {
        finite::check_reach_of_bf16(source, name, &tensor)?;
    }
    Ok(tensor)
}

/// Gives a tensor's numbers as f32 or as bf16 to one of two functions.
fn with_numbers<T>(tensor: &RawTensor, wide: impl FnOnce(&[f32]) -> T, narrow: impl FnOnce(&[bf16]) -> T) -> Result<T> {
    // Weights are read aligned for their format.
    Ok(match tensor.dtype {
        WeightType::F32 => wide(bytemuck::cast_slice(&tensor.data)),
        WeightType::BF16 => narrow(bytemuck::cast_slice(&tensor.data)),
        WeightType::F16 => {
            let data = convert(tensor, WeightType::F32)
                .map_err(|message| Error::Computation { part: "packing weights", message })?;
            wide(bytemuck::cast_slice(&data))
        }
    })
}

/// Writes the tensors of `listing` from `source`, in the forms that it asks for, to a new file at `path` that says that it
/// is packed for `precision`. One tensor is in memory at a time, and the file appears whole or not at all.
pub(super) fn write(
    source: &dyn TensorSource,
    listing: Vec<ListedTensor>,
    precision: Precision,
    path: &Path,
) -> Result<()> {
    write_file(path, |file| write_tensors(file, source, listing, precision, path))
}

/// As [`write()`], but opened before the file is on the disk, where it comes, and to its name, while others go on.
pub(super) fn write_behind(
    source: &dyn TensorSource,
    listing: Vec<ListedTensor>,
    precision: Precision,
    path: &Path,
) -> Result<PackedFile> {
    let unfinished = UnfinishedFile::write(path, |file| write_tensors(file, source, listing, precision, path))?;
    let packed = PackedFile::open(unfinished.path())?;
    unfinished.finish_behind();
    Ok(packed)
}

fn write_tensors(
    file: &mut File,
    source: &dyn TensorSource,
    listing: Vec<ListedTensor>,
    precision: Precision,
    path: &Path,
) -> Result<()> {
    let tensors = listing.into_iter().map(|ListedTensor { name, shape, form }| {
        let of = name.clone();
        match form {
            TensorForm::Plain(dtype) => {
                let dtype = WeightType::of(dtype);
                let produce = move || convert_tensor(source, &of, &source.read(&of)?, dtype);
                TensorToWrite { name, stored: Stored::Numbers(dtype), shape, produce: Box::new(produce) }
            }
            TensorForm::Matrix(packed) => {
                let produce = move || Ok(pack_from(source, &of, packed)?.bytes().clone());
                TensorToWrite { name, stored: Stored::Bytes, shape: vec![packed.bytes()], produce: Box::new(produce) }
            }
            TensorForm::Upsample(arithmetic) => {
                let size = UpsampleWeights::size(arithmetic, shape[1], shape[0]);
                let produce = move || {
                    let packed = pack_upsample(arithmetic, &to_be_packed(source, &of, arithmetic)?)?;
                    Ok(Bytes::from(packed.bytes().map(|bytes| &bytes[..]).concat()))
                };
                let (name, shape) = (upsample_name(&name), vec![size]);
                TensorToWrite { name, stored: Stored::Bytes, shape, produce: Box::new(produce) }
            }
        }
    });
    let metadata = BTreeMap::from([
        (LAYOUT_KEY.to_owned(), layout(precision).to_owned()),
        (PRECISION_KEY.to_owned(), precision.name().to_owned()),
        (CHECKED_KEY.to_owned(), "true".to_owned()),
    ]);
    write_into(file, path, &metadata, tensors.collect())
}

/// Bytes that the tensors of `listing` take in a file.
pub(super) fn packed_size(listing: &[ListedTensor]) -> u64 {
    let size = |listed: &ListedTensor| match listed.form {
        TensorForm::Plain(dtype) => listed.shape.iter().product::<usize>() * WeightType::of(dtype).bytes(),
        TensorForm::Matrix(packed) => packed.bytes(),
        TensorForm::Upsample(arithmetic) => UpsampleWeights::size(arithmetic, listed.shape[1], listed.shape[0]),
    };
    listing.iter().map(|listed| size(listed) as u64).sum()
}

/// A file of packed weights.
#[derive(Debug)]
pub(super) struct PackedFile {
    file: SafetensorsFile,
    precision: Precision,
}

impl PackedFile {
    /// Maps the file at `path`.
    ///
    /// # Errors
    /// [`Error::Weights`] if it is no sound file of packed weights in this layout.
    pub(super) fn open(path: &Path) -> Result<Self> {
        let file = SafetensorsFile::open(path)?;
        let fault = |message: String| Error::Weights { file: path.to_owned(), tensor: None, message };
        let metadata = &file.header().metadata;
        let Some(found) = metadata.get(LAYOUT_KEY) else {
            return Err(fault("is not a file of packed weights: convert the model again".to_owned()));
        };
        let precision = metadata.get(PRECISION_KEY).and_then(|name| name.parse().ok());
        let precision =
            precision.ok_or_else(|| fault("does not say its precision: convert the model again".to_owned()))?;
        let read = layout(precision);
        if found != read {
            let message =
                format!("is packed in layout {found}, and this version reads {read}: convert the model again");
            return Err(fault(message));
        }
        Ok(Self { file, precision })
    }

    /// What its weights were packed for.
    pub(super) fn precision(&self) -> Precision {
        self.precision
    }

    /// Whether every number was looked at when it was packed.
    pub(super) fn is_checked(&self) -> bool {
        self.file.header().metadata.contains_key(CHECKED_KEY)
    }

    /// Bytes of all tensors together.
    pub(super) fn size_in_bytes(&self) -> u64 {
        self.file.header().tensors.values().map(|entry| entry.range.len() as u64).sum()
    }

    /// What tells its weights from others.
    ///
    /// # Errors
    /// [`Error::Io`] if it cannot be read.
    pub(super) fn fingerprint(&self) -> Result<Fingerprint> {
        Fingerprint::of_file(&self.file)
    }

    /// Where it lies.
    pub(super) fn path(&self) -> &Path {
        self.file.path()
    }

    /// The packed matrix `name`.
    pub(super) fn bytes(&self, name: &str) -> Result<Bytes> {
        let entry = self.file.header().tensors.get(name).ok_or_else(|| self.missing(name))?;
        if entry.dtype != Dtype::U8 {
            return Err(self.mismatch(name));
        }
        Ok(self.file.mapped(entry.range.clone(), 1))
    }

    fn missing(&self, name: &str) -> Error {
        let message = "is missing: convert the model again".to_owned();
        Error::Weights { file: self.path().to_owned(), tensor: Some(name.to_owned()), message }
    }

    /// The error for a tensor that is there, but not as it should be.
    fn mismatch(&self, name: &str) -> Error {
        let message = "has another shape than the configuration asks for: configuration and weights are not of the \
                       same model"
            .to_owned();
        Error::Weights { file: self.path().to_owned(), tensor: Some(name.to_owned()), message }
    }
}

impl TensorSource for PackedFile {
    fn names(&self) -> Vec<String> {
        self.file.header().tensors.keys().cloned().collect()
    }

    fn describe(&self, name: &str) -> Result<(WeightType, Vec<usize>)> {
        let entry = self.file.header().tensors.get(name).ok_or_else(|| self.missing(name))?;
        let dtype = entry.weight_type().ok_or_else(|| self.mismatch(name))?;
        Ok((dtype, entry.shape.clone()))
    }

    fn tensor(&self, name: &str) -> Result<RawTensor> {
        let (dtype, shape) = self.describe(name)?;
        let range = self.file.header().tensors[name].range.clone();
        Ok(RawTensor { dtype, shape, data: self.file.mapped(range, dtype.bytes()) })
    }

    fn read(&self, name: &str) -> Result<RawTensor> {
        TensorSource::tensor(self, name)
    }

    fn read_range(&self, name: &str, range: Range<usize>) -> Result<Bytes> {
        let stored = &self.file.header().tensors.get(name).ok_or_else(|| self.missing(name))?.range;
        self.file.read(stored.start + range.start..stored.start + range.end)
    }

    fn file_of(&self, _name: &str) -> Option<PathBuf> {
        Some(self.path().to_owned())
    }
}

impl ParameterSource for PackedFile {
    fn tensor(&self, name: &str, shape: &[usize], dtype: FloatDType) -> Result<Option<TensorData>> {
        if self.describe(name)?.1 != shape {
            return Err(self.mismatch(name));
        }
        load(self, name, shape, dtype).map(Some)
    }

    fn matrix(&self, name: &str, _shape: &[usize], packed: PackedShape) -> Result<Option<Packed>> {
        Packed::from_bytes(packed, self.bytes(name)?).ok_or_else(|| self.mismatch(name)).map(Some)
    }

    fn upsample(&self, name: &str, shape: &[usize], arithmetic: Arithmetic) -> Result<Option<UpsampleWeights>> {
        let bytes = self.bytes(&upsample_name(name))?;
        let packed = UpsampleWeights::from_bytes(arithmetic, shape[1], shape[0], &bytes);
        packed.ok_or_else(|| self.mismatch(name)).map(Some)
    }
}
