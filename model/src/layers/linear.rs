//! The fully connected layer.

use burn::tensor::Tensor;
use burn::tensor::module::linear;

use super::cast_like;
use crate::error::Result;
use crate::parameters::Parameters;
use crate::work;

/// `y = x Wᵀ + b` (`torch.nn.Linear`).
pub(crate) struct Linear {
    /// `[output, input]`, as in the checkpoint.
    weight: Tensor<2>,
    /// `[output]`.
    bias: Option<Tensor<1>>,
}

impl Linear {
    pub(crate) fn load(parameters: &Parameters, input: usize, output: usize) -> Result<Self> {
        let mut layer = Self::load_without_bias(parameters, input, output)?;
        layer.bias = Some(parameters.tensor("bias", [output])?);
        Ok(layer)
    }

    pub(crate) fn load_without_bias(parameters: &Parameters, input: usize, output: usize) -> Result<Self> {
        Ok(Self { weight: parameters.tensor("weight", [output, input])?, bias: None })
    }

    /// `[…, input]` → `[…, output]`.
    pub(crate) fn forward<const D: usize>(&self, x: Tensor<D>) -> Tensor<D> {
        let [output, _] = self.weight.dims();
        work::count(x.shape().num_elements() * output);
        let weight = cast_like(&self.weight, &x).transpose();
        let bias = self.bias.as_ref().map(|bias| cast_like(bias, &x));
        linear(x, weight, bias)
    }
}
