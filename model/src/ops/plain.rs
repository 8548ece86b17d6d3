//! The operations as ordinary tensor operations of a backend.

use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, TensorMetadata};
use burn::tensor::ops::{AttentionModuleOptions, ConvOptions, PadMode};
use burn::tensor::{DType, FloatDType, Shape, Slice, TensorData};

use easel_kernels::Activation;

use super::operands::{GroupNormOptions, MatrixWeights, Window};

/// MatrixWeights as a tensor of the format of `x`.
fn weight<B: Backend>(weights: MatrixWeights<B>, shape: &[usize], x: &FloatTensor<B>) -> FloatTensor<B> {
    let tensor = match weights {
        MatrixWeights::Plain(tensor) => tensor,
        MatrixWeights::Packed(packed) => {
            B::float_from_data(TensorData::new(packed.unpack(), Shape::from(shape.to_vec())), &x.device())
        }
    };
    like::<B>(tensor, x)
}

/// `tensor` in the number format of `x`.
fn like<B: Backend>(tensor: FloatTensor<B>, x: &FloatTensor<B>) -> FloatTensor<B> {
    let dtype = FloatDType::from(x.dtype());
    if tensor.dtype() == x.dtype() { tensor } else { B::float_cast(tensor, dtype) }
}

fn shape(dims: &[usize]) -> Shape {
    Shape::from(dims.to_vec())
}

pub(super) fn put_rows<B: Backend>(whole: FloatTensor<B>, rows: FloatTensor<B>, start: usize) -> FloatTensor<B> {
    let ([n, _, w, c], [_, count, _, _]) = (whole.shape().dims::<4>(), rows.shape().dims::<4>());
    let slices = [0..n, start..start + count, 0..w, 0..c].map(Slice::from);
    B::float_slice_assign(whole, &slices, rows)
}

pub(super) fn dense<B: Backend>(
    x: FloatTensor<B>,
    weights: MatrixWeights<B>,
    bias: Option<FloatTensor<B>>,
    activation: Activation,
    residual: Option<FloatTensor<B>>,
) -> FloatTensor<B> {
    let dims = x.shape().to_vec();
    let inputs = dims[dims.len() - 1];
    let outputs = weights.outputs();
    let weight = B::float_transpose(weight::<B>(weights, &[outputs, inputs], &x));
    let bias = bias.map(|bias| like::<B>(bias, &x));
    let y = activate::<B>(B::linear(x, weight, bias), activation);
    match residual {
        Some(residual) => B::float_add(y, residual),
        None => y,
    }
}

fn activate<B: Backend>(x: FloatTensor<B>, activation: Activation) -> FloatTensor<B> {
    match activation {
        Activation::None => x,
        Activation::Silu => B::float_mul(x.clone(), B::sigmoid(x)),
        Activation::Gelu => B::gelu(x),
        Activation::QuickGelu => {
            let scaled = B::float_mul_scalar(x.clone(), 1.702.into());
            B::float_mul(x, B::sigmoid(scaled))
        }
        Activation::LeakyRelu => {
            // The larger of the two, whichever sign x has: (x + x/5 + |x − x/5|) / 2.
            let fifth = B::float_mul_scalar(x.clone(), 0.2.into());
            let distance = B::float_abs(B::float_sub(x.clone(), fifth.clone()));
            B::float_mul_scalar(B::float_add(B::float_add(x, fifth), distance), 0.5.into())
        }
        Activation::GatedGelu => {
            let dims = x.shape().to_vec();
            let inner = dims[dims.len() - 1] / 2;
            let half = |x, start: usize| {
                let mut slices: Vec<Slice> = dims.iter().map(|&side| (0..side).into()).collect();
                slices[dims.len() - 1] = (start..start + inner).into();
                B::float_slice(x, &slices)
            };
            B::float_mul(half(x.clone(), 0), B::gelu(half(x, inner)))
        }
    }
}

pub(super) fn convolution<B: Backend>(
    x: FloatTensor<B>,
    weights: MatrixWeights<B>,
    bias: Option<FloatTensor<B>>,
    residual: Option<FloatTensor<B>>,
    window: Window,
) -> FloatTensor<B> {
    let outputs = weights.outputs();
    let [images, .., inputs] = x.shape().dims::<4>();
    let weight = weight::<B>(weights, &[outputs, inputs, window.kernel, window.kernel], &x);
    let bias = bias.map(|bias| like::<B>(bias, &x));
    // A bias of its own for each image is added afterwards.
    let (bias, shift) = match bias {
        Some(bias) if bias.shape().num_dims() == 2 => (None, Some(bias)),
        bias => (bias, None),
    };
    let mut x = B::float_permute(x, &[0, 3, 1, 2]);
    let (rows, columns) = (window.padding_rows, window.padding_columns);
    let mut padding = [rows.0, columns.0];
    if rows.0 != rows.1 || columns.0 != columns.1 {
        x = B::float_pad(x, &[(0, 0), (0, 0), rows, columns], PadMode::Constant(0.0));
        padding = [0, 0];
    }
    let options = ConvOptions::new([window.stride; 2], padding, [1, 1], 1);
    let mut y = B::float_permute(B::conv2d(x, weight, bias, options), &[0, 2, 3, 1]);
    if let Some(shift) = shift {
        y = B::float_add(y, B::float_reshape(shift, shape(&[images, 1, 1, outputs])));
    }
    match residual {
        Some(residual) => B::float_add(y, residual),
        None => y,
    }
}

