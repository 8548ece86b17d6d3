//! What the places of the UNet's feature maps attend to: the prompt, and beside it image prompts.

use std::collections::HashMap;
use std::sync::Arc;

use burn::tensor::{FloatDType, Tensor};
use parking_lot::Mutex;

use super::kept_attention::CrossAttention;
use super::token_merging::TokenMerging;
use crate::config::UNetConfig;
use crate::network::layers::{Attention, KeysAndValues, OtherAttention};

/// Tokens of all texts of a batch whose keys and values are kept at most: four portions, which take 100 MB in bf16. Those of
/// more take more memory than they save time.
const MOST_KEPT_TOKENS: usize = 4 * 77;

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
    /// The text's keys and values, if they are kept.
    keys: Option<TextKeys>,
}

impl Context {
    /// Of a text alone, in the format `compute`.
    pub(crate) fn of(text: &Tensor<3>, compute: FloatDType) -> Self {
        Self {
            text: text.clone().cast(compute),
            images: Vec::new(),
            cross_attention: CrossAttention::Computed,
            merging: None,
            keys: None,
        }
    }

    /// The same beside image prompts.
    pub(crate) fn with_images(self, images: Vec<ImageContext>) -> Self {
        Self { images, ..self }
    }

    /// The same with less work: with cross-attention that is kept, and places that attend to each other as one.
    pub(super) fn with_less_work(self, cross_attention: CrossAttention, merging: Option<TokenMerging>) -> Self {
        Self { cross_attention, merging, ..self }
    }

    /// The same with the text's `keys`, which are those of one network.
    pub(crate) fn with_keys(self, keys: &TextKeys) -> Self {
        let [texts, tokens, _] = self.text.dims();
        Self { keys: (texts * tokens <= MOST_KEPT_TOKENS).then(|| keys.clone()), ..self }
    }

    /// The text's keys and values in the transformer block `name`, which attends to it by `attention`.
    pub(super) fn keys_of(&self, name: &str, attention: &Attention) -> KeysAndValues {
        let make = || attention.keys_of(self.text.clone());
        match &self.keys {
            Some(keys) => keys.of_block(name, make),
            None => make(),
        }
    }
}

/// Keys and values of a text by the name of the transformer block: they are the same at every step, so they are made once.
#[derive(Clone, Default)]
pub(crate) struct TextKeys(Arc<Mutex<HashMap<String, KeysAndValues>>>);

impl TextKeys {
    /// Transformer blocks whose keys and values are there.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.0.lock().len()
    }

    fn of_block(&self, name: &str, make: impl FnOnce() -> KeysAndValues) -> KeysAndValues {
        if let Some(found) = self.0.lock().get(name) {
            return found.clone();
        }
        // Not under the lock: nobody else makes them, and a panic of the device would leave it locked.
        let made = make();
        self.0.lock().insert(name.to_owned(), made.clone());
        made
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
pub(crate) struct ImageKeys(pub(crate) HashMap<String, KeysAndValues>);

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
