//! The operations that an image's time is spent in, behind Burn's extension point: on the CPU by kernels of ours
//! ([`easel_kernels`]), on every other backend by ordinary tensor operations ([`plain`]).
//!
//! Activations are channels-last: `[images, height, width, channels]` and `[batch, tokens, channels]`.

mod backend;
mod flex;
pub(crate) mod flops;
mod host;
mod host_tensor;
#[cfg(feature = "ndarray")]
mod ndarray;
mod operands;
mod plain;
mod product;
mod transfer;

use std::sync::Arc;

use burn::backend::Dispatch;
use burn::tensor::Tensor;

use backend::ModelOperations;
pub(crate) use easel_kernels::{
    Activation, Arithmetic, LowRank, Order, Packed, PackedShape, Recycled, UpsampleWeights, any_numbers, at_once,
    on_threads, release_buffers,
};
pub(crate) use operands::{AttentionOptions, GroupNormOptions, MatrixWeights, Stack, Window};
pub(crate) use product::product;
pub(crate) use transfer::{floats, tensor};

/// [`ModelOperations::dense`] on tensors.
pub(crate) fn dense<const D: usize>(
    x: Tensor<D>,
    weights: &MatrixWeights<Dispatch>,
    bias: Option<&Tensor<1>>,
    activation: Activation,
    residual: Option<Tensor<D>>,
) -> Tensor<D> {
    let (x, bias) = (x.into_dispatch(), bias.cloned().into());
    Tensor::from_dispatch(Dispatch::dense(x, weights.clone(), bias, activation, residual.into()))
}

/// [`ModelOperations::convolution`] on tensors.
pub(crate) fn convolution<const D: usize>(
    x: Tensor<4>,
    weights: &MatrixWeights<Dispatch>,
    bias: Tensor<D>,
    residual: Option<Tensor<4>>,
    window: Window,
) -> Tensor<4> {
    let (x, bias) = (x.into_dispatch(), Some(bias).into());
    Tensor::from_dispatch(Dispatch::convolution(x, weights.clone(), bias, residual.into(), window))
}

/// [`ModelOperations::upsample_convolution`] on tensors.
pub(crate) fn upsample_convolution(
    x: Tensor<4>,
    weights: &MatrixWeights<Dispatch>,
    fused: Option<&Arc<UpsampleWeights>>,
    bias: &Tensor<1>,
    activation: Activation,
    edges: (bool, bool),
) -> Tensor<4> {
    let (x, bias, fused) = (x.into_dispatch(), bias.clone().into_dispatch(), fused.cloned());
    Tensor::from_dispatch(Dispatch::upsample_convolution(x, weights.clone(), fused, bias, activation, edges))
}

/// [`ModelOperations::stacked_convolution`] on tensors.
pub(crate) fn stacked_convolution(
    xs: Stack<Dispatch>,
    weights: &MatrixWeights<Dispatch>,
    bias: &Tensor<1>,
    activation: Activation,
    residual: Option<Tensor<4>>,
) -> Tensor<4> {
    let bias = bias.clone().into_dispatch();
    Tensor::from_dispatch(Dispatch::stacked_convolution(xs, weights.clone(), bias, activation, residual.into()))
}

/// [`ModelOperations::heads_attention`] on tensors.
pub(crate) fn heads_attention(
    query: Tensor<3>,
    key: Tensor<3>,
    value: Tensor<3>,
    options: AttentionOptions,
) -> Tensor<3> {
    let (query, key, value) = (query.into_dispatch(), key.into_dispatch(), value.into_dispatch());
    Tensor::from_dispatch(Dispatch::heads_attention(query, key, value, options))
}

/// [`ModelOperations::group_norm`] on tensors.
pub(crate) fn group_norm(x: Tensor<4>, weight: &Tensor<1>, bias: &Tensor<1>, options: GroupNormOptions) -> Tensor<4> {
    let (weight, bias) = (weight.clone().into_dispatch(), bias.clone().into_dispatch());
    Tensor::from_dispatch(Dispatch::group_norm(x.into_dispatch(), weight, bias, options))
}

/// [`ModelOperations::group_moments`] on tensors.
pub(crate) fn group_moments(x: Tensor<4>, groups: usize) -> Tensor<2> {
    Tensor::from_dispatch(Dispatch::group_moments(x.into_dispatch(), groups))
}

/// [`ModelOperations::scale_shift`] on tensors.
pub(crate) fn scale_shift(x: Tensor<4>, scale: &Tensor<1>, shift: &Tensor<1>, with_silu: bool) -> Tensor<4> {
    let (scale, shift) = (scale.clone().into_dispatch(), shift.clone().into_dispatch());
    Tensor::from_dispatch(Dispatch::scale_shift(x.into_dispatch(), scale, shift, with_silu))
}

/// [`ModelOperations::rows_norm`] on tensors.
pub(crate) fn rows_norm<const D: usize>(x: Tensor<D>, weight: &Tensor<1>, bias: &Tensor<1>, epsilon: f64) -> Tensor<D> {
    let (weight, bias) = (weight.clone().into_dispatch(), bias.clone().into_dispatch());
    Tensor::from_dispatch(Dispatch::rows_norm(x.into_dispatch(), weight, bias, epsilon))
}

/// [`ModelOperations::join_channels`] on tensors.
pub(crate) fn join_channels(first: Tensor<4>, second: Tensor<4>) -> Tensor<4> {
    Tensor::from_dispatch(Dispatch::join_channels(first.into_dispatch(), second.into_dispatch()))
}
