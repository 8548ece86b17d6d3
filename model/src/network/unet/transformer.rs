//! Attention over the places of a feature map and over the prompt (diffusers `Transformer2DModel`).

use burn::tensor::Tensor;

use super::context::Context;
use super::kept_attention::CrossAttention;
use super::token_merging::MergedTokens;
use crate::error::Result;
use crate::network::layers::{Attention, GroupNorm, LayerNorm, Linear};
use crate::network::parameters::Parameters;
use crate::ops::Activation;

/// The transformer's group norm has its own epsilon.
const NORM_EPSILON: f64 = 1e-6;

/// A stack of transformer blocks on the rows of a feature map.
pub(super) struct SpatialTransformer {
    norm: GroupNorm,
    proj_in: Linear,
    blocks: Vec<TransformerBlock>,
    proj_out: Linear,
    /// Whether places may be merged.
    has_most_places: bool,
}

/// The sizes of a [`SpatialTransformer`].
pub(super) struct TransformerShape {
    pub(super) channels: usize,
    pub(super) heads: usize,
    pub(super) depth: usize,
    pub(super) context: usize,
    pub(super) groups: usize,
    /// Whether no transformer of the UNet has more places.
    pub(super) has_most_places: bool,
}

impl SpatialTransformer {
    pub(super) fn load(parameters: &Parameters, shape: &TransformerShape) -> Result<Self> {
        let channels = shape.channels;
        let blocks = (0..shape.depth)
            .map(|index| TransformerBlock::load(&parameters.child(format_args!("transformer_blocks.{index}")), shape))
            .collect::<Result<_>>()?;
        Ok(Self {
            norm: GroupNorm::load(&parameters.child("norm"), shape.groups, channels, NORM_EPSILON)?,
            proj_in: Linear::load(&parameters.child("proj_in"), channels, channels)?,
            blocks,
            proj_out: Linear::load(&parameters.child("proj_out"), channels, channels)?,
            has_most_places: shape.has_most_places,
        })
    }

    /// `x` `[n, h, w, c]` → `[n, h, w, c]`.
    pub(super) fn forward(&self, x: Tensor<4>, context: &Context) -> Tensor<4> {
        let [n, h, w, c] = x.dims();
        let mut rows = self.proj_in.forward(self.norm.forward(x.clone()).reshape([n, h * w, c]));
        let merging = context.merging.filter(|_| self.has_most_places);
        let merged = merging.and_then(|merging| merging.matched(&rows, (h, w)));
        for block in &self.blocks {
            rows = block.forward(rows, context, merged.as_ref());
        }
        self.proj_out.forward_onto(rows, x.reshape([n, h * w, c])).reshape([n, h, w, c])
    }
}

/// Self-attention, attention to the prompt and a gated feed-forward (diffusers `BasicTransformerBlock`).
struct TransformerBlock {
    /// By which the keys of text and image prompts are found.
    name: String,
    norm1: LayerNorm,
    attn1: Attention,
    norm2: LayerNorm,
    attn2: Attention,
    norm3: LayerNorm,
    /// GEGLU (Shazeer 2020): the first half is the value, the second its gate.
    feed_forward_in: Linear,
    feed_forward_out: Linear,
}

impl TransformerBlock {
    fn load(parameters: &Parameters, shape: &TransformerShape) -> Result<Self> {
        let (width, inner) = (shape.channels, 4 * shape.channels);
        let norm = |name| LayerNorm::load(&parameters.child(name), width, 1e-5);
        Ok(Self {
            name: parameters.path().to_owned(),
            norm1: norm("norm1")?,
            attn1: Attention::load(&parameters.child("attn1"), width, width, shape.heads)?,
            norm2: norm("norm2")?,
            attn2: Attention::load(&parameters.child("attn2"), width, shape.context, shape.heads)?,
            norm3: norm("norm3")?,
            feed_forward_in: Linear::load_with(
                &parameters.child("ff.net.0.proj"),
                width,
                2 * inner,
                Activation::GatedGelu,
            )?,
            feed_forward_out: Linear::load(&parameters.child("ff.net.2"), inner, width)?,
        })
    }

    fn forward(&self, x: Tensor<3>, context: &Context, merged: Option<&MergedTokens>) -> Tensor<3> {
        let normed = self.norm1.forward(x.clone());
        let x = match merged {
            Some(merged) => x + merged.unmerge(self.attn1.forward(merged.merge(normed))),
            None => self.attn1.forward_onto(normed, x),
        };
        let x = self.attend_to(context, x);
        let inner = self.feed_forward_in.forward(self.norm3.forward(x.clone()));
        self.feed_forward_out.forward_onto(inner, x)
    }

    /// Cross-attention, added to `x`.
    fn attend_to(&self, context: &Context, x: Tensor<3>) -> Tensor<3> {
        if let Some(kept) = context.cross_attention.of_block(&self.name) {
            return x + kept;
        }
        let images: Vec<_> = context.images.iter().filter_map(|image| image.of_block(&self.name)).collect();
        let (normed, text) = (self.norm2.forward(x.clone()), context.keys_of(&self.name, &self.attn2));
        match &context.cross_attention {
            CrossAttention::Kept(sums) => {
                let result = self.attn2.forward_to(normed, text, images);
                sums.add(&self.name, &result);
                x + result
            }
            _ => self.attn2.forward_beside(normed, text, images, x),
        }
    }
}
