//! The original layout of SDXL checkpoints (Stability's `generative-models`): what the tensors that diffusers names
//! are called there, and how they are stored.

use crate::config::UNetConfig;

/// How a tensor of the original layout becomes the one that diffusers has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transform {
    /// It is the same.
    Same,
    /// A 1×1 convolution `[out, in, 1, 1]` becomes a linear layer `[out, in]`.
    Pointwise,
    /// Queries, keys and values are stored as one, in this order; this is the part of the index, 0 to 2.
    Third(usize),
    /// Rows and columns are exchanged.
    Transposed,
}

impl Transform {
    /// The shape in the original layout of a tensor that has `shape` in diffusers.
    pub fn original_shape(self, shape: &[usize]) -> Vec<usize> {
        let mut shape = shape.to_vec();
        match self {
            Self::Same => {}
            Self::Pointwise => shape.extend([1, 1]),
            Self::Third(_) => shape[0] *= 3,
            Self::Transposed => shape.reverse(),
        }
        shape
    }
}

/// The original name of a UNet's tensor, without the prefix `model.diffusion_model.`.
pub fn unet_name(name: &str, config: &UNetConfig) -> String {
    let parts: Vec<_> = name.split('.').collect();
    // Blocks are counted through, each level with its layers and its change of size.
    let stride = config.layers_per_block + 1;
    let number = |text: &str| text.parse::<usize>().unwrap_or_default();
    match parts.as_slice() {
        ["conv_in", end] => format!("input_blocks.0.0.{end}"),
        ["time_embedding", linear, end] => format!("time_embed.{}.{end}", embedding_layer(linear)),
        ["add_embedding", linear, end] => format!("label_emb.0.{}.{end}", embedding_layer(linear)),
        ["conv_norm_out", end] => format!("out.0.{end}"),
        ["conv_out", end] => format!("out.2.{end}"),
        ["down_blocks", level, "downsamplers", _, _, end] => {
            format!("input_blocks.{}.0.op.{end}", (number(level) + 1) * stride)
        }
        ["down_blocks", level, kind, layer, rest @ ..] => {
            format!("input_blocks.{}.{}", number(level) * stride + number(layer) + 1, layer_name(kind, rest))
        }
        ["mid_block", "attentions", _, rest @ ..] => format!("middle_block.1.{}", rest.join(".")),
        ["mid_block", "resnets", layer, rest @ ..] => {
            format!("middle_block.{}.{}", 2 * number(layer), resnet_name(rest))
        }
        ["up_blocks", index, "upsamplers", _, _, end] => {
            let place = if config.up_has_attention(number(index)) { 2 } else { 1 };
            format!("output_blocks.{}.{place}.conv.{end}", number(index) * stride + config.layers_per_block)
        }
        ["up_blocks", index, kind, layer, rest @ ..] => {
            format!("output_blocks.{}.{}", number(index) * stride + number(layer), layer_name(kind, rest))
        }
        _ => name.to_owned(),
    }
}

fn embedding_layer(name: &str) -> &'static str {
    if name == "linear_1" { "0" } else { "2" }
}

fn layer_name(kind: &str, rest: &[&str]) -> String {
    if kind == "attentions" { format!("1.{}", rest.join(".")) } else { format!("0.{}", resnet_name(rest)) }
}

fn resnet_name(rest: &[&str]) -> String {
    let (layer, end) = rest.split_first().unwrap_or((&"", &[]));
    let layer = match *layer {
        "norm1" => "in_layers.0",
        "conv1" => "in_layers.2",
        "time_emb_proj" => "emb_layers.1",
        "norm2" => "out_layers.0",
        "conv2" => "out_layers.3",
        "conv_shortcut" => "skip_connection",
        other => other,
    };
    format!("{layer}.{}", end.join("."))
}

/// The original name of a VAE's tensor, without the prefix `first_stage_model.`, and how it is stored there.
/// `levels` is the number of levels, which the decoder counts from the other end.
pub fn vae_name(name: &str, levels: usize) -> (String, Transform) {
    let parts: Vec<_> = name.split('.').collect();
    let number = |text: &str| text.parse::<usize>().unwrap_or_default();
    let resnet = |rest: &[&str]| rest.join(".").replace("conv_shortcut", "nin_shortcut");
    let same = match parts.as_slice() {
        ["encoder", "down_blocks", level, "resnets", layer, rest @ ..] => {
            format!("encoder.down.{level}.block.{layer}.{}", resnet(rest))
        }
        ["encoder", "down_blocks", level, "downsamplers", _, rest @ ..] => {
            format!("encoder.down.{level}.downsample.{}", rest.join("."))
        }
        ["decoder", "up_blocks", index, kind, layer, rest @ ..] => {
            let level = levels.saturating_sub(1 + number(index));
            match *kind {
                "resnets" => format!("decoder.up.{level}.block.{layer}.{}", resnet(rest)),
                _ => format!("decoder.up.{level}.upsample.{}", rest.join(".")),
            }
        }
        [side, "mid_block", "resnets", layer, rest @ ..] => {
            format!("{side}.mid.block_{}.{}", number(layer) + 1, rest.join("."))
        }
        [side, "mid_block", "attentions", _, "group_norm", end] => format!("{side}.mid.attn_1.norm.{end}"),
        [side, "mid_block", "attentions", _, part, .., end] => {
            let part = match *part {
                "to_q" => "q",
                "to_k" => "k",
                "to_v" => "v",
                _ => "proj_out",
            };
            let transform = if *end == "weight" { Transform::Pointwise } else { Transform::Same };
            return (format!("{side}.mid.attn_1.{part}.{end}"), transform);
        }
        [side, "conv_norm_out", end] => format!("{side}.norm_out.{end}"),
        _ => name.to_owned(),
    };
    (same, Transform::Same)
}

/// The name in OpenCLIP of a text encoder's tensor, and how it is stored there.
pub fn open_clip_name(name: &str) -> (String, Transform) {
    let parts: Vec<_> = name.split('.').collect();
    let same = match parts.as_slice() {
        ["text_model", "embeddings", "token_embedding", _] => "token_embedding.weight".to_owned(),
        ["text_model", "embeddings", "position_embedding", _] => "positional_embedding".to_owned(),
        ["text_model", "final_layer_norm", end] => format!("ln_final.{end}"),
        ["text_projection", _] => return ("text_projection".to_owned(), Transform::Transposed),
        ["text_model", "encoder", "layers", layer, rest @ ..] => {
            let block = format!("transformer.resblocks.{layer}");
            match rest {
                ["self_attn", "out_proj", end] => format!("{block}.attn.out_proj.{end}"),
                ["self_attn", part, end] => {
                    let index = ["q_proj", "k_proj", "v_proj"].iter().position(|name| name == part);
                    let third = Transform::Third(index.unwrap_or_default());
                    return (format!("{block}.attn.in_proj_{end}"), third);
                }
                ["layer_norm1", end] => format!("{block}.ln_1.{end}"),
                ["layer_norm2", end] => format!("{block}.ln_2.{end}"),
                ["mlp", "fc1", end] => format!("{block}.mlp.c_fc.{end}"),
                ["mlp", "fc2", end] => format!("{block}.mlp.c_proj.{end}"),
                _ => format!("{block}.{}", rest.join(".")),
            }
        }
        _ => name.to_owned(),
    };
    (same, Transform::Same)
}
