//! What a single file's tensors tell of a ControlNet, and what a file is that is none.

use std::collections::BTreeMap;

use super::layout::Layout;
use super::names::original_name;
use crate::config::{ControlNetConfig, T2iAdapterConfig, UNetBlock, UNetConfig, UnionConfig};
use crate::error::{Error, Result};
use crate::weights::other_model::kind;
use crate::weights::{SafetensorsFile, TensorEntry};

/// What names may begin with.
const PREFIXES: [&str; 4] = ["", "control_model.", "controlnet.", "module."];
/// Width of an attention head in every SDXL.
const HEAD: usize = 64;

/// The configuration of the ControlNet in `file`, and the layout of its names.
///
/// # Errors
/// [`Error::Weights`] saying what the file is instead.
pub(super) fn inferred(file: &SafetensorsFile) -> Result<(ControlNetConfig, Layout)> {
    let tensors = &file.header().tensors;
    let refused = |message: String| Error::Weights { file: file.path().to_owned(), tensor: None, message };
    if let Some(message) = special_kind(tensors) {
        return Err(refused(message.to_owned()));
    }
    let has = |prefix: &str, name: &str| tensors.contains_key(&format!("{prefix}{name}"));
    let layout = PREFIXES.into_iter().find_map(|prefix| {
        if has(prefix, "controlnet_cond_embedding.conv_in.weight") {
            Some(Layout::Diffusers(prefix))
        } else if has(prefix, "input_hint_block.0.weight") && has(prefix, "zero_convs.0.0.weight") {
            Some(Layout::Original(prefix))
        } else {
            None
        }
    });
    let layout = layout.ok_or_else(|| {
        let found = kind(tensors).unwrap_or("of none of the kinds that Easel knows");
        refused(format!("is {found}, and no ControlNet"))
    })?;
    let shapes = Shapes { tensors, layout, usual: usual() };
    let context = shapes.context();
    let added = shapes.axis("add_embedding.linear_1.weight", 1);
    let (Some(added), None | Some(2048 | 1..=512)) = (added, context) else {
        let family = match context {
            Some(768) => "Stable Diffusion 1",
            Some(1024) => "Stable Diffusion 2",
            _ => "another model than SDXL",
        };
        return Err(refused(format!("is a ControlNet for {family}: get the one for SDXL")));
    };
    let config = shapes.config(added, context).ok_or_else(|| {
        refused(
            "is a ControlNet whose tensors do not go together: get the file again, or name its diffusers folder".into(),
        )
    })?;
    config.check(file.path())?;
    Ok((config, layout))
}

/// The configuration of the T2I-Adapter in `file`; none if it is something else.
///
/// # Errors
/// [`Error::Weights`] if it is one for another model.
pub(super) fn inferred_adapter(file: &SafetensorsFile) -> Result<Option<T2iAdapterConfig>> {
    let tensors = &file.header().tensors;
    let shape = |name: &str| tensors.get(name).map(|entry| entry.shape.as_slice());
    let Some(first) = shape("adapter.conv_in.weight") else { return Ok(None) };
    let refused =
        |message: &str| Error::Weights { file: file.path().to_owned(), tensor: None, message: message.to_owned() };
    // SDXL's begin with squares of 16×16 pixels in three colours, others with smaller ones.
    if first.get(1) != Some(&(3 * 16 * 16)) {
        return Err(refused("is a T2I-Adapter for another model than SDXL: get the one for SDXL"));
    }
    let block = |level: usize, block: usize| shape(&format!("adapter.body.{level}.resnets.{block}.block1.weight"));
    let channels = (0..4).map(|level| block(level, 0)?.first().copied().filter(|count| (1..=16_384).contains(count)));
    let channels = channels.collect::<Option<Vec<_>>>();
    let channels =
        channels.ok_or_else(|| refused("is a T2I-Adapter whose tensors do not go together: get the file again"))?;
    let num_res_blocks = (0..16).take_while(|&number| block(0, number).is_some()).count();
    Ok(Some(T2iAdapterConfig { channels, num_res_blocks, downscale_factor: 16 }))
}

/// What steers a model by control images and is none of the networks that are read.
fn special_kind(tensors: &BTreeMap<String, TensorEntry>) -> Option<&'static str> {
    let begins = |part: &str| tensors.keys().any(|name| name.starts_with(part));
    if tensors.contains_key("lora_controlnet") {
        Some("is a Control-LoRA, which is not supported: get the whole ControlNet for SDXL")
    } else if begins("lllite_") {
        Some("is a ControlNet-LLLite, which is not supported: get the whole ControlNet for SDXL")
    } else if begins("conv_first.") || begins("model.0.weight") || begins("params_ema") || begins("model.1.sub.") {
        Some("is an upscaler, and no ControlNet: give it with --upscale")
    } else {
        None
    }
}

