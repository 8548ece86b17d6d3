//! The operations that an image's time is spent in, behind Burn's extension point: on the CPU by kernels of ours
//! ([`easel_kernels`]), on every other backend by ordinary tensor operations ([`plain`]).
//!
//! Activations are channels-last: `[images, height, width, channels]` and `[batch, tokens, channels]`.

mod backend;
mod flex;
pub(crate) mod flops;
mod host;
mod host_tensor;
pub(crate) mod ledger;
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
use ledger::Work;
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
    let dims = x.dims();
    let read = ledger::bytes(&x) + residual.as_ref().map_or(0, ledger::bytes);
    let work = |y: &Tensor<D>| {
        let (inputs, (arithmetic, bytes)) = (dims[D - 1], ledger::weights(weights));
        let (rows, outputs) = (dims[..D - 1].iter().product::<usize>(), weights.outputs());
        Work {
            name: format!("linear, {inputs} → {outputs}{}, {rows} rows", named(activation)),
            multiply_adds: rows * inputs * outputs,
            arithmetic,
            bytes: read + bytes + ledger::bytes(y),
        }
    };
    ledger::enter(work, || {
        let (x, bias) = (x.into_dispatch(), bias.cloned().into());
        Tensor::from_dispatch(Dispatch::dense(x, weights.clone(), bias, activation, residual.into()))
    })
}

/// [`ModelOperations::convolution`] on tensors.
pub(crate) fn convolution<const D: usize>(
    x: Tensor<4>,
    weights: &MatrixWeights<Dispatch>,
    bias: Tensor<D>,
    residual: Option<Tensor<4>>,
    window: Window,
) -> Tensor<4> {
    let inputs = x.dims()[3];
    let read = ledger::bytes(&x) + residual.as_ref().map_or(0, ledger::bytes);
    let work = |y: &Tensor<4>| {
        let ([_, h, w, outputs], (arithmetic, bytes)) = (y.dims(), ledger::weights(weights));
        let kernel = window.kernel;
        Work {
            name: format!("convolution {kernel}×{kernel}, {inputs} → {outputs}, {h}×{w}"),
            multiply_adds: y.shape().num_elements() * inputs * kernel * kernel,
            arithmetic,
            bytes: read + bytes + ledger::bytes(y),
        }
    };
    ledger::enter(work, || {
        let (x, bias) = (x.into_dispatch(), Some(bias).into());
        Tensor::from_dispatch(Dispatch::convolution(x, weights.clone(), bias, residual.into(), window))
    })
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
    let (inputs, read) = (x.dims()[3], ledger::bytes(&x));
    let work = |y: &Tensor<4>| {
        let ([_, h, w, outputs], (arithmetic, bytes)) = (y.dims(), ledger::weights(weights));
        Work {
            name: format!("upsampling and convolution 3×3, {inputs} → {outputs}, {h}×{w}"),
            multiply_adds: y.shape().num_elements() * inputs * 9,
            arithmetic,
            bytes: read + bytes + ledger::bytes(y),
        }
    };
    ledger::enter(work, || {
        let (x, bias, fused) = (x.into_dispatch(), bias.clone().into_dispatch(), fused.cloned());
        Tensor::from_dispatch(Dispatch::upsample_convolution(x, weights.clone(), fused, bias, activation, edges))
    })
}

/// [`ModelOperations::stacked_convolution`] on tensors.
pub(crate) fn stacked_convolution(
    xs: Stack<Dispatch>,
    weights: &MatrixWeights<Dispatch>,
    bias: &Tensor<1>,
    activation: Activation,
    residual: Option<Tensor<4>>,
) -> Tensor<4> {
    let read = residual.as_ref().map_or(0, ledger::bytes);
    let work = |y: &Tensor<4>| {
        let ([n, h, w, outputs], (arithmetic, bytes)) = (y.dims(), ledger::weights(weights));
        let inputs = weights.inputs();
        let read = read + n * h * w * inputs * y.dtype().size();
        Work {
            name: format!("convolution 3×3 of a stack, {inputs} → {outputs}, {h}×{w}"),
            multiply_adds: y.shape().num_elements() * inputs * 9,
            arithmetic,
            bytes: read + bytes + ledger::bytes(y),
        }
    };
    ledger::enter(work, || {
        let bias = bias.clone().into_dispatch();
        Tensor::from_dispatch(Dispatch::stacked_convolution(xs, weights.clone(), bias, activation, residual.into()))
    })
}

