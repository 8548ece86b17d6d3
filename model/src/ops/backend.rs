//! The operations behind Burn's extension point, by which every backend has its own.

#![cfg_attr(feature = "ndarray", expect(deprecated, reason = "ndarray stays selectable for as long as Burn has it"))]

use std::sync::Arc;

use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, backend_extension};
use easel_kernels::{Activation, UpsampleWeights};

use super::operands::{AttentionOptions, GroupNormOptions, MatrixWeights, Optional, Stack, Window};
use super::plain;

/// ModelOperations that a backend may have kernels for. Biases and norm weights may be in another number format than the
/// activations.
#[backend_extension(Flex, NdArray: cfg(feature = "ndarray"), Cube: cfg(any(feature = "cuda", feature = "wgpu")))]
pub(crate) trait ModelOperations: Backend {
    /// `x` `[…, inputs]` → `[…, outputs]`, or half of the outputs where they are gated: the product, plus `bias`
    /// `[outputs]`, then `activation`, plus `residual` of the result's shape.
    fn dense(
        x: FloatTensor<Self>,
        #[extension_type] weights: MatrixWeights<Self>,
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
        #[extension_type] weights: MatrixWeights<Self>,
        #[extension_type] bias: Optional<Self>,
        #[extension_type] residual: Optional<Self>,
        window: Window,
    ) -> FloatTensor<Self> {
        plain::convolution::<Self>(x, weights, bias.get(), residual.get(), window)
    }

    /// `x` `[n, h, w, inputs]` → `[n, 2h, 2w, outputs]`: nearest-neighbour upsampling by two, then a 3×3 convolution that keeps
    /// the size, plus `bias` `[outputs]`, then `activation`. `fused` are the weights for a kernel that does all in one. Where
    /// `x` is not at the image's top or bottom (`edges`), its first or last row is the neighbour of others only, and has
    /// no rows in the result.
    fn upsample_convolution(
        x: FloatTensor<Self>,
        #[extension_type] weights: MatrixWeights<Self>,
        fused: Option<Arc<UpsampleWeights>>,
        bias: FloatTensor<Self>,
        activation: Activation,
        edges: (bool, bool),
    ) -> FloatTensor<Self> {
        let _ = fused;
        plain::upsample_convolution::<Self>(x, weights, bias, activation, edges)
    }

    /// Images `xs`, each `[n, h, w, its channels]`, as if their channels stood one after the other, → `[n, h, w, outputs]`: a
    /// 3×3 convolution that keeps the size, plus `bias` `[outputs]`, then `activation`, plus `residual` of the result's shape.
    fn stacked_convolution(
        #[extension_type] xs: Stack<Self>,
        #[extension_type] weights: MatrixWeights<Self>,
        bias: FloatTensor<Self>,
        activation: Activation,
        #[extension_type] residual: Optional<Self>,
    ) -> FloatTensor<Self> {
        plain::stacked_convolution::<Self>(xs.images(), weights, bias, activation, residual.get())
    }

    /// Scaled dot-product attention: `query` `[n, t, c]`, `key` and `value` `[n, s, c]` →
    /// `[n, t, c]`.
    fn heads_attention(
        query: FloatTensor<Self>,
        key: FloatTensor<Self>,
        value: FloatTensor<Self>,
        options: AttentionOptions,
    ) -> FloatTensor<Self> {
        plain::heads_attention::<Self>(query, key, value, options.heads, options.is_causal)
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

    /// Mean and variance of every group of channels of the one image `x` `[1, h, w, channels]`: `[groups, 2]` in f32.
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

    /// `first` `[n, h, w, channels]` and `second` `[n, h, w, more]` → `[n, h, w, channels + more]`.
    fn join_channels(first: FloatTensor<Self>, second: FloatTensor<Self>) -> FloatTensor<Self> {
        Self::float_cat(vec![first, second], 3)
    }

    /// `whole` `[1, h, w, channels]` with `rows` `[1, rows, w, channels]` in place of its own from the row `start` on.
    fn put_rows(whole: FloatTensor<Self>, rows: FloatTensor<Self>, start: usize) -> FloatTensor<Self> {
        plain::put_rows::<Self>(whole, rows, start)
    }
}

#[cfg(any(feature = "cuda", feature = "wgpu"))]
impl ModelOperations for burn::backend::Cube {}
