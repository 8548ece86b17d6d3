//! The arithmetic of SDXL on a CPU: linear layers, convolution, attention and normalization.
//!
//! Everything is one matrix product in disguise. A product takes rows of activations, gathered for the taps of a
//! convolution without a copy of the whole image, and weights that were packed once ([`Packed`]); it is computed in
//! tiles of 12 × 32 results that stay in registers. 3×3 convolutions of many channels are products of sums of pixels with
//! sums of weights, less than half as many (`winograd`). What follows a product
//! (bias, residual, gate) is done while its results are in the first cache ([`Epilogue`]).
//!
//! Activations are channels-last, in f32 or bf16. Products are in f32, bf16 or int8 ([`Arithmetic`]) and always
//! accumulate in f32 or i32. Results do not depend on the number of threads: every result is computed whole, in one
//! order, by whichever thread gets to it.

mod arithmetic;
mod attention;
mod buffers;
mod convolution;
mod element;
mod epilogue;
mod functions;
mod instructions;
mod join;
mod linear;
mod low_rank;
mod norm;
mod pack;
mod peak;
mod pool;
mod prefetch;
mod product;
mod quantize;
mod rows;
mod stacked;
mod target;
mod threads;
mod tile;
mod upsample;
mod winograd;

pub use arithmetic::Arithmetic;
pub use attention::{AttentionShape, attention};
pub use buffers::{Recycled, any as any_numbers, release_buffers};
pub use convolution::{ConvolutionShape, convolution};
pub use element::Element;
pub use epilogue::{Activation, Epilogue};
pub use instructions::{Choice, Instructions};
pub use join::{copy, join_channels};
pub use linear::linear;
pub use low_rank::LowRank;
pub use norm::{GroupNormShape, group_moments, group_norm, layer_norm, scale_shift};
pub use pack::{Order, Packed, PackedShape};
pub use peak::{bandwidth, peak};
pub use pool::Buffers;
pub use stacked::stacked_convolution;
pub use threads::{at_once, on_threads};
pub use upsample::{UpsampleWeights, upsample_convolution, winograd_upsample_convolution};
pub use winograd::suits_winograd;

#[cfg(test)]
mod tests;
