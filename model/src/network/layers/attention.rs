//! Multi-head attention.

use burn::tensor::activation::softmax;
use burn::tensor::{FloatDType, Tensor, TensorData};

use super::Linear;
use crate::error::Result;
use crate::network::parameters::Parameters;
use crate::ops::flops;
use crate::ops::{self, AttentionOptions};

/// Scaled dot-product attention over `heads` heads.
/// `query` `[n, t, c]`, `key` and `value` `[n, s, c]` → `[n, t, c]`.
pub(crate) fn heads_attention(
    query: Tensor<3>,
    key: Tensor<3>,
    value: Tensor<3>,
    heads: usize,
    is_causal: bool,
) -> Tensor<3> {
    attention_with(query, key, value, AttentionOptions { heads, is_causal, in_8_bits: false })
}

/// Like [`heads_attention`], with all its options.
pub(crate) fn attention_with(
    query: Tensor<3>,
    key: Tensor<3>,
    value: Tensor<3>,
    options: AttentionOptions,
) -> Tensor<3> {
    let [n, t, c] = query.dims();
    flops::count(2 * n * t * key.dims()[1] * c);
    ops::heads_attention(query, key, value, options)
}

/// Causal attention over `heads` heads that passes over the places `ignored` of the keys, of which the first is none.
/// `query`, `key` and `value` `[n, t, c]` → `[n, t, c]`. It is for a few texts, so it is written for every backend alike.
pub(crate) fn heads_attention_ignoring(
    query: Tensor<3>,
    key: Tensor<3>,
    value: Tensor<3>,
    heads: usize,
    ignored: &[usize],
) -> Tensor<3> {
    let [n, t, c] = query.dims();
    flops::count(2 * n * t * t * c);
    let (dtype, device) = (FloatDType::from(query.dtype()), query.device());
    let split = |x: Tensor<3>| x.cast(FloatDType::F32).reshape([n, t, heads, c / heads]).swap_dims(1, 2);
    let mut mask = vec![0.0_f32; t * t];
    for (row, mask) in mask.chunks_mut(t).enumerate() {
        mask[row + 1..].fill(f32::MIN);
        ignored.iter().for_each(|&place| mask[place] = f32::MIN);
    }
    let mask = Tensor::<4>::from_data(TensorData::new(mask, [1, 1, t, t]), (&device, FloatDType::F32.into()));
    let scores = split(query).matmul(split(key).swap_dims(2, 3)) / ((c / heads) as f32).sqrt() + mask;
    softmax(scores, 3).matmul(split(value)).swap_dims(1, 2).reshape([n, t, c]).cast(dtype)
}

/// Keys and values of what is attended to, `[n, tokens, width]` each.
pub(crate) type KeysAndValues = (Tensor<3>, Tensor<3>);

/// Keys and values `[n, tokens, width]` that are attended to apart, and what the result is multiplied by before it is added.
pub(crate) struct OtherAttention {
    pub(crate) key: Tensor<3>,
    pub(crate) value: Tensor<3>,
    pub(crate) scale: f32,
}

/// Attention of a transformer block or of the VAE's middle (diffusers `Attention`).
pub(crate) struct Attention {
    to_q: Linear,
    to_k: Linear,
    to_v: Linear,
    to_out: Linear,
    heads: usize,
    /// Whether the weights have 8 bits: then so have queries and keys where a feature map attends to itself.
    in_8_bits: bool,
}

impl Attention {
    /// Of a transformer block: no bias on query, key and value; `context` is the width attended to.
    pub(crate) fn load(parameters: &Parameters, width: usize, context: usize, heads: usize) -> Result<Self> {
        Ok(Self {
            to_q: Linear::load_without_bias(&parameters.child("to_q"), width, width)?,
            to_k: Linear::load_without_bias(&parameters.child("to_k"), context, width)?,
            to_v: Linear::load_without_bias(&parameters.child("to_v"), context, width)?,
            to_out: Linear::load(&parameters.child("to_out.0"), width, width)?,
            heads,
            in_8_bits: parameters.in_8_bits(),
        })
    }

    /// Of the VAE: one head, bias everywhere.
    pub(crate) fn load_single_head(parameters: &Parameters, width: usize) -> Result<Self> {
        Ok(Self {
            to_q: Linear::load(&parameters.child("to_q"), width, width)?,
            to_k: Linear::load(&parameters.child("to_k"), width, width)?,
            to_v: Linear::load(&parameters.child("to_v"), width, width)?,
            to_out: Linear::load(&parameters.child("to_out.0"), width, width)?,
            heads: 1,
            in_8_bits: false,
        })
    }

    /// `x` `[n, t, width]` attends to itself; the result is added to `residual`.
    pub(crate) fn forward_onto(&self, x: Tensor<3>, residual: Tensor<3>) -> Tensor<3> {
        self.to_out.forward_onto(self.attended_alone(x), residual)
    }

    /// Like [`Self::forward_onto`], added to nothing.
    pub(crate) fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        self.to_out.forward(self.attended_alone(x))
    }

    fn attended_alone(&self, x: Tensor<3>) -> Tensor<3> {
        let query = self.to_q.forward(x.clone());
        let (key, value) = self.keys_of(x);
        let options = AttentionOptions { heads: self.heads, is_causal: false, in_8_bits: self.in_8_bits };
        attention_with(query, key, value, options)
    }

    /// Keys and values of `context` `[n, s, context]`.
    pub(crate) fn keys_of(&self, context: Tensor<3>) -> KeysAndValues {
        (self.to_k.forward(context.clone()), self.to_v.forward(context))
    }

    /// `x` `[n, t, width]` attends to what has these keys and values, and to each of `others` apart (Ye et al. 2023,
    /// "IP-Adapter"); the result is added to `residual`.
    pub(crate) fn forward_beside(
        &self,
        x: Tensor<3>,
        keys: KeysAndValues,
        others: Vec<OtherAttention>,
        residual: Tensor<3>,
    ) -> Tensor<3> {
        self.to_out.forward_onto(self.attended(x, keys, others), residual)
    }

    /// Like [`Self::forward_beside`], added to nothing.
    pub(crate) fn forward_to(&self, x: Tensor<3>, keys: KeysAndValues, others: Vec<OtherAttention>) -> Tensor<3> {
        self.to_out.forward(self.attended(x, keys, others))
    }

    /// What goes through the last layer.
    fn attended(&self, x: Tensor<3>, (key, value): KeysAndValues, others: Vec<OtherAttention>) -> Tensor<3> {
        let query = self.to_q.forward(x);
        let attended = heads_attention(query.clone(), key, value, self.heads, false);
        others.into_iter().fold(attended, |attended, OtherAttention { key, value, scale }| {
            attended + heads_attention(query.clone(), key, value, self.heads, false) * scale
        })
    }
}
