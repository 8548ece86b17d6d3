//! The operations that take a picture's time, behind Burn's extension point: on the CPU by kernels of ours
//! ([`easel_kernels`]), on every other backend by ordinary tensor operations ([`plain`]).
//!
//! Activations are channels-last: `[pictures, height, width, channels]` and `[batch, tokens, channels]`.

#![expect(deprecated, reason = "ndarray stays selectable for as long as Burn has it")]

mod flex;
mod plain;

use std::sync::Arc;

use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, Dispatch, ExtensionType, TensorMetadata, backend_extension};
use burn::tensor::Tensor;

pub(crate) use easel_kernels::{Activation, Arithmetic, Order, Packed, PackedShape, UpsampleWeights};

/// The weights of a linear layer or a convolution.
#[derive(Debug, Clone, ExtensionType)]
pub(crate) enum Weights<B: Backend> {
    /// A tensor as in the checkpoint: `[outputs, inputs]` or `[outputs, inputs, kernel, kernel]`.
    Plain(FloatTensor<B>),
    /// Packed for the CPU's kernels.
    Packed(Arc<Packed>),
}

/// A tensor that may be absent; `Option` cannot pass Burn's extension point.
#[derive(Debug, Clone, ExtensionType)]
pub(crate) enum Optional<B: Backend> {
    /// There is none.
    Absent,
    /// There is one.
    Present(FloatTensor<B>),
}

impl<B: Backend> Optional<B> {
    fn get(self) -> Option<FloatTensor<B>> {
        match self {
            Self::Absent => None,
            Self::Present(tensor) => Some(tensor),
        }
    }
}

impl<const D: usize> From<Option<Tensor<D>>> for Optional<Dispatch> {
    fn from(tensor: Option<Tensor<D>>) -> Self {
        tensor.map_or(Self::Absent, |tensor| Self::Present(tensor.into_dispatch()))
    }
}

impl<B: Backend> Weights<B> {
    /// Output channels.
    pub(crate) fn outputs(&self) -> usize {
        match self {
            Self::Plain(tensor) => tensor.shape()[0],
            Self::Packed(packed) => packed.shape().outputs,
        }
    }
}

/// How a convolution's kernel goes over the picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Window {
    /// Side of the square kernel.
    pub(crate) kernel: usize,
    /// Pixels from one place to the next.
    pub(crate) stride: usize,
    /// Zeros before the first row and after the last one.
    pub(crate) padding_rows: (usize, usize),
    /// Zeros before the first column and after the last one.
    pub(crate) padding_columns: (usize, usize),
}

impl Window {
    /// Of a 3×3 kernel that keeps the size.
    pub(crate) const SAME: Self = Self { kernel: 3, stride: 1, padding_rows: (1, 1), padding_columns: (1, 1) };
}

/// What a group norm does beside normalizing.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct GroupNormOptions {
    /// Groups of channels.
    pub(crate) groups: usize,
    /// Added to the variance.
    pub(crate) epsilon: f64,
    /// Whether SiLU follows.
    pub(crate) with_silu: bool,
}

/// Operations that a backend may have kernels for. Biases and norm weights may be in another number format than the
/// activations.
#[backend_extension(Flex, NdArray, Cube: cfg(feature = "cuda"))]
pub(crate) trait Kernels: Backend {
    /// `x` `[…, inputs]` → `[…, outputs]`, or half of the outputs where they are gated: the product, plus `bias`
    /// `[outputs]`, then `activation`, plus `residual` of the result's shape.
    fn dense(
        x: FloatTensor<Self>,
        #[extension_type] weights: Weights<Self>,
        #[extension_type] bias: Optional<Self>,
        activation: Activation,
        #[extension_type] residual: Optional<Self>,
    ) -> FloatTensor<Self> {
        plain::dense::<Self>(x, weights, bias.get(), activation, residual.get())
    }

    /// `x` `[n, h, w, inputs]` → `[n, h', w', outputs]`, plus `bias` `[outputs]` or `[n, outputs]`, plus `residual` of
    /// the result's shape.
    fn convolution(
        x: FloatTensor<Self>,
        #[extension_type] weights: Weights<Self>,
        #[extension_type] bias: Optional<Self>,
        #[extension_type] residual: Optional<Self>,
        window: Window,
    ) -> FloatTensor<Self> {
        plain::convolution::<Self>(x, weights, bias.get(), residual.get(), window)
    }

    /// `x` `[n, h, w, inputs]` → `[n, 2h, 2w, outputs]`: nearest-neighbour doubling, then a 3×3 convolution that keeps
    /// the size, plus `bias` `[outputs]`. `doubled` are the weights as a kernel wants them that does both in one. Where
    /// `x` is not at the picture's top or bottom (`edges`), its first or last row is the neighbour of others only, and has
    /// no places in the result.
    fn upsample_convolution(
        x: FloatTensor<Self>,
        #[extension_type] weights: Weights<Self>,
        doubled: Option<Arc<UpsampleWeights>>,
        bias: FloatTensor<Self>,
        edges: (bool, bool),
    ) -> FloatTensor<Self> {
        let _ = doubled;
        plain::upsample_convolution::<Self>(x, weights, bias, edges)
    }