pub(super) fn stacked_convolution<B: Backend>(
    xs: Vec<FloatTensor<B>>,
    weights: MatrixWeights<B>,
    bias: FloatTensor<B>,
    activation: Activation,
    residual: Option<FloatTensor<B>>,
) -> FloatTensor<B> {
    let y = activate::<B>(convolution::<B>(B::float_cat(xs, 3), weights, Some(bias), None, Window::SAME), activation);
    match residual {
        Some(residual) => B::float_add(y, residual),
        None => y,
    }
}

pub(super) fn upsample_convolution<B: Backend>(
    x: FloatTensor<B>,
    weights: MatrixWeights<B>,
    bias: FloatTensor<B>,
    activation: Activation,
    (at_top, at_bottom): (bool, bool),
) -> FloatTensor<B> {
    let [n, h, w, c] = x.shape().dims::<4>();
    let x = B::float_reshape(x, shape(&[n, h, 1, w, 1, c]));
    let x = B::float_reshape(B::float_expand(x, shape(&[n, h, 2, w, 2, c])), shape(&[n, 2 * h, 2 * w, c]));
    let y = activate::<B>(convolution::<B>(x, weights, Some(bias), None, Window::SAME), activation);
    if at_top && at_bottom {
        return y;
    }
    let rows = 2 * usize::from(!at_top)..2 * h - 2 * usize::from(!at_bottom);
    let [n, _, w, c] = y.shape().dims::<4>();
    B::float_slice(y, &[(0..n).into(), rows.into(), (0..w).into(), (0..c).into()])
}

pub(super) fn heads_attention<B: Backend>(
    query: FloatTensor<B>,
    key: FloatTensor<B>,
    value: FloatTensor<B>,
    heads: usize,
    is_causal: bool,
) -> FloatTensor<B> {
    let [n, t, c] = query.shape().dims::<3>();
    let split = |x: FloatTensor<B>| {
        let [n, length, c] = x.shape().dims::<3>();
        B::float_permute(B::float_reshape(x, shape(&[n, length, heads, c / heads])), &[0, 2, 1, 3])
    };
    let options = AttentionModuleOptions { is_causal, ..Default::default() };
    let y = B::attention(split(query), split(key), split(value), None, None, options);
    B::float_reshape(B::float_permute(y, &[0, 2, 1, 3]), shape(&[n, t, c]))
}

pub(super) fn group_norm<B: Backend>(
    x: FloatTensor<B>,
    weight: FloatTensor<B>,
    bias: FloatTensor<B>,
    GroupNormOptions { groups, epsilon, with_silu }: GroupNormOptions,
) -> FloatTensor<B> {
    let [n, h, w, c] = x.shape().dims::<4>();
    let dtype = FloatDType::from(x.dtype());
    let device = x.device();
    // A group is one row of a layer norm, which every backend has as a fused kernel.
    let row = c / groups * h * w;
    let ones = B::float_ones(shape(&[row]), &device, FloatDType::F32);
    let x = B::float_cast(B::float_permute(x, &[0, 3, 1, 2]), FloatDType::F32);
    let rows = B::float_reshape(x, shape(&[n, groups, row]));
    let x = B::float_reshape(B::layer_norm(rows, ones, None, epsilon), shape(&[n, c, h, w]));
    let of_channels = |x: FloatTensor<B>| B::float_reshape(B::float_cast(x, FloatDType::F32), shape(&[1, c, 1, 1]));
    let x = B::float_add(B::float_mul(x, of_channels(weight)), of_channels(bias));
    let x = if with_silu { activate::<B>(x, Activation::Silu) } else { x };
    B::float_cast(B::float_permute(x, &[0, 2, 3, 1]), dtype)
}

pub(super) fn group_moments<B: Backend>(x: FloatTensor<B>, groups: usize) -> FloatTensor<B> {
    let [n, h, w, c] = x.shape().dims::<4>();
    let x = B::float_cast(B::float_permute(x, &[0, 3, 1, 2]), FloatDType::F32);
    let rows = B::float_reshape(x, shape(&[groups, n * c / groups * h * w]));
    let mean = B::float_mean_dim(rows.clone(), 1);
    let difference = B::float_sub(rows, mean.clone());
    let variance = B::float_mean_dim(B::float_mul(difference.clone(), difference), 1);
    B::float_cat(vec![mean, variance], 1)
}

pub(super) fn scale_shift<B: Backend>(
    x: FloatTensor<B>,
    scale: FloatTensor<B>,
    shift: FloatTensor<B>,
    with_silu: bool,
) -> FloatTensor<B> {
    let dtype = FloatDType::from(x.dtype());
    let mut dims = vec![1; x.shape().num_dims()];
    if let Some(last) = dims.last_mut() {
        *last = scale.shape()[0];
    }
    let of_channels = |x: FloatTensor<B>| B::float_reshape(B::float_cast(x, FloatDType::F32), shape(&dims));
    let x = B::float_mul(B::float_cast(x, FloatDType::F32), of_channels(scale));
    let x = B::float_add(x, of_channels(shift));
    B::float_cast(if with_silu { activate::<B>(x, Activation::Silu) } else { x }, dtype)
}

pub(super) fn rows_norm<B: Backend>(
    x: FloatTensor<B>,
    weight: FloatTensor<B>,
    bias: FloatTensor<B>,
    epsilon: f64,
) -> FloatTensor<B> {
    let dtype = x.dtype();
    let wide = |x: FloatTensor<B>| if x.dtype() == DType::F32 { x } else { B::float_cast(x, FloatDType::F32) };
    let y = B::layer_norm(wide(x), wide(weight), Some(wide(bias)), epsilon);
    if dtype == DType::F32 { y } else { B::float_cast(y, FloatDType::from(dtype)) }
}
