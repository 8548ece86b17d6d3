//! What the places of the UNet's feature maps attend to: the prompt, and beside it image prompts.

use std::collections::HashMap;
use std::sync::Arc;

use burn::tensor::{FloatDType, Tensor};

use super::kept_attention::CrossAttention;
use super::token_merging::TokenMerging;
use crate::config::UNetConfig;
use crate::network::layers::OtherAttention;

/// What a batch of the UNet attends to.
#[derive(Clone)]
pub(crate) struct Context {
    /// The prompt's states `[n, tokens, context]`.
    pub(crate) text: Tensor<3>,
    /// The image prompts, if there are any.
    pub(crate) images: Vec<ImageContext>,
    /// Whether it is attended to at all.
    pub(super) cross_attention: CrossAttention,
    /// How many places attend to each other as one.
    pub(super) merging: Option<TokenMerging>,
}

impl Context {
    /// Of a text alone, in the format `compute`.
    pub(crate) fn of(text: &Tensor<3>, compute: FloatDType) -> Self {
        Self {
            text: text.clone().cast(compute),
            images: Vec::new(),
            cross_attention: CrossAttention::Computed,
            merging: None,
        }
    }
}

/// One image prompt as a batch attends to it.
#[derive(Clone)]
pub(crate) struct ImageContext {
    pub(crate) keys: Arc<ImageKeys>,
    /// What its share is multiplied by.
    pub(crate) scale: f32,
    /// The first of the keys' rows that belongs to the batch, and how many do.
    pub(crate) rows: (usize, usize),
}

/// Keys and values of the tokens of an image prompt, `[sides, tokens, width]` each, by the name of the transformer block; the
/// negative side first if there are two.
#[derive(Default)]
pub(crate) struct ImageKeys(pub(crate) HashMap<String, (Tensor<3>, Tensor<3>)>);

impl ImageContext {
    /// What the transformer block `name` attends to.
    pub(super) fn of_block(&self, name: &str) -> Option<OtherAttention> {
        let (key, value) = self.keys.0.get(name)?;
        let (start, count) = self.rows;
        let rows = |x: &Tensor<3>| x.clone().narrow(0, start, count);
        Some(OtherAttention { key: rows(key), value: rows(value), scale: self.scale })
    }
}

/// The transformer blocks of a UNet and their widths in the order in which diffusers numbers them: down, up, middle.
pub(crate) fn transformer_blocks(config: &UNetConfig) -> Vec<(String, usize)> {
    let levels = config.block_out_channels.len();
    let mut blocks = Vec::new();
    let mut add = |prefix: &str, layers: usize, level: usize| {
        for layer in 0..layers {
            for block in 0..config.transformer_depth(level) {
                let name = format!("{prefix}.attentions.{layer}.transformer_blocks.{block}");
                blocks.push((name, config.block_out_channels[level]));
            }
        }
    };
    for level in (0..levels).filter(|&level| config.down_has_attention(level)) {
        add(&format!("down_blocks.{level}"), config.layers_per_block, level);
    }
    for index in (0..levels).filter(|&index| config.up_has_attention(index)) {
        add(&format!("up_blocks.{index}"), config.layers_per_block + 1, levels - 1 - index);
    }
    add("mid_block", 1, levels - 1);
    blocks
}
