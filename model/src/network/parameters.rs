//! What a module asks for while it is built, and where it comes from.

use std::sync::Arc;

use burn::backend::Dispatch;
use burn::tensor::{DType, Device, FloatDType, Tensor, TensorData};
use easel_kernels::suits_winograd;

use crate::error::Result;
use crate::ops::{Arithmetic, MatrixWeights, Order, Packed, PackedShape, UpsampleWeights};
use crate::precision::WeightFormat;

/// Where the parameters of a component come from: the tensors of a checkpoint, with LoRAs or without, a file of packed weights, random numbers, or
/// nowhere, where only names and shapes are listed.
///
/// Names are whole, as in the checkpoint; `shape` is the shape in the checkpoint, which a source with another one refuses.
/// A source without numbers answers every question with `None`.
pub(crate) trait ParameterSource {
    /// The tensor `name` as `dtype`.
    fn tensor(&self, name: &str, shape: &[usize], dtype: FloatDType) -> Result<Option<TensorData>>;

    /// The matrix `name` of a linear layer or convolution, packed for the CPU's kernels.
    fn matrix(&self, name: &str, shape: &[usize], packed: PackedShape) -> Result<Option<Packed>>;

    /// The matrix `name` `[outputs, inputs, 3, 3]` packed for the kernel that upsamples and convolves in one.
    fn upsample(&self, name: &str, shape: &[usize], arithmetic: Arithmetic) -> Result<Option<UpsampleWeights>>;
}

/// The parameters of one component, seen from the module that is being built.
///
/// A module asks for each tensor by its checkpoint name and exact shape, so loading, listing
/// names, packing and making random weights all follow from the module's own constructor.
pub(crate) struct Parameters<'a> {
    source: &'a dyn ParameterSource,
    prefix: String,
    device: &'a Device,
    format: WeightFormat,
    /// Whether wide 3×3 convolutions may sum in 8 bits.
    sums_in_8_bits: bool,
}

/// The matrix of a linear layer or of a convolution.
#[derive(Debug, Clone, Copy)]
pub(crate) struct MatrixShape {
    inputs: usize,
    outputs: usize,
    /// Side of a convolution's kernel; none for a linear layer.
    kernel: Option<usize>,
    order: Order,
}

impl MatrixShape {
    /// Of a linear layer.
    pub(crate) fn linear(inputs: usize, outputs: usize, order: Order) -> Self {
        Self { inputs, outputs, kernel: None, order }
    }

    /// Of a convolution.
    pub(crate) fn convolution(inputs: usize, outputs: usize, kernel: usize) -> Self {
        Self { inputs, outputs, kernel: Some(kernel), order: Order::Plain }
    }

    /// Its shape in the checkpoint.
    fn in_checkpoint(&self) -> Vec<usize> {
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
    pub(crate) fn new(source: &'a dyn ParameterSource, device: &'a Device, format: WeightFormat) -> Self {
        Self { source, prefix: String::new(), device, format, sums_in_8_bits: false }
    }

    /// Whether the device computes with packed matrices, by kernels of ours.
    pub(crate) fn has_kernels(&self) -> bool {
        self.format.packing.is_some()
    }

    /// Whether matrices have 8 bits.
    pub(crate) fn in_8_bits(&self) -> bool {
        self.format.packing == Some(Arithmetic::Int8)
    }

    /// Where they are put.
    pub(crate) fn device(&self) -> &Device {
        self.device
    }

    /// The whole name of this module.
    pub(crate) fn path(&self) -> &str {
        &self.prefix
    }

    /// The parameters of the child module `name`.
    pub(crate) fn child(&self, name: impl std::fmt::Display) -> Self {
        Self { prefix: self.name(name), ..*self }
    }

    /// The same parameters for a module that 8 bits are too few for: it gets bf16 instead.
    pub(crate) fn exact(&self) -> Self {
        let packing = self.format.packing.map(|arithmetic| match arithmetic {
            Arithmetic::Int8 => Arithmetic::Bf16,
            exact => exact,
        });
        let format = WeightFormat { packing, ..self.format };
        Self { prefix: self.prefix.clone(), format, sums_in_8_bits: false, ..*self }
    }

    /// The same parameters for a module that gets bf16, too, but whose wide 3×3 convolutions may round sums to 8 bits.
    pub(crate) fn exact_but_sums(&self) -> Self {
        Self { sums_in_8_bits: self.in_8_bits(), ..self.exact() }
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
    pub(crate) fn matrix(&self, name: &str, shape: MatrixShape) -> Result<MatrixWeights<Dispatch>> {
        let name = self.name(name);
        if let Some(arithmetic) = self.format.packing {
            let packed = self.source.matrix(&name, &shape.in_checkpoint(), shape.packed(arithmetic))?;
            return Ok(match packed {
                Some(packed) if self.sums_in_8_bits => MatrixWeights::Packed(Arc::new(packed.summed_in_8_bits())),
                Some(packed) => MatrixWeights::Packed(Arc::new(packed)),
                None => MatrixWeights::Plain(self.stand_in([1, 1], FloatDType::F32).into_dispatch()),
            });
        }
        let (outputs, inputs) = (shape.outputs, shape.inputs);
        Ok(MatrixWeights::Plain(match shape.kernel {
            None => self.tensor_as(&name, [outputs, inputs], self.format.numbers)?.into_dispatch(),
            Some(side) => self.tensor_as(&name, [outputs, inputs, side, side], self.format.numbers)?.into_dispatch(),
        }))
    }

    /// The 3×3 matrix `name` of this module again, for a kernel that upsamples the image at the same time, where the device
    /// has one that does not do so with the matrix itself.
    pub(crate) fn upsample(&self, name: &str, inputs: usize, outputs: usize) -> Result<Option<Arc<UpsampleWeights>>> {
        let Some(arithmetic) = self.format.packing else { return Ok(None) };
        let shape = MatrixShape::convolution(inputs, outputs, 3);
        if suits_winograd(shape.packed(arithmetic)) {
            return Ok(None);
        }
        Ok(self.source.upsample(&self.name(name), &shape.in_checkpoint(), arithmetic)?.map(Arc::new))
    }

    fn tensor_as<const D: usize>(&self, name: &str, shape: [usize; D], dtype: FloatDType) -> Result<Tensor<D>> {
        let held = if self.format.is_widened { FloatDType::F32 } else { dtype };
        Ok(match self.source.tensor(name, &shape, dtype)? {
            Some(data) => Tensor::from_data(data, (self.device, DType::from(held))),
            None => self.stand_in(shape, held),
        })
    }

    /// A tensor of `shape` that takes the memory of one number.
    fn stand_in<const D: usize>(&self, shape: [usize; D], dtype: FloatDType) -> Tensor<D> {
        Tensor::<1>::zeros([1], (self.device, DType::from(dtype))).reshape([1; D]).expand(shape)
    }
}