/// SDXL's own, for names in the original layout.
fn usual() -> ControlNetConfig {
    ControlNetConfig {
        unet: UNetConfig::sdxl_base(),
        conditioning_channels: 3,
        conditioning_embedding_out_channels: vec![16, 32, 96, 256],
        union: None,
    }
}

/// The shapes of a file's tensors by the names that diffusers has for them.
struct Shapes<'a> {
    tensors: &'a BTreeMap<String, TensorEntry>,
    layout: Layout,
    usual: ControlNetConfig,
}

impl Shapes<'_> {
    fn of(&self, name: &str) -> Option<&[usize]> {
        let name = match self.layout {
            Layout::Diffusers(prefix) => format!("{prefix}{name}"),
            Layout::Original(prefix) => format!("{prefix}{}", original_name(name, &self.usual)),
        };
        self.tensors.get(&name).map(|entry| entry.shape.as_slice())
    }

    fn axis(&self, name: &str, axis: usize) -> Option<usize> {
        self.of(name)?.get(axis).copied().filter(|length| (1..=65_536).contains(length))
    }

    /// How many of `name`, with a number in the place of `#`, there are, `most` at most.
    fn count(&self, name: &str, most: usize) -> usize {
        (0..most).take_while(|index| self.of(&name.replace('#', &index.to_string())).is_some()).count()
    }

    /// Width of the text, if a transformer reads it.
    fn context(&self) -> Option<usize> {
        let is_key = |name: &&String| name.ends_with("attn2.to_k.weight");
        let key = self.tensors.keys().find(is_key)?;
        self.tensors[key].shape.get(1).copied()
    }

    fn config(&self, added: usize, context: Option<usize>) -> Option<ControlNetConfig> {
        let levels = self.count("down_blocks.#.resnets.0.conv1.weight", 8);
        let channels: Vec<usize> = (0..levels)
            .map(|level| self.axis(&format!("down_blocks.{level}.resnets.0.conv1.weight"), 0))
            .collect::<Option<_>>()?;
        if channels.len() < 2 || channels.iter().any(|channels| *channels > 16_384) {
            return None;
        }
        let depth = |level: usize| {
            let name = format!("down_blocks.{level}.attentions.0.transformer_blocks.#.norm1.weight");
            self.count(&name, 64)
        };
        let attends = |level: usize| self.of(&format!("down_blocks.{level}.attentions.0.norm.weight")).is_some();
        let middle = self.count("mid_block.attentions.0.transformer_blocks.#.norm1.weight", 64);
        let mut depths: Vec<usize> = (0..levels).map(depth).collect();
        // The middle's is the last level's; where that level has none, its number is the middle's alone.
        if !attends(levels - 1) {
            depths[levels - 1] = middle;
        }
        let block = |level: usize| if attends(level) { UNetBlock::CrossAttention } else { UNetBlock::Plain };
        let mut unet = UNetConfig {
            in_channels: self.axis("conv_in.weight", 1)?,
            down_block_types: (0..levels).map(block).collect(),
            up_block_types: vec![UNetBlock::Plain; levels],
            layers_per_block: self.count("down_blocks.0.resnets.#.conv1.weight", 8),
            transformer_layers_per_block: depths,
            attention_head_dim: channels.iter().map(|channels| (channels / HEAD).max(1)).collect(),
            cross_attention_dim: context.unwrap_or(2048),
            projection_class_embeddings_input_dim: added,
            norm_num_groups: if channels.iter().all(|channels| channels.is_multiple_of(32)) { 32 } else { 1 },
            block_out_channels: channels,
            ..UNetConfig::sdxl_base()
        };
        let mut hints = vec![self.axis("controlnet_cond_embedding.conv_in.weight", 0)?];
        for block in [1, 3, 5] {
            hints.push(self.axis(&format!("controlnet_cond_embedding.blocks.{block}.weight"), 0)?);
        }
        let union = match self.of("task_embedding") {
            Some(&[kinds, width]) if (1..=64).contains(&kinds) && width == unet.block_out_channels[0] => {
                let layers = self.count("transformer_layes.#.ln_1.weight", 64);
                Some(UnionConfig { num_control_type: kinds, num_trans_channel: width, num_trans_layer: layers })
            }
            Some(_) => return None,
            None => None,
        };
        if let Some(union) = &union {
            // Every kind is a number, and so as many sinusoids as each size is.
            let width = self.axis("control_add_embedding.linear_1.weight", 1)?;
            unet.addition_time_embed_dim = Some(width / union.num_control_type).filter(|width| *width > 1)?;
        }
        let fits = unet.layers_per_block > 0 && hints.iter().all(|channels| *channels <= 4096);
        fits.then_some(ControlNetConfig {
            unet,
            conditioning_channels: 3,
            conditioning_embedding_out_channels: hints,
            union,
        })
    }
}
