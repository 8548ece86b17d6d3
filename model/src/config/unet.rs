//! `unet/config.json`.

use std::path::Path;

use serde_json::{Value, json};

use super::fields::ConfigFields;
use crate::error::Result;

/// What a level of the UNet is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UNetBlock {
    /// `DownBlock2D`, `UpBlock2D`: residual blocks.
    Plain,
    /// `CrossAttnDownBlock2D`, `CrossAttnUpBlock2D`: residual blocks, each followed by a transformer.
    CrossAttention,
}

const DOWN_BLOCKS: [(&str, UNetBlock); 2] =
    [("DownBlock2D", UNetBlock::Plain), ("CrossAttnDownBlock2D", UNetBlock::CrossAttention)];
const UP_BLOCKS: [(&str, UNetBlock); 2] =
    [("UpBlock2D", UNetBlock::Plain), ("CrossAttnUpBlock2D", UNetBlock::CrossAttention)];

/// An SDXL-family UNet (diffusers `UNet2DConditionModel` with `addition_embed_type: text_time`).
#[derive(Debug, Clone, PartialEq)]
pub struct UNetConfig {
    /// Channels of the latents it takes.
    pub in_channels: usize,
    /// Channels of what it predicts.
    pub out_channels: usize,
    /// Native side of the latents (images are 8 times as large).
    pub sample_size: usize,
    /// Channels of each level, finest first.
    pub block_out_channels: Vec<usize>,
    /// Kind of each level on the way down, finest first.
    pub down_block_types: Vec<UNetBlock>,
    /// Kind of each level on the way up, coarsest first.
    pub up_block_types: Vec<UNetBlock>,
    /// Residual blocks of a level on the way down; the way up has one more.
    pub layers_per_block: usize,
    /// Transformer layers after a residual block of each level, finest first; the middle has the last one's.
    pub transformer_layers_per_block: Vec<usize>,
    /// The *number* of attention heads of each level, finest first, whatever the field's name says.
    pub attention_head_dim: Vec<usize>,
    /// Width of the text context.
    pub cross_attention_dim: usize,
    /// Sinusoids for each number of sizes and crop.
    pub addition_time_embed_dim: usize,
    /// Width of pooled text and sizes together.
    pub projection_class_embeddings_input_dim: usize,
    /// Groups of the group norms.
    pub norm_num_groups: usize,
    /// Epsilon of the residual blocks' and the last group norm (the transformers' is 1e-6).
    pub norm_eps: f64,
}

impl UNetConfig {
    /// `stabilityai/stable-diffusion-xl-base-1.0`.
    pub fn sdxl_base() -> Self {
        use UNetBlock::{CrossAttention, Plain};
        Self {
            in_channels: 4,
            out_channels: 4,
            sample_size: 128,
            block_out_channels: vec![320, 640, 1280],
            down_block_types: vec![Plain, CrossAttention, CrossAttention],
            up_block_types: vec![CrossAttention, CrossAttention, Plain],
            layers_per_block: 2,
            transformer_layers_per_block: vec![1, 2, 10],
            attention_head_dim: vec![5, 10, 20],
            cross_attention_dim: 2048,
            addition_time_embed_dim: 256,
            projection_class_embeddings_input_dim: 2816,
            norm_num_groups: 32,
            norm_eps: 1e-5,
        }
    }

    /// `stabilityai/stable-diffusion-xl-refiner-1.0`.
    pub fn sdxl_refiner() -> Self {
        use UNetBlock::{CrossAttention, Plain};
        Self {
            block_out_channels: vec![384, 768, 1536, 1536],
            down_block_types: vec![Plain, CrossAttention, CrossAttention, Plain],
            up_block_types: vec![Plain, CrossAttention, CrossAttention, Plain],
            transformer_layers_per_block: vec![4; 4],
            attention_head_dim: vec![6, 12, 24, 24],
            cross_attention_dim: 1280,
            projection_class_embeddings_input_dim: 2560,
            ..Self::sdxl_base()
        }
    }

    /// Whether `level` (0 is the finest) has transformers on the way down.
    pub fn down_has_attention(&self, level: usize) -> bool {
        self.down_block_types[level] == UNetBlock::CrossAttention
    }

    /// Whether up block `index` (0 is the coarsest) has transformers.
    pub fn up_has_attention(&self, index: usize) -> bool {
        self.up_block_types[index] == UNetBlock::CrossAttention
    }

    /// Attention heads at `level` (0 is the finest).
    pub fn heads(&self, level: usize) -> usize {
        self.attention_head_dim[level]
    }

    /// Layers of a transformer at `level` (0 is the finest).
    pub fn transformer_depth(&self, level: usize) -> usize {
        self.transformer_layers_per_block[level]
    }

    /// Transformer blocks at `level` (0 is the finest) on both ways, the middle's among the last level's.
    pub fn transformer_blocks(&self, level: usize) -> usize {
        let levels = self.block_out_channels.len();
        let down = if self.down_has_attention(level) { self.layers_per_block } else { 0 };
        let up = if self.up_has_attention(levels - 1 - level) { self.layers_per_block + 1 } else { 0 };
        (down + up + usize::from(level + 1 == levels)) * self.transformer_depth(level)
    }

