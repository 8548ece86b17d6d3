//! Weights packed for the CPU's kernels, in memory and in files.
//!
//! A file of packed weights is a safetensors file in which matrices are bytes in the kernels' order; everything else is
//! as in a checkpoint. It is mapped into memory and used where it lies.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use burn::tensor::FloatDType;
use bytes::Bytes;
use half::bf16;
use safetensors::Dtype;

use crate::config::ModelConfigs;
use crate::error::{Error, Result};
use crate::kernels::{Arithmetic, Packed, PackedShape, UpsampleWeights};
use crate::manifest::listing;
use crate::parameters::weight_type;
use crate::precision::Precision;
use crate::weights::{
    Component, RawTensor, SafetensorsFile, Stored, TensorSource, TensorToWrite, WeightType, convert, write_safetensors,
};

/// The file in a component's folder.
pub const PACKED_FILE: &str = "packed.safetensors";
/// The order of the bytes; files of another one are packed again.
const LAYOUT: &str = "1";
/// Where a file's metadata names the layout, and the precision.
const LAYOUT_KEY: &str = "easel_packed";
const PRECISION_KEY: &str = "easel_precision";

/// One tensor that a module asks for, and in which form.
pub(crate) struct Listed {
    /// Its name in the checkpoint.
    pub(crate) name: String,
    /// Its shape in the checkpoint.
    pub(crate) shape: Vec<usize>,
    pub(crate) form: Form,
}

/// How a module holds a tensor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// As it is.
    Tensor(FloatDType),
    /// A packed matrix.
    Matrix(PackedShape),
    /// A matrix packed a second time, for a kernel that doubles the picture at the same time.
    Doubled(Arithmetic),
}

/// The name of a matrix's second form in files of packed weights.
pub(crate) fn doubled_name(name: &str) -> String {
    format!("{name}.doubled")
}

/// Packs a matrix.
pub(crate) fn pack(shape: PackedShape, tensor: &RawTensor) -> Result<Packed> {
    with_numbers(tensor, |numbers| Packed::pack(shape, numbers), |numbers| Packed::pack(shape, numbers))
}

/// Packs a 3×3 convolution `[outputs, inputs, 3, 3]` for a kernel that doubles the picture at the same time.
pub(crate) fn pack_doubled(arithmetic: Arithmetic, tensor: &RawTensor) -> Result<UpsampleWeights> {
    let (outputs, inputs) = (tensor.shape[0], tensor.shape[1]);
    with_numbers(
        tensor,
        |numbers| UpsampleWeights::pack(arithmetic, inputs, outputs, numbers),
        |numbers| UpsampleWeights::pack(arithmetic, inputs, outputs, numbers),
    )
}

