//! The fully connected layer.

use burn::backend::Dispatch;
use burn::tensor::Tensor;

use crate::error::Result;
use crate::network::parameters::{MatrixShape, Parameters};
use crate::ops::flops;
use crate::ops::{self, Activation, MatrixWeights, Order};

/// `y = x Wᵀ + b` (`torch.nn.Linear`), and what follows it.
pub(crate) struct Linear {
    weights: MatrixWeights<Dispatch>,
    /// `[output]`.
    bias: Option<Tensor<1>>,
    output: usize,
    activation: Activation,
}

impl Linear {
    pub(crate) fn load(parameters: &Parameters, input: usize, output: usize) -> Result<Self> {
        let mut layer = Self::load_without_bias(parameters, input, output)?;
        layer.bias = Some(parameters.vector("bias", output)?);
        Ok(layer)
    }

    pub(crate) fn load_without_bias(parameters: &Parameters, input: usize, output: usize) -> Result<Self> {
        let weights = parameters.matrix("weight", MatrixShape::linear(input, output, Order::Plain))?;
        Ok(Self { weights, bias: None, output, activation: Activation::None })
    }

    /// A layer whose results go through `activation`.
    pub(crate) fn load_with(
        parameters: &Parameters,
        input: usize,
        output: usize,
        activation: Activation,
    ) -> Result<Self> {
        let order = if activation == Activation::GatedGelu { Order::Gated } else { Order::Plain };
        let weights = parameters.matrix("weight", MatrixShape::linear(input, output, order))?;
        let bias = Some(parameters.vector("bias", output)?);
        Ok(Self { weights, bias, output, activation })
    }

    /// `[…, input]` → `[…, output]`, or half of that with a gate.
    pub(crate) fn forward<const D: usize>(&self, x: Tensor<D>) -> Tensor<D> {
        self.apply(x, None)
    }

    /// Like [`Self::forward`], plus `residual` of the result's shape.
    pub(crate) fn forward_onto<const D: usize>(&self, x: Tensor<D>, residual: Tensor<D>) -> Tensor<D> {
        self.apply(x, Some(residual))
    }

    fn apply<const D: usize>(&self, x: Tensor<D>, residual: Option<Tensor<D>>) -> Tensor<D> {
        flops::count(x.shape().num_elements() * self.output);
        ops::dense(x, &self.weights, self.bias.as_ref(), self.activation, residual)
    }
}
