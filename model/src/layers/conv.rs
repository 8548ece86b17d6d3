//! Convolution over pictures and latents.

use std::sync::Arc;

use burn::backend::Dispatch;
use burn::tensor::{DType, Tensor};

use crate::error::Result;
use crate::kernels::{self, UpsampleWeights, Weights, Window};
use crate::parameters::{Matrix, Parameters};
use crate::work;

/// `torch.nn.Conv2d` with a square kernel, on channels-last pictures.
pub(crate) struct Conv2d {
    weights: Weights<Dispatch>,
    /// `[output]`.
    bias: Tensor<1>,
    window: Window,
}

impl Conv2d {
    /// A 3×3 convolution that keeps the size.
    pub(crate) fn same(parameters: &Parameters, input: usize, output: usize) -> Result<Self> {
        Self::load(parameters, input, output, Window { kernel: 3, stride: 1, padding: (1, 1) })
    }

    /// A 1×1 convolution.
    pub(crate) fn pointwise(parameters: &Parameters, input: usize, output: usize) -> Result<Self> {
        Self::load(parameters, input, output, Window { kernel: 1, stride: 1, padding: (0, 0) })
    }

    /// A 3×3 convolution with stride 2, and zeros before the first and after the last rows and columns.
    pub(crate) fn halving(parameters: &Parameters, channels: usize, padding: (usize, usize)) -> Result<Self> {
        Self::load(parameters, channels, channels, Window { kernel: 3, stride: 2, padding })
    }

    fn load(parameters: &Parameters, input: usize, output: usize, window: Window) -> Result<Self> {
        let bias = parameters.vector("bias", output)?;
        Self::load_with(parameters, input, output, window, bias)
    }

    fn load_with(
        parameters: &Parameters,
        input: usize,
        output: usize,
        window: Window,
        bias: Tensor<1>,
    ) -> Result<Self> {
        let weights = parameters.matrix("weight", Matrix::convolution(input, output, window.kernel))?;
        Ok(Self { weights, bias, window })
    }

    /// `[n, h, w, input]` → `[n, h', w', output]`.
    pub(crate) fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        self.apply(x, self.bias.clone(), None)
    }

    /// Like [`Self::forward`], plus `residual` of the result's shape.
    pub(crate) fn forward_onto(&self, x: Tensor<4>, residual: Tensor<4>) -> Tensor<4> {
        self.apply(x, self.bias.clone(), Some(residual))
    }

    /// Like [`Self::forward`], plus `shift` `[n, output]` on every pixel.
    pub(crate) fn forward_shifted(&self, x: Tensor<4>, shift: Tensor<2>) -> Tensor<4> {
        let bias = self.bias.clone().unsqueeze::<2>().cast(shift.dtype()) + shift;
        self.apply(x, bias, None)
    }

    fn apply<const D: usize>(&self, x: Tensor<4>, bias: Tensor<D>, residual: Option<Tensor<4>>) -> Tensor<4> {
        let input = x.dims()[3];
        let y = kernels::convolution(x, &self.weights, bias, residual, self.window);
        work::count(y.shape().num_elements() * input * self.window.kernel * self.window.kernel);
        y
    }
}

/// Nearest-neighbour doubling and a 3×3 convolution (diffusers `Upsample2D`).
pub(crate) struct UpsampleConv2d {
    conv: Conv2d,
    /// The convolution's weights for a kernel that does both in one, where the device has it.
    doubled: Option<Arc<UpsampleWeights>>,
}

impl UpsampleConv2d {
    /// Of a convolution that adds nothing.
    pub(crate) fn load_without_bias(parameters: &Parameters, channels: usize) -> Result<Self> {
        let window = Window { kernel: 3, stride: 1, padding: (1, 1) };
        let bias = Tensor::zeros([channels], (parameters.device(), DType::F32));
        Ok(Self {
            conv: Conv2d::load_with(parameters, channels, channels, window, bias)?,
            doubled: parameters.doubled("weight", channels, channels)?,
        })
    }

    pub(crate) fn load(parameters: &Parameters, channels: usize) -> Result<Self> {
        Ok(Self {
            conv: Conv2d::same(parameters, channels, channels)?,
            doubled: parameters.doubled("weight", channels, channels)?,
        })
    }

    /// `[n, h, w, c]` → `[n, height, width, c]`, which is 2h×2w or one row or column less.
    pub(crate) fn forward(&self, x: Tensor<4>, height: usize, width: usize) -> Tensor<4> {
        let [n, h, w, c] = x.dims();
        if (height, width) != (2 * h, 2 * w) {
            return self.conv.forward(upsample_nearest(x, height, width));
        }
        work::count(n * height * width * c * c * 9);
        kernels::upsample_convolution(x, &self.conv.weights, self.doubled.as_ref(), &self.conv.bias)
    }
}

/// Nearest-neighbour upsampling by two, cut to `height`×`width` (`torch.nn.functional.interpolate`
/// with a size of 2n or 2n−1 does just that). `[n, h, w, c]` → `[n, height, width, c]`.
fn upsample_nearest(x: Tensor<4>, height: usize, width: usize) -> Tensor<4> {
    let [n, h, w, c] = x.dims();
    let doubled = x.reshape([n, h, 1, w, 1, c]).expand([n, h, 2, w, 2, c]).reshape([n, 2 * h, 2 * w, c]);
    doubled.slice([0..n, 0..height, 0..width, 0..c])
}
