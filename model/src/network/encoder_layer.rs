//! A layer of CLIP's encoders of texts and of images (transformers `CLIPEncoderLayer`).

use burn::tensor::Tensor;

use crate::config::HiddenAct;
use crate::error::Result;
use crate::network::layers::{LayerNorm, Linear, heads_attention, heads_attention_ignoring};
use crate::network::parameters::Parameters;
use crate::ops::Activation;

/// The sizes of an [`EncoderLayer`].
pub(super) struct EncoderLayerShape {
    pub(super) width: usize,
    pub(super) inner: usize,
    pub(super) heads: usize,
    pub(super) activation: HiddenAct,
    pub(super) epsilon: f64,
}

/// What each place attends to.
#[derive(Clone, Copy)]
pub(super) enum Attend<'a> {
    /// Every place.
    Everywhere,
    /// Itself and the places before it, but for these.
    Before(&'a [usize]),
}

/// Self-attention and a feed-forward, each behind a norm.
pub(super) struct EncoderLayer {
    layer_norm1: LayerNorm,
    q_proj: Linear,
    k_proj: Linear,
    v_proj: Linear,
    out_proj: Linear,
    layer_norm2: LayerNorm,
    fc1: Linear,
    fc2: Linear,
    heads: usize,
}

impl EncoderLayer {
    pub(super) fn load(parameters: &Parameters, shape: &EncoderLayerShape) -> Result<Self> {
        let &EncoderLayerShape { width, inner, heads, activation, epsilon } = shape;
        let projection = |name| Linear::load(&parameters.child("self_attn").child(name), width, width);
        let activation = match activation {
            HiddenAct::QuickGelu => Activation::QuickGelu,
            HiddenAct::Gelu => Activation::Gelu,
        };
        Ok(Self {
            layer_norm1: LayerNorm::load(&parameters.child("layer_norm1"), width, epsilon)?,
            q_proj: projection("q_proj")?,
            k_proj: projection("k_proj")?,
            v_proj: projection("v_proj")?,
            out_proj: projection("out_proj")?,
            layer_norm2: LayerNorm::load(&parameters.child("layer_norm2"), width, epsilon)?,
            fc1: Linear::load_with(&parameters.child("mlp.fc1"), width, inner, activation)?,
            fc2: Linear::load(&parameters.child("mlp.fc2"), inner, width)?,
            heads,
        })
    }

    /// What [`Self::forward`] makes of one place that attends to itself and all before it: `x` `[n, places, width]` →
    /// `[n, 1, width]`.
    pub(super) fn forward_at(&self, x: Tensor<3>, place: usize) -> Tensor<3> {
        let normed = self.layer_norm1.forward(x.clone().narrow(1, 0, place + 1));
        let query = self.q_proj.forward(normed.clone().narrow(1, place, 1));
        let key = self.k_proj.forward(normed.clone());
        let value = self.v_proj.forward(normed);
        let attended = heads_attention(query, key, value, self.heads, false);
        let x = self.out_proj.forward_onto(attended, x.narrow(1, place, 1));
        let inner = self.fc1.forward(self.layer_norm2.forward(x.clone()));
        self.fc2.forward_onto(inner, x)
    }

    /// `x` `[n, places, width]` → the same shape.
    pub(super) fn forward(&self, x: Tensor<3>, attend: Attend<'_>) -> Tensor<3> {
        let normed = self.layer_norm1.forward(x.clone());
        let query = self.q_proj.forward(normed.clone());
        let key = self.k_proj.forward(normed.clone());
        let value = self.v_proj.forward(normed);
        let attended = match attend {
            Attend::Everywhere => heads_attention(query, key, value, self.heads, false),
            Attend::Before([]) => heads_attention(query, key, value, self.heads, true),
            Attend::Before(ignored) => heads_attention_ignoring(query, key, value, self.heads, ignored),
        };
        let x = self.out_proj.forward_onto(attended, x);
        let inner = self.fc1.forward(self.layer_norm2.forward(x.clone()));
        self.fc2.forward_onto(inner, x)
    }
}
