//! Where a module's tensors come from while it is built.

use std::path::PathBuf;
use std::sync::Mutex;

use burn::tensor::{AllocationProperty, Bytes, DType, Device, FloatDType, Tensor, TensorData};

use crate::error::{Error, Result};
use crate::random::RandomWeights;
use crate::weights::{TensorSource, WeightType, convert};

/// The parameters of one component, seen from the module that is being built.
///
/// A module asks for each tensor by its checkpoint name and exact shape, so loading, listing
/// names and making random weights all follow from the module's own constructor.
pub(crate) struct Parameters<'a> {
    origin: &'a Origin,
    prefix: String,
    device: &'a Device,
    dtype: FloatDType,
}

/// What stands behind [`Parameters`].
pub(crate) enum Origin {
    /// Tensors of a checkpoint.
    Files(Box<dyn TensorSource>),
    /// Numbers drawn at random, for benchmarks.
    Random(RandomWeights),
    /// No numbers at all: names and shapes are written down, and nothing is allocated.
    Manifest(Mutex<Vec<(String, Vec<usize>)>>),
}

impl<'a> Parameters<'a> {
    /// The root of a component whose tensors are put on `device` and held as `dtype`.
    pub(crate) fn new(origin: &'a Origin, device: &'a Device, dtype: FloatDType) -> Self {
        Self { origin, prefix: String::new(), device, dtype }
    }

    /// The parameters of the child module `name`.
    pub(crate) fn child(&self, name: impl std::fmt::Display) -> Self {
        let prefix = if self.prefix.is_empty() { name.to_string() } else { format!("{}.{name}", self.prefix) };
        Self { origin: self.origin, prefix, device: self.device, dtype: self.dtype }
    }

    /// The tensor `name` of this module, which must have exactly `shape`.
    pub(crate) fn tensor<const D: usize>(&self, name: &str, shape: [usize; D]) -> Result<Tensor<D>> {
        let name = self.child(name).prefix;
        match self.origin {
            Origin::Files(source) => self.load(source.as_ref(), &name, shape),
            Origin::Random(random) => Ok(self.place(random.tensor(&name, &shape, self.dtype))),
            Origin::Manifest(entries) => {
                let mut entries = entries.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
                entries.push((name, shape.to_vec()));
                Ok(Tensor::<1>::zeros([1], (self.device, DType::from(self.dtype))).reshape([1; D]).expand(shape))
            }
        }
    }

    fn place<const D: usize>(&self, data: TensorData) -> Tensor<D> {
        Tensor::from_data(data, (self.device, DType::from(self.dtype)))
    }

    fn load<const D: usize>(&self, source: &dyn TensorSource, name: &str, shape: [usize; D]) -> Result<Tensor<D>> {
        let fault = |message: String| Error::Weights {
            file: source.file_of(name).unwrap_or_else(|| PathBuf::from("checkpoint")),
            tensor: Some(name.to_owned()),
            message,
        };
        let (stored, found) = source.describe(name)?;
        if found != shape {
            return Err(fault(format!(
                "has shape {found:?} but the configuration asks for {shape:?}: configuration and weights are not of the same model"
            )));
        }
        let wanted = weight_type(self.dtype);
        let bytes = if stored == wanted {
            // Same format: the tensor is the mapped file itself.
            source.tensor(name)?.data
        } else {
            // Read without the mapping, so that the file's pages do not stay beside the converted copy.
            convert(&source.read(name)?, wanted).map_err(fault)?
        };
        let bytes = Bytes::from_shared(bytes, AllocationProperty::File);
        Ok(self.place(TensorData::from_bytes(bytes, shape, self.dtype.into())))
    }
}

/// The stored format that is `dtype`.
fn weight_type(dtype: FloatDType) -> WeightType {
    match dtype {
        FloatDType::BF16 => WeightType::BF16,
        FloatDType::F16 => WeightType::F16,
        _ => WeightType::F32,
    }
}