    /// Scaled dot-product attention over `heads` heads: `query` `[n, t, c]`, `key` and `value` `[n, s, c]` →
    /// `[n, t, c]`.
    fn heads_attention(
        query: FloatTensor<Self>,
        key: FloatTensor<Self>,
        value: FloatTensor<Self>,
        heads: usize,
        is_causal: bool,
    ) -> FloatTensor<Self> {
        plain::heads_attention::<Self>(query, key, value, heads, is_causal)
    }

    /// `x` `[n, h, w, channels]` normalized over groups of channels, times `weight` plus `bias` `[channels]`.
    fn group_norm(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        options: GroupNormOptions,
    ) -> FloatTensor<Self> {
        plain::group_norm::<Self>(x, weight, bias, options)
    }

    /// Mean and variance of every group of channels of the one picture `x` `[1, h, w, channels]`: `[groups, 2]` in f32.
    fn group_moments(x: FloatTensor<Self>, groups: usize) -> FloatTensor<Self> {
        plain::group_moments::<Self>(x, groups)
    }

    /// `x` `[…, channels]` times `scale` plus `shift` `[channels]`, then SiLU if `with_silu`.
    fn scale_shift(
        x: FloatTensor<Self>,
        scale: FloatTensor<Self>,
        shift: FloatTensor<Self>,
        with_silu: bool,
    ) -> FloatTensor<Self> {
        plain::scale_shift::<Self>(x, scale, shift, with_silu)
    }

    /// `x` `[…, width]` normalized over its last axis, times `weight` plus `bias` `[width]`.
    fn rows_norm(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        epsilon: f64,
    ) -> FloatTensor<Self> {
        plain::rows_norm::<Self>(x, weight, bias, epsilon)
    }
}

impl Kernels for burn::backend::NdArray {}
#[cfg(feature = "cuda")]
impl Kernels for burn::backend::CubeBackend {}

/// [`Kernels::dense`] on tensors.
pub(crate) fn dense<const D: usize>(
    x: Tensor<D>,
    weights: &Weights<Dispatch>,
    bias: Option<&Tensor<1>>,
    activation: Activation,
    residual: Option<Tensor<D>>,
) -> Tensor<D> {
    let (x, bias) = (x.into_dispatch(), bias.cloned().into());
    Tensor::from_dispatch(Dispatch::dense(x, weights.clone(), bias, activation, residual.into()))
}

/// [`Kernels::convolution`] on tensors.
pub(crate) fn convolution<const D: usize>(
    x: Tensor<4>,
    weights: &Weights<Dispatch>,
    bias: Tensor<D>,
    residual: Option<Tensor<4>>,
    window: Window,
) -> Tensor<4> {
    let (x, bias) = (x.into_dispatch(), Some(bias).into());
    Tensor::from_dispatch(Dispatch::convolution(x, weights.clone(), bias, residual.into(), window))
}

/// [`Kernels::upsample_convolution`] on tensors.
pub(crate) fn upsample_convolution(
    x: Tensor<4>,
    weights: &Weights<Dispatch>,
    doubled: Option<&Arc<UpsampleWeights>>,
    bias: &Tensor<1>,
    edges: (bool, bool),
) -> Tensor<4> {
    let (bias, doubled) = (bias.clone().into_dispatch(), doubled.cloned());
    Tensor::from_dispatch(Dispatch::upsample_convolution(x.into_dispatch(), weights.clone(), doubled, bias, edges))
}

/// [`Kernels::heads_attention`] on tensors.
pub(crate) fn heads_attention(
    query: Tensor<3>,
    key: Tensor<3>,
    value: Tensor<3>,
    heads: usize,
    is_causal: bool,
) -> Tensor<3> {
    let (query, key, value) = (query.into_dispatch(), key.into_dispatch(), value.into_dispatch());
    Tensor::from_dispatch(Dispatch::heads_attention(query, key, value, heads, is_causal))
}

/// [`Kernels::group_norm`] on tensors.
pub(crate) fn group_norm(x: Tensor<4>, weight: &Tensor<1>, bias: &Tensor<1>, options: GroupNormOptions) -> Tensor<4> {
    let (weight, bias) = (weight.clone().into_dispatch(), bias.clone().into_dispatch());
    Tensor::from_dispatch(Dispatch::group_norm(x.into_dispatch(), weight, bias, options))
}

/// [`Kernels::group_moments`] on tensors.
pub(crate) fn group_moments(x: Tensor<4>, groups: usize) -> Tensor<2> {
    Tensor::from_dispatch(Dispatch::group_moments(x.into_dispatch(), groups))
}

/// [`Kernels::scale_shift`] on tensors.
pub(crate) fn scale_shift(x: Tensor<4>, scale: &Tensor<1>, shift: &Tensor<1>, with_silu: bool) -> Tensor<4> {
    let (scale, shift) = (scale.clone().into_dispatch(), shift.clone().into_dispatch());
    Tensor::from_dispatch(Dispatch::scale_shift(x.into_dispatch(), scale, shift, with_silu))
}

/// [`Kernels::rows_norm`] on tensors.
pub(crate) fn rows_norm<const D: usize>(x: Tensor<D>, weight: &Tensor<1>, bias: &Tensor<1>, epsilon: f64) -> Tensor<D> {
    let (weight, bias) = (weight.clone().into_dispatch(), bias.clone().into_dispatch());
    Tensor::from_dispatch(Dispatch::rows_norm(x.into_dispatch(), weight, bias, epsilon))
}
