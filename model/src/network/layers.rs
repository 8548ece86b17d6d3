//! The layers that SDXL is made of, on channels-last activations.

mod attention;
mod conv;
mod embedding;
mod linear;
mod norm;

pub(crate) use attention::{
    Attention, KeysAndValues, OtherAttention, attention_with, heads_attention, heads_attention_ignoring,
};
pub(crate) use conv::{Conv2d, UpsampleConv2d};
pub(crate) use embedding::{TimestepEmbedding, sinusoids};
pub(crate) use linear::Linear;
pub(crate) use norm::{GroupNorm, LayerNorm, Moments};
