//! The operations on the CPU, by [`easel_kernels`].

use std::sync::Arc;

use burn::backend::Flex;
use burn::tensor::{AllocationProperty, Bytes, DType, Shape};
use burn_flex::{FlexTensor, Layout};
use easel_kernels::{
    Activation, Arithmetic, AttentionShape, ConvolutionShape, Element, Epilogue, GroupNormShape, Recycled,
    UpsampleWeights,
};
use half::bf16;

use super::backend::ModelOperations;
use super::operands::{GroupNormOptions, MatrixWeights, Optional, Window};
use super::plain;

/// A number of an activation that the backend knows too.
trait Number: Element + burn::tensor::Element {}
impl Number for f32 {}
impl Number for bf16 {}

/// Runs `$body` with `$number` standing for the number format of `$tensor`.
macro_rules! for_numbers_of {
    ($tensor:expr, $number:ident => $body:expr) => {
        match $tensor.dtype() {
            DType::F32 => {
                type $number = f32;
                $body
            }
            DType::BF16 => {
                type $number = bf16;
                $body
            }
            other => panic!("there are CPU kernels for activations in f32 and bf16, not in {other:?}"),
        }
    };
}

/// The tensor itself where its numbers lie side by side, such as some rows of an image; else a copy in which they do.
fn contiguous(tensor: FlexTensor) -> FlexTensor {
    if tensor.layout().contiguous_offsets().is_some() { tensor } else { tensor.to_contiguous() }
}

/// The numbers of a contiguous tensor.
fn numbers<N: Number>(tensor: &FlexTensor) -> &[N] {
    tensor.as_slice::<N>().expect("the tensor is contiguous and of this number format")
}

/// A kernel's results as a tensor whose memory is used again once it is dropped.
fn tensor<N: Number>(numbers: Vec<N>, dims: &[usize]) -> FlexTensor {
    let bytes = Bytes::from_shared(bytes::Bytes::from_owner(Recycled::new(numbers)), AllocationProperty::Other);
    FlexTensor::new(bytes, Layout::contiguous(Shape::from(dims.to_vec())), N::dtype())
}

/// A small tensor, such as a bias, as f32.
fn floats(tensor: FlexTensor) -> Vec<f32> {
    let tensor = contiguous(tensor);
    match tensor.dtype() {
        DType::F32 => numbers::<f32>(&tensor).to_vec(),
        DType::BF16 => numbers::<bf16>(&tensor).iter().map(|number| number.to_f32()).collect(),
        other => panic!("there are CPU kernels for biases in f32 and bf16, not in {other:?}"),
    }
}

impl ModelOperations for Flex {
    fn dense(
        x: FlexTensor,
        weights: MatrixWeights<Self>,
        bias: Optional<Self>,
        activation: Activation,
        residual: Optional<Self>,
    ) -> FlexTensor {
        let MatrixWeights::Packed(packed) = weights else {
            return plain::dense::<Self>(x, weights, bias.get(), activation, residual.get());
        };
        let x = contiguous(x);
        let bias = bias.get().map(floats);
        let residual = residual.get().map(contiguous);
        let mut dims = x.layout().shape().to_vec();
        if let Some(last) = dims.last_mut() {
            *last = packed.shape().results();
        }
        for_numbers_of!(x, N => {
            let residual = residual.as_ref().map(numbers::<N>);
            let epilogue = Epilogue { bias: bias.as_deref(), activation, residual };
            tensor(easel_kernels::linear(numbers::<N>(&x), &packed, &epilogue), &dims)
        })
    }

    fn convolution(
        x: FlexTensor,
        weights: MatrixWeights<Self>,
        bias: Optional<Self>,
        residual: Optional<Self>,
        window: Window,
    ) -> FlexTensor {
        let MatrixWeights::Packed(packed) = weights else {
            return plain::convolution::<Self>(x, weights, bias.get(), residual.get(), window);
        };
        let x = contiguous(x);
        let bias = bias.get().map(floats);
        let residual = residual.get().map(contiguous);
        let [images, height, width, channels] = x.layout().shape().dims::<4>();
        let Window { kernel, stride, padding_rows, padding_columns } = window;
        let shape = ConvolutionShape { images, height, width, channels, kernel, stride, padding_rows, padding_columns };
        let (rows, columns) = shape.output();
        for_numbers_of!(x, N => {
            let residual = residual.as_ref().map(numbers::<N>);
            let epilogue = Epilogue { bias: bias.as_deref(), residual, ..Epilogue::default() };
            let y = easel_kernels::convolution(numbers::<N>(&x), &shape, &packed, &epilogue);
            tensor(y, &[images, rows, columns, packed.shape().outputs])
        })
    }

