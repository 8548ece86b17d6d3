//! `config.json` of a ControlNet.

use std::path::Path;

use serde_json::{Value, json};

use super::UNetConfig;
use super::fields::ConfigFields;
use super::unet::UNetBlock;
use crate::error::{Error, Result};

/// A ControlNet for SDXL (diffusers `ControlNetModel`, `ControlNetUnionModel`).
#[derive(Debug, Clone, PartialEq)]
pub struct ControlNetConfig {
    /// The UNet that its way down and its middle are like. What is small about small ones is here: levels without
    /// transformers, and a transformer of no layers in the middle.
    pub unet: UNetConfig,
    /// Channels of the control image.
    pub conditioning_channels: usize,
    /// Channels of the layers that bring the control image to the latents' size, finest first: each but the last halves it.
    pub conditioning_embedding_out_channels: Vec<usize>,
    /// What a union of several ControlNets has beside that.
    pub union: Option<UnionConfig>,
}

/// What tells the kinds of control image of a union apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnionConfig {
    /// How many kinds there are.
    pub num_control_type: usize,
    /// Width of the transformer over the images.
    pub num_trans_channel: usize,
    /// Its layers.
    pub num_trans_layer: usize,
}

/// Halvings between an image and its latents.
const HALVINGS: usize = 3;
const DOWN_BLOCKS: [(&str, UNetBlock); 2] =
    [("DownBlock2D", UNetBlock::Plain), ("CrossAttnDownBlock2D", UNetBlock::CrossAttention)];

impl ControlNetConfig {
    /// Reads the JSON `text` of `file`.
    ///
    /// # Errors
    /// [`Error::Config`] naming the file and the field, or saying that it is of a ControlNet for another model.
    pub fn from_json(text: &str, file: &Path) -> Result<Self> {
        let fields = ConfigFields::parse(text, file)?;
        let classes = [
            ("ControlNetModel", false),
            ("ControlNetUnionModel", true),
            // As the union's makers call it.
            ("ControlNetModel_Union", true),
        ];
        let is_union = fields.choice_or("_class_name", false, &classes)?;
        let context = fields.count_or("cross_attention_dim", 1280, 1..=16_384)?;
        let other = fields.choice_or("addition_embed_type", "none", &[("text_time", "")])?;
        if other == "none" {
            let message = match context {
                768 => "is of a ControlNet for Stable Diffusion 1: get the one for SDXL",
                1024 => "is of a ControlNet for Stable Diffusion 2: get the one for SDXL",
                _ => {
                    "has no `addition_embed_type`, so it is of a ControlNet for another model than SDXL: get the one for SDXL"
                }
            };
            return Err(Error::Config { file: file.to_owned(), message: message.to_owned() });
        }
        fields.require_fixed(&fixed())?;
        let block_out_channels = fields.counts("block_out_channels", 2..=8, 2..=16_384)?;
        let blocks = block_out_channels.len();
        let unet = UNetConfig {
            in_channels: fields.count_or("in_channels", 4, 1..=64)?,
            down_block_types: fields.choices("down_block_types", blocks, &DOWN_BLOCKS)?,
            up_block_types: vec![UNetBlock::Plain; blocks],
            layers_per_block: fields.count_or("layers_per_block", 2, 1..=8)?,
            transformer_layers_per_block: fields.count_per_block("transformer_layers_per_block", 1, blocks, 0..=64)?,
            attention_head_dim: fields.count_per_block("attention_head_dim", 8, blocks, 1..=1024)?,
            cross_attention_dim: context,
            addition_time_embed_dim: fields.count("addition_time_embed_dim", 2..=4096)?,
            projection_class_embeddings_input_dim: fields.count("projection_class_embeddings_input_dim", 1..=65_536)?,
            norm_num_groups: fields.count_or("norm_num_groups", 32, 1..=1024)?,
            norm_eps: fields.positive_or("norm_eps", 1e-5, 1.0)?,
            block_out_channels,
            ..UNetConfig::sdxl_base()
        };
        let hints = fields.counts_or(
            "conditioning_embedding_out_channels",
            if is_union { &[48, 96, 192, 384] } else { &[16, 32, 96, 256] },
            1 + HALVINGS..=1 + HALVINGS,
            1..=4096,
        )?;
        let first = unet.block_out_channels[0];
        let union = is_union
            .then(|| {
                let width = fields.count_or("num_trans_channel", first, 1..=16_384)?;
                // The image's mean colour in the first layer's channels is what the transformer reads, and what comes out of it
                // is added to these channels.
                for field in ["num_trans_channel", "num_proj_channel"] {
                    let found = fields.count_or(field, first, 1..=16_384)?;
                    if found != first {
                        let message = format!("is {found}, and has to be {first}, the first of `block_out_channels`");
                        return Err(fields.fault(field, message));
                    }
                }
                Ok(UnionConfig {
                    num_control_type: fields.count_or("num_control_type", 6, 1..=64)?,
                    num_trans_channel: width,
                    num_trans_layer: fields.count_or("num_trans_layer", 1, 0..=64)?,
                })
            })
            .transpose()?;
        let config = Self {
            unet,
            conditioning_channels: fields.count_or("conditioning_channels", 3, 3..=3)?,
            conditioning_embedding_out_channels: hints,
            union,
        };
        config.check(file)?;
        Ok(config)
    }