/// [`ModelOperations::heads_attention`] on tensors.
pub(crate) fn heads_attention(
    query: Tensor<3>,
    key: Tensor<3>,
    value: Tensor<3>,
    options: AttentionOptions,
) -> Tensor<3> {
    let ([batch, queries, channels], keys) = (query.dims(), key.dims()[1]);
    let read = ledger::bytes(&query) + ledger::bytes(&key) + ledger::bytes(&value);
    let work = |y: &Tensor<3>| Work {
        name: format!("attention, {} heads of {}, {queries} to {keys} places", options.heads, channels / options.heads),
        multiply_adds: 2 * batch * queries * keys * channels,
        // Of 8 bits are queries and keys alone.
        arithmetic: ledger::arithmetic(y.dtype()),
        bytes: read + ledger::bytes(y),
    };
    ledger::enter(work, || {
        let (query, key, value) = (query.into_dispatch(), key.into_dispatch(), value.into_dispatch());
        Tensor::from_dispatch(Dispatch::heads_attention(query, key, value, options))
    })
}

/// [`ModelOperations::group_norm`] on tensors.
pub(crate) fn group_norm(x: Tensor<4>, weight: &Tensor<1>, bias: &Tensor<1>, options: GroupNormOptions) -> Tensor<4> {
    let work = |y: &Tensor<4>| pass("group norm", y, 3);
    ledger::enter(work, || {
        let (weight, bias) = (weight.clone().into_dispatch(), bias.clone().into_dispatch());
        Tensor::from_dispatch(Dispatch::group_norm(x.into_dispatch(), weight, bias, options))
    })
}

/// [`ModelOperations::group_moments`] on tensors.
pub(crate) fn group_moments(x: Tensor<4>, groups: usize) -> Tensor<2> {
    let (dims, bytes) = (x.dims(), ledger::bytes(&x));
    let work = |_: &Tensor<2>| Work { bytes, ..pass_over("statistics of a group norm", &dims) };
    ledger::enter(work, || Tensor::from_dispatch(Dispatch::group_moments(x.into_dispatch(), groups)))
}

/// [`ModelOperations::scale_shift`] on tensors.
pub(crate) fn scale_shift(x: Tensor<4>, scale: &Tensor<1>, shift: &Tensor<1>, with_silu: bool) -> Tensor<4> {
    let work = |y: &Tensor<4>| pass("group norm of known statistics", y, 2);
    ledger::enter(work, || {
        let (scale, shift) = (scale.clone().into_dispatch(), shift.clone().into_dispatch());
        Tensor::from_dispatch(Dispatch::scale_shift(x.into_dispatch(), scale, shift, with_silu))
    })
}

/// [`ModelOperations::rows_norm`] on tensors.
pub(crate) fn rows_norm<const D: usize>(x: Tensor<D>, weight: &Tensor<1>, bias: &Tensor<1>, epsilon: f64) -> Tensor<D> {
    let work = |y: &Tensor<D>| pass("layer norm", y, 2);
    ledger::enter(work, || {
        let (weight, bias) = (weight.clone().into_dispatch(), bias.clone().into_dispatch());
        Tensor::from_dispatch(Dispatch::rows_norm(x.into_dispatch(), weight, bias, epsilon))
    })
}

/// [`ModelOperations::join_channels`] on tensors.
pub(crate) fn join_channels(first: Tensor<4>, second: Tensor<4>) -> Tensor<4> {
    let work = |y: &Tensor<4>| pass("joined channels", y, 2);
    ledger::enter(work, || {
        Tensor::from_dispatch(Dispatch::join_channels(first.into_dispatch(), second.into_dispatch()))
    })
}

/// [`ModelOperations::put_rows`] on tensors.
pub(crate) fn put_rows(whole: Tensor<4>, rows: Tensor<4>, start: usize) -> Tensor<4> {
    let (dims, bytes) = (rows.dims(), 2 * ledger::bytes(&rows));
    let work = |_: &Tensor<4>| Work { bytes, ..pass_over("rows put into a map", &dims) };
    ledger::enter(work, || {
        Tensor::from_dispatch(Dispatch::put_rows(whole.into_dispatch(), rows.into_dispatch(), start))
    })
}

/// The work of an operation without products that goes over numbers like those of `y` so many times.
fn pass<const D: usize>(name: &str, y: &Tensor<D>, times: usize) -> Work {
    Work { bytes: times * ledger::bytes(y), ..pass_over(name, &y.dims()) }
}

/// The work of an operation without products on numbers of this shape.
fn pass_over(name: &str, dims: &[usize]) -> Work {
    let dims: Vec<_> = dims.iter().map(ToString::to_string).collect();
    Work { name: format!("{name}, {}", dims.join("×")), multiply_adds: 0, arithmetic: Arithmetic::F32, bytes: 0 }
}

/// What is said of an activation in the name of an operation.
fn named(activation: Activation) -> &'static str {
    if activation == Activation::GatedGelu { " (values and gates)" } else { "" }
}