    fn upsample_convolution(
        x: FlexTensor,
        weights: MatrixWeights<Self>,
        fused: Option<Arc<UpsampleWeights>>,
        bias: FlexTensor,
        edges: (bool, bool),
    ) -> FlexTensor {
        let Some(packed) = fused else {
            return plain::upsample_convolution::<Self>(x, weights, bias, edges);
        };
        let x = contiguous(x);
        let bias = floats(bias);
        let [n, h, w, c] = x.layout().shape().dims::<4>();
        for_numbers_of!(x, N => {
            let x = numbers::<N>(&x);
            let y = easel_kernels::upsample_convolution(x, [n, h, w, c], &packed, Some(&bias), edges);
            let lines = h - usize::from(!edges.0) - usize::from(!edges.1);
            tensor(y, &[n, 2 * lines, 2 * w, packed.outputs()])
        })
    }

    fn heads_attention(
        query: FlexTensor,
        key: FlexTensor,
        value: FlexTensor,
        heads: usize,
        is_causal: bool,
    ) -> FlexTensor {
        let [batch, queries, channels] = query.layout().shape().dims::<3>();
        let width = channels / heads;
        if width > AttentionShape::WIDEST {
            return plain::heads_attention::<Self>(query, key, value, heads, is_causal);
        }
        let (query, key, value) = (contiguous(query), contiguous(key), contiguous(value));
        let keys = key.layout().shape()[1];
        let shape = AttentionShape { batch, queries, keys, heads, width, is_causal };
        let arithmetic = if query.dtype() == DType::F32 { Arithmetic::F32 } else { Arithmetic::Bf16 };
        for_numbers_of!(query, N => {
            let (query, key, value) = (numbers::<N>(&query), numbers::<N>(&key), numbers::<N>(&value));
            tensor(easel_kernels::attention(query, key, value, &shape, arithmetic), &[batch, queries, channels])
        })
    }

    fn group_norm(x: FlexTensor, weight: FlexTensor, bias: FlexTensor, options: GroupNormOptions) -> FlexTensor {
        let x = contiguous(x);
        let (weight, bias) = (floats(weight), floats(bias));
        let [images, height, width, channels] = x.layout().shape().dims::<4>();
        let GroupNormOptions { groups, epsilon, with_silu } = options;
        let shape = GroupNormShape { images, pixels: height * width, channels, groups };
        for_numbers_of!(x, N => {
            let y = easel_kernels::group_norm(numbers::<N>(&x), &shape, &weight, &bias, epsilon, with_silu);
            tensor(y, &[images, height, width, channels])
        })
    }

    fn group_moments(x: FlexTensor, groups: usize) -> FlexTensor {
        let x = contiguous(x);
        let channels = x.layout().shape()[3];
        let moments = for_numbers_of!(x, N => easel_kernels::group_moments(numbers::<N>(&x), channels, groups));
        tensor(moments.into_iter().flatten().map(|moment| moment as f32).collect(), &[groups, 2])
    }

    fn scale_shift(x: FlexTensor, scale: FlexTensor, shift: FlexTensor, with_silu: bool) -> FlexTensor {
        let x = contiguous(x);
        let (scale, shift) = (floats(scale), floats(shift));
        let dims = x.layout().shape().to_vec();
        for_numbers_of!(x, N => tensor(easel_kernels::scale_shift(numbers::<N>(&x), &scale, &shift, with_silu), &dims))
    }

    fn rows_norm(x: FlexTensor, weight: FlexTensor, bias: FlexTensor, epsilon: f64) -> FlexTensor {
        let x = contiguous(x);
        let (weight, bias) = (floats(weight), floats(bias));
        let dims = x.layout().shape().to_vec();
        for_numbers_of!(x, N => {
            tensor(easel_kernels::layer_norm(numbers::<N>(&x), &weight, &bias, epsilon), &dims)
        })
    }
}
