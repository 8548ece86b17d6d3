//! Convolution over images and latents.

use std::ops::Range;
use std::sync::Arc;

use burn::backend::Dispatch;
use burn::tensor::{DType, Tensor};

use crate::error::Result;
use crate::network::parameters::{MatrixShape, Parameters};
use crate::ops::flops;
use crate::ops::{self, Activation, MatrixWeights, Stack, UpsampleWeights, Window};

/// `torch.nn.Conv2d` with a square kernel, on channels-last images.
pub(crate) struct Conv2d {
    weights: MatrixWeights<Dispatch>,
    /// `[output]`.
    bias: Tensor<1>,
    window: Window,
}

impl Conv2d {
    /// A 3×3 convolution that keeps the size.
    pub(crate) fn same(parameters: &Parameters, input: usize, output: usize) -> Result<Self> {
        Self::load(parameters, input, output, Window::SAME)
    }

    /// A 1×1 convolution.
    pub(crate) fn pointwise(parameters: &Parameters, input: usize, output: usize) -> Result<Self> {
        let none = (0, 0);
        let window = Window { kernel: 1, stride: 1, padding_rows: none, padding_columns: none };
        Self::load(parameters, input, output, window)
    }

    /// A 3×3 convolution with stride 2, and zeros before the first and after the last rows and columns.
    pub(crate) fn downsampling(parameters: &Parameters, channels: usize, padding: (usize, usize)) -> Result<Self> {
        let window = Window { kernel: 3, stride: 2, padding_rows: padding, padding_columns: padding };
        Self::load(parameters, channels, channels, window)
    }

    /// A 3×3 convolution with stride 2 around the pixels of even rows and columns.
    pub(crate) fn halving(parameters: &Parameters, input: usize, output: usize) -> Result<Self> {
        let window = Window { kernel: 3, stride: 2, padding_rows: (1, 1), padding_columns: (1, 1) };
        Self::load(parameters, input, output, window)
    }

    /// A convolution that makes one place of every square of `side` pixels and adds nothing.
    pub(crate) fn patches(parameters: &Parameters, input: usize, output: usize, side: usize) -> Result<Self> {
        let window = Window { kernel: side, stride: side, padding_rows: (0, 0), padding_columns: (0, 0) };
        let bias = Tensor::zeros([output], (parameters.device(), DType::F32));
        Self::load_with(parameters, input, output, window, bias)
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
        let weights = parameters.matrix("weight", MatrixShape::convolution(input, output, window.kernel))?;
        Ok(Self { weights, bias, window })
    }

    /// `[n, h, w, input]` → `[n, h', w', output]`.
    pub(crate) fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        self.apply(x, self.bias.clone(), None, self.window)
    }

    /// Of a 3×3 convolution that keeps the size, some rows of its result: `x` has these rows of its input, and the ones
    /// before and after them where the image continues. `at_top` and `at_bottom` say that it does not. The result is
    /// added to `residual`, if there is one.
    pub(crate) fn forward_rows(
        &self,
        x: Tensor<4>,
        (at_top, at_bottom): (bool, bool),
        residual: Option<Tensor<4>>,
    ) -> Tensor<4> {
        let window = Window { padding_rows: (usize::from(at_top), usize::from(at_bottom)), ..self.window };
        self.apply(x, self.bias.clone(), residual, window)
    }

    /// Like [`Self::forward`], plus `residual` of the result's shape.
    pub(crate) fn forward_onto(&self, x: Tensor<4>, residual: Tensor<4>) -> Tensor<4> {
        self.apply(x, self.bias.clone(), Some(residual), self.window)
    }

    /// Like [`Self::forward`], plus `shift` `[n, output]` on every pixel.
    pub(crate) fn forward_shifted(&self, x: Tensor<4>, shift: Tensor<2>) -> Tensor<4> {
        let bias = self.bias.clone().unsqueeze::<2>().cast(shift.dtype()) + shift;
        self.apply(x, bias, None, self.window)
    }

    /// Of a 3×3 convolution that keeps the size: `activation` of its result on the channels of `x` and, after them, those of
    /// `more`, plus `residual` of the result's shape.
    pub(crate) fn forward_stacked(
        &self,
        x: Tensor<4>,
        more: &[Tensor<4>],
        activation: Activation,
        residual: Option<Tensor<4>>,
    ) -> Tensor<4> {
        let input = x.dims()[3] + more.iter().map(|x| x.dims()[3]).sum::<usize>();
        let y = ops::stacked_convolution(Stack::new(x, more), &self.weights, &self.bias, activation, residual);
        flops::count(y.shape().num_elements() * input * 9);
        y
    }

    fn apply<const D: usize>(
        &self,
        x: Tensor<4>,
        bias: Tensor<D>,
        residual: Option<Tensor<4>>,
        window: Window,
    ) -> Tensor<4> {
        let input = x.dims()[3];
        let y = ops::convolution(x, &self.weights, bias, residual, window);
        flops::count(y.shape().num_elements() * input * window.kernel * window.kernel);
        y
    }
}

