//! The operations on the CPU, by [`easel_kernels`], for every backend whose tensors lie in the host's memory.

#![cfg_attr(feature = "ndarray", expect(deprecated, reason = "ndarray stays selectable for as long as Burn has it"))]

use std::sync::Arc;

use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, TensorMetadata};
use burn::tensor::DType;
use easel_kernels::{
    Activation, Arithmetic, AttentionShape, ConvolutionShape, Epilogue, GroupNormShape, UpsampleWeights, suits_winograd,
};

use super::backend::ModelOperations;
use super::host_tensor::{HostTensor, Number, floats, for_numbers_of};
use super::operands::{AttentionOptions, GroupNormOptions, MatrixWeights, Optional, Stack, Window};
use super::plain;

pub(super) fn dense<B: Backend>(
    x: FloatTensor<B>,
    weights: MatrixWeights<B>,
    bias: Optional<B>,
    activation: Activation,
    residual: Optional<B>,
) -> FloatTensor<B>
where
    FloatTensor<B>: HostTensor,
{
    let MatrixWeights::Packed(packed) = weights else {
        return plain::dense::<B>(x, weights, bias.get(), activation, residual.get());
    };
    let x = x.contiguous();
    let bias = bias.get().map(floats);
    let residual = residual.get().map(HostTensor::contiguous);
    let mut dims = x.shape().to_vec();
    if let Some(last) = dims.last_mut() {
        *last = packed.shape().results();
    }
    for_numbers_of!(x, N => {
        let residual = residual.as_ref().map(N::of);
        let epilogue = Epilogue { bias: bias.as_deref(), activation, residual };
        N::tensor(easel_kernels::linear(N::of(&x), &packed, &epilogue), &dims)
    })
}

pub(super) fn convolution<B: Backend>(
    x: FloatTensor<B>,
    weights: MatrixWeights<B>,
    bias: Optional<B>,
    residual: Optional<B>,
    window: Window,
) -> FloatTensor<B>
where
    FloatTensor<B>: HostTensor,
{
    let MatrixWeights::Packed(packed) = weights else {
        return plain::convolution::<B>(x, weights, bias.get(), residual.get(), window);
    };
    let x = x.contiguous();
    let bias = bias.get().map(floats);
    let residual = residual.get().map(HostTensor::contiguous);
    let [images, height, width, channels] = x.shape().dims::<4>();
    let Window { kernel, stride, padding_rows, padding_columns } = window;
    let shape = ConvolutionShape { images, height, width, channels, kernel, stride, padding_rows, padding_columns };
    let (rows, columns) = shape.output();
    for_numbers_of!(x, N => {
        let residual = residual.as_ref().map(N::of);
        let epilogue = Epilogue { bias: bias.as_deref(), residual, ..Epilogue::default() };
        let y = easel_kernels::convolution(N::of(&x), &shape, &packed, &epilogue);
        N::tensor(y, &[images, rows, columns, packed.shape().outputs])
    })
}

pub(super) fn stacked_convolution<B: Backend>(
    xs: Stack<B>,
    weights: MatrixWeights<B>,
    bias: FloatTensor<B>,
    activation: Activation,
    residual: Optional<B>,
) -> FloatTensor<B>
where
    FloatTensor<B>: HostTensor,
{
    let MatrixWeights::Packed(packed) = weights else {
        return plain::stacked_convolution::<B>(xs.images(), weights, bias, activation, residual.get());
    };
    let xs: Vec<_> = xs.images().into_iter().map(HostTensor::contiguous).collect();
    let bias = floats(bias);
    let residual = residual.get().map(HostTensor::contiguous);
    let [images, height, width, _] = xs[0].shape().dims::<4>();
    for_numbers_of!(xs[0], N => {
        let residual = residual.as_ref().map(N::of);
        let epilogue = Epilogue { bias: Some(&bias), activation, residual };
        let xs: Vec<_> = xs.iter().map(N::of).collect();
        let y = easel_kernels::stacked_convolution(&xs, [images, height, width], &packed, &epilogue);
        N::tensor(y, &[images, height, width, packed.shape().outputs])
    })
}