    /// Checks what the numbers must agree on.
    ///
    /// # Errors
    /// [`Error::Config`] for `file`.
    pub(crate) fn check(&self, file: &Path) -> Result<()> {
        let fault = |message: String| Err(Error::Config { file: file.to_owned(), message });
        let unet = &self.unet;
        for (level, &channels) in unet.block_out_channels.iter().enumerate() {
            if !channels.is_multiple_of(unet.norm_num_groups) {
                let groups = unet.norm_num_groups;
                return fault(format!(
                    "`norm_num_groups` is {groups}, which does not divide the {channels} channels of level {level}"
                ));
            }
            if !channels.is_multiple_of(unet.heads(level)) {
                let heads = unet.heads(level);
                return fault(format!(
                    "`attention_head_dim` is {heads}, which does not divide the {channels} channels of level {level}"
                ));
            }
        }
        if !unet.block_out_channels[0].is_multiple_of(2) || !unet.addition_time_embed_dim.is_multiple_of(2) {
            return fault(
                "`block_out_channels` has to begin with an even number, and `addition_time_embed_dim` to be one".into(),
            );
        }
        if unet.in_channels != 4 {
            return fault(format!(
                "`in_channels` is {}: only ControlNets for SDXL's latents of 4 channels are supported",
                unet.in_channels
            ));
        }
        Ok(())
    }

    /// Why it cannot steer a UNet like `unet`, if it cannot.
    pub(crate) fn misfit(&self, unet: &UNetConfig) -> Option<String> {
        let own = &self.unet;
        [
            ("block_out_channels", format!("{:?}", own.block_out_channels), format!("{:?}", unet.block_out_channels)),
            ("layers_per_block", own.layers_per_block.to_string(), unet.layers_per_block.to_string()),
            ("cross_attention_dim", own.cross_attention_dim.to_string(), unet.cross_attention_dim.to_string()),
            (
                "projection_class_embeddings_input_dim",
                own.projection_class_embeddings_input_dim.to_string(),
                unet.projection_class_embeddings_input_dim.to_string(),
            ),
        ]
        .into_iter()
        .find(|(_, own, unet)| own != unet)
        .map(|(field, own, unet)| format!("its `{field}` is {own}, and the model's is {unet}"))
    }
}

/// The settings of ControlNets that are the same in every one for SDXL.
fn fixed() -> Vec<(&'static str, Value)> {
    vec![
        ("act_fn", json!("silu")),
        ("class_embed_type", Value::Null),
        ("controlnet_conditioning_channel_order", json!("rgb")),
        ("downsample_padding", json!(1)),
        ("encoder_hid_dim", Value::Null),
        ("encoder_hid_dim_type", Value::Null),
        ("flip_sin_to_cos", json!(true)),
        ("freq_shift", json!(0)),
        ("global_pool_conditions", json!(false)),
        ("mid_block_scale_factor", json!(1)),
        ("mid_block_type", json!("UNetMidBlock2DCrossAttn")),
        ("num_attention_heads", Value::Null),
        ("num_class_embeds", Value::Null),
        ("only_cross_attention", json!(false)),
        ("resnet_time_scale_shift", json!("default")),
        ("use_linear_projection", json!(true)),
    ]
}