/// Nearest-neighbour upsampling by two and a 3×3 convolution (diffusers `Upsample2D`).
pub(crate) struct UpsampleConv2d {
    conv: Conv2d,
    /// The convolution's weights for a kernel that does both in one, where the device has it.
    fused: Option<Arc<UpsampleWeights>>,
}

impl UpsampleConv2d {
    /// Of a convolution that adds nothing.
    pub(crate) fn load_without_bias(parameters: &Parameters, channels: usize) -> Result<Self> {
        let bias = Tensor::zeros([channels], (parameters.device(), DType::F32));
        Ok(Self {
            conv: Conv2d::load_with(parameters, channels, channels, Window::SAME, bias)?,
            fused: parameters.upsample("weight", channels, channels)?,
        })
    }

    pub(crate) fn load(parameters: &Parameters, channels: usize) -> Result<Self> {
        Ok(Self {
            conv: Conv2d::same(parameters, channels, channels)?,
            fused: parameters.upsample("weight", channels, channels)?,
        })
    }

    /// `[n, h, w, c]` → `[n, 2h, 2w, c]`, and `activation` of it.
    pub(crate) fn forward_activated(&self, x: Tensor<4>, activation: Activation) -> Tensor<4> {
        let [n, h, w, c] = x.dims();
        flops::count(4 * n * h * w * c * c * 9);
        self.apply(x, activation, (true, true))
    }

    /// `[n, h, w, c]` → `[n, height, width, c]`, which is 2h×2w or one row or column less.
    pub(crate) fn forward(&self, x: Tensor<4>, height: usize, width: usize) -> Tensor<4> {
        let [n, h, w, c] = x.dims();
        if (height, width) != (2 * h, 2 * w) {
            return self.conv.forward(upsample_nearest_2x(x, height, width));
        }
        flops::count(n * height * width * c * c * 9);
        self.apply(x, Activation::None, (true, true))
    }

    /// The rows `rows` of the upsampled image of `x`.
    pub(crate) fn forward_rows(&self, x: &Tensor<4>, rows: Range<usize>) -> Tensor<4> {
        self.forward_rows_activated(x, rows, Activation::None)
    }

    /// Like [`Self::forward_rows`], and `activation` of it.
    pub(crate) fn forward_rows_activated(
        &self,
        x: &Tensor<4>,
        rows: Range<usize>,
        activation: Activation,
    ) -> Tensor<4> {
        let [_, h, w, c] = x.dims();
        flops::count(rows.len() * 2 * w * c * c * 9);
        let (first, last) = (rows.start / 2, rows.end.div_ceil(2));
        let (before, after) = (first.saturating_sub(1), (last + 1).min(h));
        let edges = (first == 0, last == h);
        let upsampled = self.apply(x.clone().narrow(1, before, after - before), activation, edges);
        // A tile with its neighbours may begin or end in the middle of a pair.
        upsampled.narrow(1, rows.start - 2 * first, rows.len())
    }

    fn apply(&self, x: Tensor<4>, activation: Activation, edges: (bool, bool)) -> Tensor<4> {
        ops::upsample_convolution(x, &self.conv.weights, self.fused.as_ref(), &self.conv.bias, activation, edges)
    }
}

/// Nearest-neighbour upsampling by two, cut to `height`×`width` (`torch.nn.functional.interpolate`
/// with a size of 2n or 2n−1 does just that). `[n, h, w, c]` → `[n, height, width, c]`.
fn upsample_nearest_2x(x: Tensor<4>, height: usize, width: usize) -> Tensor<4> {
    let [n, h, w, c] = x.dims();
    let upsampled = x.reshape([n, h, 1, w, 1, c]).expand([n, h, 2, w, 2, c]).reshape([n, 2 * h, 2 * w, c]);
    upsampled.slice([0..n, 0..height, 0..width, 0..c])
}