/// Gives a tensor's numbers as f32 or as bf16 to one of two functions.
fn with_numbers<T>(tensor: &RawTensor, wide: impl FnOnce(&[f32]) -> T, narrow: impl FnOnce(&[bf16]) -> T) -> Result<T> {
    // Whoever reads weights aligns them for their format.
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

/// Writes the weights of `component` from `source`, packed for `precision`, to a new file at `path`. One tensor is in
/// memory at a time, and the file appears whole or not at all.
pub(crate) fn write(
    source: &dyn TensorSource,
    component: Component,
    configs: &ModelConfigs,
    precision: Precision,
    path: &Path,
) -> Result<()> {
    let tensors = listing(component, configs, precision.cpu_format()).into_iter().map(|listed| {
        let Listed { name, shape, form } = listed;
        match form {
            Form::Tensor(dtype) => {
                let (of, dtype) = (name.clone(), weight_type(dtype));
                let produce = move || {
                    convert(&source.read(&of)?, dtype).map_err(|message| Error::Weights {
                        file: source.file_of(&of).unwrap_or_default(),
                        tensor: Some(of.clone()),
                        message,
                    })
                };
                TensorToWrite { name, stored: Stored::Numbers(dtype), shape, produce: Box::new(produce) }
            }
            Form::Matrix(packed) => {
                let of = name.clone();
                let produce = move || Ok(pack(packed, &source.read(&of)?)?.bytes().clone());
                TensorToWrite { name, stored: Stored::Bytes, shape: vec![packed.bytes()], produce: Box::new(produce) }
            }
            Form::Doubled(arithmetic) => {
                let size = UpsampleWeights::size(arithmetic, shape[1], shape[0]);
                let of = name.clone();
                let produce = move || {
                    let packed = pack_doubled(arithmetic, &source.read(&of)?)?;
                    Ok(Bytes::from(packed.bytes().map(|bytes| &bytes[..]).concat()))
                };
                let (name, shape) = (doubled_name(&name), vec![size]);
                TensorToWrite { name, stored: Stored::Bytes, shape, produce: Box::new(produce) }
            }
        }
    });
    let metadata = BTreeMap::from([
        (LAYOUT_KEY.to_owned(), LAYOUT.to_owned()),
        (PRECISION_KEY.to_owned(), precision.name().to_owned()),
    ]);
    write_safetensors(path, &metadata, tensors.collect())
}

/// A file of packed weights.
#[derive(Debug)]
pub(crate) struct PackedFile {
    file: SafetensorsFile,
    precision: Precision,
}

impl PackedFile {
    /// Maps the file at `path`.
    ///
    /// # Errors
    /// [`Error::Weights`] if it is no sound file of packed weights in this layout.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let file = SafetensorsFile::open(path)?;
        let fault = |message: String| Error::Weights { file: path.to_owned(), tensor: None, message };
        match file.header().metadata.get(LAYOUT_KEY).map(String::as_str) {
            Some(LAYOUT) => {}
            Some(other) => {
                let message =
                    format!("is packed in layout {other}, and this version reads {LAYOUT}: convert the model again");
                return Err(fault(message));
            }
            None => return Err(fault("is not a file of packed weights: convert the model again".to_owned())),
        }
        let precision = file.header().metadata.get(PRECISION_KEY).and_then(|name| name.parse().ok());
        let precision =
            precision.ok_or_else(|| fault("does not say its precision: convert the model again".to_owned()))?;
        Ok(Self { file, precision })
    }

    /// What its weights were packed for.
    pub(crate) fn precision(&self) -> Precision {
        self.precision
    }

    /// Bytes of all tensors together.
    pub(crate) fn size_in_bytes(&self) -> u64 {
        self.file.header().tensors.values().map(|entry| entry.range.len() as u64).sum()
    }

    /// Where it lies.
    pub(crate) fn path(&self) -> &Path {
        self.file.path()
    }

    /// The packed matrix `name`.
    pub(crate) fn bytes(&self, name: &str) -> Result<Bytes> {
        let entry = self.file.header().tensors.get(name).ok_or_else(|| self.missing(name))?;
        if entry.dtype != Dtype::U8 {
            return Err(self.mismatch(name));
        }
        Ok(self.file.mapped(entry.range.clone(), 1))
    }

    /// The packed matrices, by name.
    pub(crate) fn matrices(&self) -> impl Iterator<Item = Bytes> {
        let entries = self.file.header().tensors.values().filter(|entry| entry.dtype == Dtype::U8);
        entries.map(|entry| self.file.mapped(entry.range.clone(), 1))
    }

    /// Refuses a tensor of another shape than the configuration asks for.
    pub(crate) fn check_shape(&self, name: &str, shape: &[usize]) -> Result<()> {
        if self.describe(name)?.1 == shape { Ok(()) } else { Err(self.mismatch(name)) }
    }

    /// Whether both files hold the same weights, judged by the beginning and the end of every tensor.
    pub(crate) fn is_same_as(&self, other: &Self) -> bool {
        const COMPARED: usize = 4096;
        let (ours, theirs) = (&self.file.header().tensors, &other.file.header().tensors);
        self.precision == other.precision
            && ours.len() == theirs.len()
            && ours.iter().zip(theirs).all(|((name, entry), (other_name, other_entry))| {
                let ends = |file: &SafetensorsFile, range: &std::ops::Range<usize>| {
                    let data = file.mapped(range.clone(), 1);
                    let length = data.len().min(COMPARED);
                    (data.slice(..length), data.slice(data.len() - length..))
                };
                name == other_name
                    && entry.shape == other_entry.shape
                    && entry.dtype == other_entry.dtype
                    && ends(&self.file, &entry.range) == ends(&other.file, &other_entry.range)
            })
    }

    fn missing(&self, name: &str) -> Error {
        let message = "is missing: convert the model again".to_owned();
        Error::Weights { file: self.path().to_owned(), tensor: Some(name.to_owned()), message }
    }

    /// What to say of a tensor that is there, but not as it should be.
    pub(crate) fn mismatch(&self, name: &str) -> Error {
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
        self.tensor(name)
    }

    fn file_of(&self, _name: &str) -> Option<PathBuf> {
        Some(self.path().to_owned())
    }
}