pub(super) fn upsample_convolution<B: Backend>(
    x: FloatTensor<B>,
    weights: MatrixWeights<B>,
    fused: Option<Arc<UpsampleWeights>>,
    bias: FloatTensor<B>,
    activation: Activation,
    edges: (bool, bool),
) -> FloatTensor<B>
where
    FloatTensor<B>: HostTensor,
{
    let x = x.contiguous();
    let [n, h, w, c] = x.shape().dims::<4>();
    let lines = h - usize::from(!edges.0) - usize::from(!edges.1);
    match (fused, weights) {
        (Some(packed), _) => {
            let bias = floats(bias);
            for_numbers_of!(x, N => {
                let epilogue = (Some(&bias[..]), activation);
                let y = easel_kernels::upsample_convolution(N::of(&x), [n, h, w, c], &packed, epilogue, edges);
                N::tensor(y, &[n, 2 * lines, 2 * w, packed.outputs()])
            })
        }
        (None, MatrixWeights::Packed(packed)) if suits_winograd(packed.shape()) => {
            let bias = floats(bias);
            for_numbers_of!(x, N => {
                let epilogue = (Some(&bias[..]), activation);
                let y = easel_kernels::winograd_upsample_convolution(N::of(&x), [n, h, w, c], &packed, epilogue, edges);
                N::tensor(y, &[n, 2 * lines, 2 * w, packed.shape().outputs])
            })
        }
        (None, weights) => plain::upsample_convolution::<B>(x, weights, bias, activation, edges),
    }
}

pub(super) fn heads_attention<B: Backend>(
    query: FloatTensor<B>,
    key: FloatTensor<B>,
    value: FloatTensor<B>,
    options: AttentionOptions,
) -> FloatTensor<B>
where
    FloatTensor<B>: HostTensor,
{
    let AttentionOptions { heads, is_causal, in_8_bits } = options;
    let [batch, queries, channels] = query.shape().dims::<3>();
    let width = channels / heads;
    if width > AttentionShape::WIDEST {
        return plain::heads_attention::<B>(query, key, value, heads, is_causal);
    }
    let (query, key, value) = (query.contiguous(), key.contiguous(), value.contiguous());
    let keys = key.shape()[1];
    let shape = AttentionShape { batch, queries, keys, heads, width, is_causal };
    let arithmetic = match query.dtype() {
        _ if in_8_bits => Arithmetic::Int8,
        DType::F32 => Arithmetic::F32,
        _ => Arithmetic::Bf16,
    };
    for_numbers_of!(query, N => {
        let (query, key, value) = (N::of(&query), N::of(&key), N::of(&value));
        N::tensor(easel_kernels::attention(query, key, value, &shape, arithmetic), &[batch, queries, channels])
    })
}

pub(super) fn group_norm<B: Backend>(
    x: FloatTensor<B>,
    weight: FloatTensor<B>,
    bias: FloatTensor<B>,
    options: GroupNormOptions,
) -> FloatTensor<B>
where
    FloatTensor<B>: HostTensor,
{
    let x = x.contiguous();
    let (weight, bias) = (floats(weight), floats(bias));
    let [images, height, width, channels] = x.shape().dims::<4>();
    let GroupNormOptions { groups, epsilon, with_silu } = options;
    let shape = GroupNormShape { images, pixels: height * width, channels, groups };
    for_numbers_of!(x, N => {
        let y = easel_kernels::group_norm(N::of(&x), &shape, &weight, &bias, epsilon, with_silu);
        N::tensor(y, &[images, height, width, channels])
    })
}

pub(super) fn group_moments<B: Backend>(x: FloatTensor<B>, groups: usize) -> FloatTensor<B>
where
    FloatTensor<B>: HostTensor,
{
    let x = x.contiguous();
    let channels = x.shape()[3];
    let moments = for_numbers_of!(x, N => easel_kernels::group_moments(N::of(&x), channels, groups));
    HostTensor::of_f32s(moments.into_iter().flatten().map(|moment| moment as f32).collect(), &[groups, 2])
}

