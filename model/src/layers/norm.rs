//! Normalization; statistics are always in f32.

use burn::tensor::module::layer_norm;
use burn::tensor::{DType, FloatDType, Tensor};

use super::cast_like;
use crate::error::Result;
use crate::parameters::Parameters;

/// `torch.nn.LayerNorm` over the last axis.
pub(crate) struct LayerNorm {
    weight: Tensor<1>,
    bias: Tensor<1>,
    epsilon: f64,
}

impl LayerNorm {
    pub(crate) fn load(parameters: &Parameters, width: usize, epsilon: f64) -> Result<Self> {
        Ok(Self { weight: parameters.tensor("weight", [width])?, bias: parameters.tensor("bias", [width])?, epsilon })
    }

    /// `[…, width]` → the same shape.
    pub(crate) fn forward<const D: usize>(&self, x: Tensor<D>) -> Tensor<D> {
        let dtype = FloatDType::from(x.dtype());
        let x = x.cast(FloatDType::F32);
        let (weight, bias) = (cast_like(&self.weight, &x), cast_like(&self.bias, &x));
        layer_norm(x, weight, Some(bias), self.epsilon).cast(dtype)
    }
}

/// `torch.nn.GroupNorm` over channels.
pub(crate) struct GroupNorm {
    weight: Tensor<1>,
    bias: Tensor<1>,
    groups: usize,
    channels: usize,
    epsilon: f64,
}

impl GroupNorm {
    pub(crate) fn load(parameters: &Parameters, groups: usize, channels: usize, epsilon: f64) -> Result<Self> {
        Ok(Self {
            weight: parameters.tensor("weight", [channels])?,
            bias: parameters.tensor("bias", [channels])?,
            groups,
            channels,
            epsilon,
        })
    }

    /// `[n, channels, h, w]` → the same shape.
    pub(crate) fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let [n, c, h, w] = x.dims();
        let dtype = FloatDType::from(x.dtype());
        // A group is one row of a layer norm, which every backend has as a fused kernel.
        let row = c / self.groups * h * w;
        let ones = Tensor::ones([row], (&x.device(), DType::F32));
        let rows = x.cast(FloatDType::F32).reshape([n, self.groups, row]);
        let x = layer_norm(rows, ones, None, self.epsilon).reshape([n, c, h, w]);
        let weight = cast_like(&self.weight, &x).reshape([1, self.channels, 1, 1]);
        let bias = cast_like(&self.bias, &x).reshape([1, self.channels, 1, 1]);
        (x * weight + bias).cast(dtype)
    }
}
