//! Where a module's tensors come from while it is built.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use burn::backend::Dispatch;
use burn::tensor::{AllocationProperty, Bytes, DType, Device, FloatDType, Tensor, TensorData};

use crate::error::{Error, Result};
use crate::kernels::{Arithmetic, Order, Packed, PackedShape, UpsampleWeights, Weights};
use crate::packing::{self, Form, Listed, PackedFile};
use crate::random::RandomWeights;
use crate::weights::{RawTensor, TensorSource, WeightType, convert};

/// The parameters of one component, seen from the module that is being built.
///
/// A module asks for each tensor by its checkpoint name and exact shape, so loading, listing
/// names, packing and making random weights all follow from the module's own constructor.
pub(crate) struct Parameters<'a> {
    origin: &'a Origin,
    prefix: String,
    device: &'a Device,
    format: WeightFormat,
}

/// How weights are held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct WeightFormat {
    /// Of tensors.
    pub(crate) numbers: FloatDType,
    /// Of the matrices of linear layers and convolutions where the device has kernels for packed ones.
    pub(crate) packing: Option<Arithmetic>,
}

/// What stands behind [`Parameters`].
pub(crate) enum Origin {
    /// Tensors of a checkpoint.
    Files(Box<dyn TensorSource>),
    /// Tensors of a file in which matrices are packed already.
    Packed(PackedFile),
    /// Numbers drawn at random, for benchmarks.
    Random(RandomWeights),
    /// No numbers at all: names and shapes are written down, and nothing is allocated.
    Manifest(Mutex<Vec<Listed>>),
}

/// The matrix of a linear layer or of a convolution.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Matrix {
    inputs: usize,
    outputs: usize,
    /// Side of a convolution's kernel; none for a linear layer.
    kernel: Option<usize>,
    order: Order,
}

impl Matrix {
    /// Of a linear layer.
    pub(crate) fn linear(inputs: usize, outputs: usize, order: Order) -> Self {
        Self { inputs, outputs, kernel: None, order }
    }

    /// Of a convolution.
    pub(crate) fn convolution(inputs: usize, outputs: usize, kernel: usize) -> Self {
        Self { inputs, outputs, kernel: Some(kernel), order: Order::Plain }
    }

    /// Its shape in the checkpoint.
    fn shape(&self) -> Vec<usize> {
        let mut shape = vec![self.outputs, self.inputs];
        shape.extend(self.kernel.into_iter().flat_map(|kernel| [kernel; 2]));
        shape
    }

    fn packed(&self, arithmetic: Arithmetic) -> PackedShape {
        let taps = self.kernel.map_or(1, |kernel| kernel * kernel);
        PackedShape { arithmetic, outputs: self.outputs, taps, inputs: self.inputs, order: self.order }
    }
}

impl<'a> Parameters<'a> {
    /// The root of a component whose weights are put on `device` and held in `format`.
    pub(crate) fn new(origin: &'a Origin, device: &'a Device, format: WeightFormat) -> Self {
        Self { origin, prefix: String::new(), device, format }
    }

    /// Whether the device computes with packed matrices, by kernels of ours.
    pub(crate) fn has_kernels(&self) -> bool {
        self.format.packing.is_some()
    }

    /// Where they are put.
    pub(crate) fn device(&self) -> &Device {
        self.device
    }

    /// The parameters of the child module `name`.
    pub(crate) fn child(&self, name: impl std::fmt::Display) -> Self {
        Self { origin: self.origin, prefix: self.name(name), device: self.device, format: self.format }
    }

    /// The same parameters for a module that 8 bits are too few for: it gets bf16 instead.
    pub(crate) fn exact(&self) -> Self {
        let packing = self.format.packing.map(|arithmetic| match arithmetic {
            Arithmetic::Int8 => Arithmetic::Bf16,
            exact => exact,
        });
        let format = WeightFormat { packing, ..self.format };
        Self { origin: self.origin, prefix: self.prefix.clone(), device: self.device, format }
    }

    fn name(&self, name: impl std::fmt::Display) -> String {
        if self.prefix.is_empty() { name.to_string() } else { format!("{}.{name}", self.prefix) }
    }

    /// The tensor `name` of this module, which must have exactly `shape`.
    pub(crate) fn tensor<const D: usize>(&self, name: &str, shape: [usize; D]) -> Result<Tensor<D>> {
        self.tensor_as(&self.name(name), shape, self.format.numbers)
    }

    /// The bias or norm weight `name` of this module, in f32.
    pub(crate) fn vector(&self, name: &str, length: usize) -> Result<Tensor<1>> {
        self.tensor_as(&self.name(name), [length], FloatDType::F32)
    }

    /// The matrix `name` of this module in the form that the device computes with.
    pub(crate) fn matrix(&self, name: &str, matrix: Matrix) -> Result<Weights<Dispatch>> {
        let name = self.name(name);
        let Some(arithmetic) = self.format.packing else {
            return Ok(Weights::Plain(match matrix.shape()[..] {
                [outputs, inputs] => self.tensor_as(&name, [outputs, inputs], self.format.numbers)?.into_dispatch(),
                [outputs, inputs, height, width] => {
                    self.tensor_as(&name, [outputs, inputs, height, width], self.format.numbers)?.into_dispatch()
                }
                _ => unreachable!("a matrix has two axes or four"),
            }));
        };
        let shape = matrix.packed(arithmetic);
        let packed = match self.origin {
            Origin::Packed(file) => {
                Packed::from_bytes(shape, file.bytes(&name)?).ok_or_else(|| file.mismatch(&name))?
            }
            Origin::Manifest(entries) => {
                return Ok(self.list(entries, name, matrix.shape(), Form::Matrix(shape)));
            }
            _ => packing::pack(shape, &self.raw(&name, &matrix.shape())?)?,
        };
        Ok(Weights::Packed(Arc::new(packed)))
    }