pub(super) fn scale_shift<B: Backend>(
    x: FloatTensor<B>,
    scale: FloatTensor<B>,
    shift: FloatTensor<B>,
    with_silu: bool,
) -> FloatTensor<B>
where
    FloatTensor<B>: HostTensor,
{
    let x = x.contiguous();
    let (scale, shift) = (floats(scale), floats(shift));
    let dims = x.shape().to_vec();
    for_numbers_of!(x, N => N::tensor(easel_kernels::scale_shift(N::of(&x), &scale, &shift, with_silu), &dims))
}

pub(super) fn rows_norm<B: Backend>(
    x: FloatTensor<B>,
    weight: FloatTensor<B>,
    bias: FloatTensor<B>,
    epsilon: f64,
) -> FloatTensor<B>
where
    FloatTensor<B>: HostTensor,
{
    let x = x.contiguous();
    let (weight, bias) = (floats(weight), floats(bias));
    let dims = x.shape().to_vec();
    for_numbers_of!(x, N => {
        N::tensor(easel_kernels::layer_norm(N::of(&x), &weight, &bias, epsilon), &dims)
    })
}

pub(super) fn join_channels<B: Backend>(first: FloatTensor<B>, second: FloatTensor<B>) -> FloatTensor<B>
where
    FloatTensor<B>: HostTensor,
{
    let (first, second) = (first.contiguous(), second.contiguous());
    let [images, height, width, channels] = first.shape().dims::<4>();
    let more = second.shape()[3];
    for_numbers_of!(first, N => {
        let y = easel_kernels::join_channels(N::of(&first), N::of(&second), (channels, more));
        N::tensor(y, &[images, height, width, channels + more])
    })
}

pub(super) fn put_rows<B: Backend>(whole: FloatTensor<B>, rows: FloatTensor<B>, start: usize) -> FloatTensor<B>
where
    FloatTensor<B>: HostTensor,
{
    let [_, _, width, channels] = whole.shape().dims::<4>();
    match whole.try_put(rows.contiguous(), start * width * channels) {
        Ok(whole) => whole,
        Err((whole, rows)) => plain::put_rows::<B>(whole, rows, start),
    }
}

/// Gives a backend with [`HostTensor`]s every operation by the kernels.
macro_rules! by_kernels {
    ($backend:ty) => {
        by_kernels! { $backend:
            dense(
                x: FloatTensor<Self>, weights: MatrixWeights<Self>, bias: Optional<Self>, activation: Activation,
                residual: Optional<Self>
            );
            convolution(
                x: FloatTensor<Self>, weights: MatrixWeights<Self>, bias: Optional<Self>, residual: Optional<Self>,
                window: Window
            );
            upsample_convolution(
                x: FloatTensor<Self>, weights: MatrixWeights<Self>, fused: Option<Arc<UpsampleWeights>>,
                bias: FloatTensor<Self>, activation: Activation, edges: (bool, bool)
            );
            stacked_convolution(
                xs: Stack<Self>, weights: MatrixWeights<Self>, bias: FloatTensor<Self>, activation: Activation,
                residual: Optional<Self>
            );
            heads_attention(
                query: FloatTensor<Self>, key: FloatTensor<Self>, value: FloatTensor<Self>, options: AttentionOptions
            );
            group_norm(
                x: FloatTensor<Self>, weight: FloatTensor<Self>, bias: FloatTensor<Self>, options: GroupNormOptions
            );
            group_moments(x: FloatTensor<Self>, groups: usize);
            scale_shift(x: FloatTensor<Self>, scale: FloatTensor<Self>, shift: FloatTensor<Self>, with_silu: bool);
            rows_norm(x: FloatTensor<Self>, weight: FloatTensor<Self>, bias: FloatTensor<Self>, epsilon: f64);
            join_channels(first: FloatTensor<Self>, second: FloatTensor<Self>);
            put_rows(whole: FloatTensor<Self>, rows: FloatTensor<Self>, start: usize);
        }
    };
    ($backend:ty: $( $operation:ident($( $argument:ident: $type:ty ),*); )+) => {
        impl ModelOperations for $backend {
            $( fn $operation($( $argument: $type ),*) -> FloatTensor<Self> {
                $operation::<Self>($( $argument ),*)
            } )+
        }
    };
}

by_kernels!(burn::backend::Flex);
#[cfg(feature = "ndarray")]
by_kernels!(burn::backend::NdArray);