    /// Reads the JSON `text` of `file`.
    ///
    /// # Errors
    /// [`crate::Error::Config`] naming the file and the field.
    pub fn from_json(text: &str, file: &Path) -> Result<Self> {
        let fields = ConfigFields::parse(text, file)?;
        fields.require_fixed(&fixed())?;
        let block_out_channels = fields.counts("block_out_channels", 2..=8, 2..=16_384)?;
        let blocks = block_out_channels.len();
        let config = Self {
            in_channels: fields.count_or("in_channels", 4, 1..=64)?,
            out_channels: fields.count_or("out_channels", 4, 1..=64)?,
            sample_size: fields.side_or("sample_size", 128, 1..=2048)?,
            down_block_types: fields.choices("down_block_types", blocks, &DOWN_BLOCKS)?,
            up_block_types: fields.choices("up_block_types", blocks, &UP_BLOCKS)?,
            layers_per_block: fields.count_or("layers_per_block", 2, 1..=8)?,
            transformer_layers_per_block: fields.count_per_block("transformer_layers_per_block", 1, blocks, 1..=64)?,
            attention_head_dim: fields.count_per_block("attention_head_dim", 8, blocks, 1..=1024)?,
            cross_attention_dim: fields.count_or("cross_attention_dim", 1280, 1..=16_384)?,
            addition_time_embed_dim: fields.count("addition_time_embed_dim", 2..=4096)?,
            projection_class_embeddings_input_dim: fields.count("projection_class_embeddings_input_dim", 1..=65_536)?,
            norm_num_groups: fields.count_or("norm_num_groups", 32, 1..=1024)?,
            norm_eps: fields.positive_or("norm_eps", 1e-5, 1.0)?,
            block_out_channels,
        };
        config.check(&fields)?;
        Ok(config)
    }

    fn check(&self, fields: &ConfigFields) -> Result<()> {
        let levels = self.block_out_channels.len();
        for (level, &channels) in self.block_out_channels.iter().enumerate() {
            if !channels.is_multiple_of(self.norm_num_groups) {
                let message = format!(
                    "is {}, which does not divide the {channels} channels of level {level}",
                    self.norm_num_groups
                );
                return Err(fields.fault("norm_num_groups", message));
            }
            // The last level's transformer is also the middle's.
            let attends =
                level + 1 == levels || self.down_has_attention(level) || self.up_has_attention(levels - 1 - level);
            if attends && !channels.is_multiple_of(self.heads(level)) {
                let message =
                    format!("is {}, which does not divide the {channels} channels of level {level}", self.heads(level));
                return Err(fields.fault("attention_head_dim", message));
            }
        }
        // Sinusoids come in pairs of sine and cosine.
        if !self.block_out_channels[0].is_multiple_of(2) {
            return Err(fields.fault("block_out_channels", "must begin with an even number"));
        }
        if !self.addition_time_embed_dim.is_multiple_of(2) {
            return Err(fields.fault("addition_time_embed_dim", "must be even"));
        }
        Ok(())
    }

    /// The content of `config.json`, as diffusers reads it.
    pub fn to_json(&self) -> Value {
        let down: Vec<_> = (0..self.down_block_types.len())
            .map(|level| DOWN_BLOCKS[usize::from(self.down_has_attention(level))].0)
            .collect();
        let up: Vec<_> = (0..self.up_block_types.len())
            .map(|index| UP_BLOCKS[usize::from(self.up_has_attention(index))].0)
            .collect();
        let mut config = json!({
            "_class_name": "UNet2DConditionModel",
            "_diffusers_version": "0.42.0",
            "addition_time_embed_dim": self.addition_time_embed_dim,
            "attention_head_dim": self.attention_head_dim,
            "block_out_channels": self.block_out_channels,
            "cross_attention_dim": self.cross_attention_dim,
            "down_block_types": down,
            "in_channels": self.in_channels,
            "layers_per_block": self.layers_per_block,
            "norm_eps": self.norm_eps,
            "norm_num_groups": self.norm_num_groups,
            "out_channels": self.out_channels,
            "projection_class_embeddings_input_dim": self.projection_class_embeddings_input_dim,
            "sample_size": self.sample_size,
            "transformer_layers_per_block": self.transformer_layers_per_block,
            "up_block_types": up,
        });
        for (field, value) in fixed() {
            config[field] = value;
        }
        config
    }
}

/// The settings of `UNet2DConditionModel` that are the same in every SDXL model.
fn fixed() -> Vec<(&'static str, Value)> {
    vec![
        ("act_fn", json!("silu")),
        ("addition_embed_type", json!("text_time")),
        ("attention_type", json!("default")),
        ("center_input_sample", json!(false)),
        ("class_embed_type", Value::Null),
        ("class_embeddings_concat", json!(false)),
        ("conv_in_kernel", json!(3)),
        ("conv_out_kernel", json!(3)),
        ("cross_attention_norm", Value::Null),
        ("downsample_padding", json!(1)),
        ("dual_cross_attention", json!(false)),
        ("encoder_hid_dim", Value::Null),
        ("encoder_hid_dim_type", Value::Null),
        ("flip_sin_to_cos", json!(true)),
        ("freq_shift", json!(0)),
        ("mid_block_scale_factor", json!(1)),
        ("mid_block_type", json!("UNetMidBlock2DCrossAttn")),
        ("num_attention_heads", Value::Null),
        ("num_class_embeds", Value::Null),
        ("only_cross_attention", json!(false)),
        ("resnet_out_scale_factor", json!(1.0)),
        ("resnet_skip_time_act", json!(false)),
        ("resnet_time_scale_shift", json!("default")),
        ("reverse_transformer_layers_per_block", Value::Null),
        ("time_cond_proj_dim", Value::Null),
        ("time_embedding_act_fn", Value::Null),
        ("time_embedding_dim", Value::Null),
        ("time_embedding_type", json!("positional")),
        ("timestep_post_act", Value::Null),
        ("use_linear_projection", json!(true)),
    ]
}
