//! Normalization; statistics are always in f32.

use burn::tensor::Tensor;

use crate::error::Result;
use crate::kernels::{self, GroupNormOptions};
use crate::parameters::Parameters;

/// `torch.nn.LayerNorm` over the last axis.
pub(crate) struct LayerNorm {
    weight: Tensor<1>,
    bias: Tensor<1>,
    epsilon: f64,
}

impl LayerNorm {
    pub(crate) fn load(parameters: &Parameters, width: usize, epsilon: f64) -> Result<Self> {
        Ok(Self { weight: parameters.vector("weight", width)?, bias: parameters.vector("bias", width)?, epsilon })
    }

    /// `[…, width]` → the same shape.
    pub(crate) fn forward<const D: usize>(&self, x: Tensor<D>) -> Tensor<D> {
        kernels::rows_norm(x, &self.weight, &self.bias, self.epsilon)
    }
}

/// `torch.nn.GroupNorm` over channels.
pub(crate) struct GroupNorm {
    weight: Tensor<1>,
    bias: Tensor<1>,
    groups: usize,
    epsilon: f64,
}

impl GroupNorm {
    pub(crate) fn load(parameters: &Parameters, groups: usize, channels: usize, epsilon: f64) -> Result<Self> {
        Ok(Self {
            weight: parameters.vector("weight", channels)?,
            bias: parameters.vector("bias", channels)?,
            groups,
            epsilon,
        })
    }

    /// `[n, h, w, channels]` → the same shape.
    pub(crate) fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        self.apply(x, false)
    }

    /// Like [`Self::forward`], then SiLU.
    pub(crate) fn forward_silu(&self, x: Tensor<4>) -> Tensor<4> {
        self.apply(x, true)
    }

    fn apply(&self, x: Tensor<4>, with_silu: bool) -> Tensor<4> {
        let options = GroupNormOptions { groups: self.groups, epsilon: self.epsilon, with_silu };
        kernels::group_norm(x, &self.weight, &self.bias, options)
    }
}