    /// The 3×3 matrix `name` of this module again, for a kernel that doubles the picture at the same time, where the
    /// device has one.
    pub(crate) fn doubled(&self, name: &str, inputs: usize, outputs: usize) -> Result<Option<Arc<UpsampleWeights>>> {
        let name = self.name(name);
        let Some(arithmetic) = self.format.packing else { return Ok(None) };
        let shape = Matrix::convolution(inputs, outputs, 3).shape();
        Ok(Some(Arc::new(match self.origin {
            Origin::Packed(file) => {
                let bytes = file.bytes(&packing::doubled_name(&name))?;
                UpsampleWeights::from_bytes(arithmetic, inputs, outputs, &bytes).ok_or_else(|| file.mismatch(&name))?
            }
            Origin::Manifest(entries) => {
                let _: Weights<Dispatch> = self.list(entries, name, shape, Form::Doubled(arithmetic));
                return Ok(None);
            }
            _ => packing::pack_doubled(arithmetic, &self.raw(&name, &shape)?)?,
        })))
    }

    /// Writes an entry down and stands in for it.
    fn list(&self, entries: &Mutex<Vec<Listed>>, name: String, shape: Vec<usize>, form: Form) -> Weights<Dispatch> {
        let mut entries = entries.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        entries.push(Listed { name, shape, form });
        Weights::Plain(Tensor::<2>::zeros([1, 1], (self.device, DType::F32)).into_dispatch())
    }

    /// A tensor that is to be packed, in any number format, read without the file's mapping, so that its pages do not
    /// stay beside the packed copy.
    fn raw(&self, name: &str, shape: &[usize]) -> Result<RawTensor> {
        match self.origin {
            Origin::Files(source) => {
                check_shape(source.as_ref(), name, shape)?;
                source.read(name)
            }
            Origin::Random(random) => Ok(RawTensor {
                dtype: WeightType::F32,
                shape: shape.to_vec(),
                data: random.tensor(name, shape, FloatDType::F32).into_bytes().to_vec().into(),
            }),
            Origin::Packed(_) | Origin::Manifest(_) => unreachable!("these have no numbers to pack"),
        }
    }

    fn tensor_as<const D: usize>(&self, name: &str, shape: [usize; D], dtype: FloatDType) -> Result<Tensor<D>> {
        match self.origin {
            Origin::Files(source) => {
                check_shape(source.as_ref(), name, &shape)?;
                self.load(source.as_ref(), name, shape, dtype)
            }
            Origin::Packed(file) => {
                file.check_shape(name, &shape)?;
                self.load(file, name, shape, dtype)
            }
            Origin::Random(random) => Ok(self.place(random.tensor(name, &shape, dtype), dtype)),
            Origin::Manifest(entries) => {
                let mut entries = entries.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
                entries.push(Listed { name: name.to_owned(), shape: shape.to_vec(), form: Form::Tensor(dtype) });
                Ok(Tensor::<1>::zeros([1], (self.device, DType::from(dtype))).reshape([1; D]).expand(shape))
            }
        }
    }

    fn place<const D: usize>(&self, data: TensorData, dtype: FloatDType) -> Tensor<D> {
        Tensor::from_data(data, (self.device, DType::from(dtype)))
    }

    fn load<const D: usize>(
        &self,
        source: &dyn TensorSource,
        name: &str,
        shape: [usize; D],
        dtype: FloatDType,
    ) -> Result<Tensor<D>> {
        let wanted = weight_type(dtype);
        let bytes = if source.describe(name)?.0 == wanted {
            // Same format: the tensor is the mapped file itself.
            source.tensor(name)?.data
        } else {
            // Read without the mapping, so that the file's pages do not stay beside the converted copy.
            convert(&source.read(name)?, wanted).map_err(|message| Error::Weights {
                file: source.file_of(name).unwrap_or_else(|| PathBuf::from("checkpoint")),
                tensor: Some(name.to_owned()),
                message,
            })?
        };
        let bytes = Bytes::from_shared(bytes, AllocationProperty::File);
        Ok(self.place(TensorData::from_bytes(bytes, shape, dtype.into()), dtype))
    }
}

/// Refuses a tensor of another shape than the configuration asks for.
fn check_shape(source: &dyn TensorSource, name: &str, shape: &[usize]) -> Result<()> {
    let (_, found) = source.describe(name)?;
    if found == shape {
        return Ok(());
    }
    Err(Error::Weights {
        file: source.file_of(name).unwrap_or_else(|| PathBuf::from("checkpoint")),
        tensor: Some(name.to_owned()),
        message: format!(
            "has shape {found:?} but the configuration asks for {shape:?}: configuration and weights are not of the same model"
        ),
    })
}

/// The stored format that is `dtype`.
pub(crate) fn weight_type(dtype: FloatDType) -> WeightType {
    match dtype {
        FloatDType::BF16 => WeightType::BF16,
        FloatDType::F16 => WeightType::F16,
        _ => WeightType::F32,
    }
}
