//! The layers that SDXL is made of, in PyTorch's weight layout.
//!
//! Weights may be held in a narrower format than the activations; each layer widens its own on use.

mod attention;
mod conv;
mod embedding;
mod linear;
mod norm;

pub(crate) use attention::{Attention, heads_attention};
pub(crate) use conv::Conv2d;
pub(crate) use embedding::{TimestepEmbedding, sinusoids};
pub(crate) use linear::Linear;
pub(crate) use norm::{GroupNorm, LayerNorm};

use burn::tensor::{FloatDType, Tensor};

/// `weight` in the number format of `like`; free when it is in it already.
fn cast_like<const D: usize, const E: usize>(weight: &Tensor<D>, like: &Tensor<E>) -> Tensor<D> {
    weight.clone().cast(FloatDType::from(like.dtype()))
}

/// Nearest-neighbour upsampling by two, cut to `height`×`width` (`torch.nn.functional.interpolate`
/// with a size of 2n or 2n−1 does just that). `[n, c, h, w]` → `[n, c, height, width]`.
pub(crate) fn upsample_nearest(x: Tensor<4>, height: usize, width: usize) -> Tensor<4> {
    let [n, c, h, w] = x.dims();
    let doubled = x.reshape([n, c, h, 1, w, 1]).expand([n, c, h, 2, w, 2]).reshape([n, c, 2 * h, 2 * w]);
    if (height, width) == (2 * h, 2 * w) { doubled } else { doubled.slice([0..n, 0..c, 0..height, 0..width]) }
}
