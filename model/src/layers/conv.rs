//! Convolution over pictures and latents.

use burn::tensor::Tensor;
use burn::tensor::module::conv2d;
use burn::tensor::ops::ConvOptions;

use super::cast_like;
use crate::error::Result;
use crate::parameters::Parameters;
use crate::work;

/// `torch.nn.Conv2d` with a square kernel.
pub(crate) struct Conv2d {
    /// `[output, input, kernel, kernel]`.
    weight: Tensor<4>,
    /// `[output]`.
    bias: Tensor<1>,
    stride: usize,
    padding: usize,
}

impl Conv2d {
    /// A 3×3 convolution that keeps the size.
    pub(crate) fn same(parameters: &Parameters, input: usize, output: usize) -> Result<Self> {
        Self::load(parameters, input, output, 3, 1, 1)
    }

    /// A 3×3 convolution that keeps the size and adds nothing.
    pub(crate) fn same_without_bias(parameters: &Parameters, input: usize, output: usize) -> Result<Self> {
        let weight: Tensor<4> = parameters.tensor("weight", [output, input, 3, 3])?;
        let bias = Tensor::zeros([output], (&weight.device(), weight.dtype()));
        Ok(Self { weight, bias, stride: 1, padding: 1 })
    }

    /// A 1×1 convolution.
    pub(crate) fn pointwise(parameters: &Parameters, input: usize, output: usize) -> Result<Self> {
        Self::load(parameters, input, output, 1, 1, 0)
    }

    /// A 3×3 convolution with stride 2 and `padding` zeros on every side.
    pub(crate) fn halving(parameters: &Parameters, channels: usize, padding: usize) -> Result<Self> {
        Self::load(parameters, channels, channels, 3, 2, padding)
    }

    fn load(
        parameters: &Parameters,
        input: usize,
        output: usize,
        kernel: usize,
        stride: usize,
        padding: usize,
    ) -> Result<Self> {
        Ok(Self {
            weight: parameters.tensor("weight", [output, input, kernel, kernel])?,
            bias: parameters.tensor("bias", [output])?,
            stride,
            padding,
        })
    }

    /// `[n, input, h, w]` → `[n, output, h', w']`.
    pub(crate) fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let weight = cast_like(&self.weight, &x);
        let bias = cast_like(&self.bias, &x);
        let [_, input, kernel, _] = self.weight.dims();
        let y = conv2d(x, weight, Some(bias), ConvOptions::new([self.stride; 2], [self.padding; 2], [1, 1], 1));
        work::count(y.shape().num_elements() * input * kernel * kernel);
        y
    }
}
