//! `text_encoder/config.json` and `text_encoder_2/config.json`.

use std::path::Path;

use serde_json::{Value, json};

use super::fields::ConfigFields;
use crate::error::Result;

/// The activation inside a text encoder's feed-forward layers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HiddenAct {
    /// x · σ(1.702 x), as OpenAI trained CLIP-L.
    QuickGelu,
    /// The exact Gaussian error linear unit (erf), as OpenCLIP trained bigG.
    Gelu,
}

/// A CLIP text encoder (transformers `CLIPTextConfig`).
#[derive(Debug, Clone, PartialEq)]
pub struct TextEncoderConfig {
    /// Width of the hidden states.
    pub hidden_size: usize,
    /// Transformer layers, at least 2.
    pub num_hidden_layers: usize,
    /// Attention heads of a layer.
    pub num_attention_heads: usize,
    /// Width inside the feed-forward layers.
    pub intermediate_size: usize,
    /// Activation inside the feed-forward layers.
    pub hidden_act: HiddenAct,
    /// Epsilon of the layer norms.
    pub layer_norm_eps: f64,
    /// Words of the tokenizer's table.
    pub vocab_size: usize,
    /// Tokens of a text, start and end included.
    pub max_position_embeddings: usize,
    /// Width of the pooled embedding, where the encoder has a projection.
    pub projection_dim: usize,
    /// The id that ends a text. Official files say 2, see [`TextEncoderConfig::end_of_text_id`].
    pub eos_token_id: usize,
    /// The id that starts a text.
    pub bos_token_id: usize,
    /// The id that fills up a text.
    pub pad_token_id: usize,
}

impl TextEncoderConfig {
    /// `text_encoder` of `stabilityai/stable-diffusion-xl-base-1.0`: CLIP-L.
    pub const fn sdxl_text_encoder() -> Self {
        Self {
            hidden_size: 768,
            num_hidden_layers: 12,
            num_attention_heads: 12,
            intermediate_size: 3072,
            hidden_act: HiddenAct::QuickGelu,
            layer_norm_eps: 1e-5,
            vocab_size: 49408,
            max_position_embeddings: 77,
            projection_dim: 768,
            eos_token_id: 2,
            bos_token_id: 0,
            pad_token_id: 1,
        }
    }

    /// `text_encoder_2` of the official SDXL base and refiner: OpenCLIP bigG.
    pub const fn sdxl_text_encoder_2() -> Self {
        Self {
            hidden_size: 1280,
            num_hidden_layers: 32,
            num_attention_heads: 20,
            intermediate_size: 5120,
            hidden_act: HiddenAct::Gelu,
            layer_norm_eps: 1e-5,
            vocab_size: 49408,
            max_position_embeddings: 77,
            projection_dim: 1280,
            eos_token_id: 2,
            bos_token_id: 0,
            pad_token_id: 1,
        }
    }

    /// The id that really ends a text: files written before the id was corrected say 2, and mean the table's last
    /// word (transformers `CLIPTextTransformer.forward`).
    pub fn end_of_text_id(&self) -> usize {
        if self.eos_token_id == 2 { self.vocab_size - 1 } else { self.eos_token_id }
    }

    /// Reads the JSON `text` of `file`.
    ///
    /// # Errors
    /// [`crate::Error::Config`] naming the file and the field.
    pub fn from_json(text: &str, file: &Path) -> Result<Self> {
        let fields = ConfigFields::parse(text, file)?;
        let activations = [("quick_gelu", HiddenAct::QuickGelu), ("gelu", HiddenAct::Gelu)];
        let vocab_size = fields.count("vocab_size", 3..=1_000_000)?;
        let config = Self {
            hidden_size: fields.count("hidden_size", 1..=16_384)?,
            num_hidden_layers: fields.count("num_hidden_layers", 2..=128)?,
            num_attention_heads: fields.count("num_attention_heads", 1..=1024)?,
            intermediate_size: fields.count("intermediate_size", 1..=65_536)?,
            hidden_act: fields.choice_or("hidden_act", HiddenAct::QuickGelu, &activations)?,
            layer_norm_eps: fields.positive_or("layer_norm_eps", 1e-5, 1.0)?,
            vocab_size,
            max_position_embeddings: fields.count_or("max_position_embeddings", 77, 3..=4096)?,
            projection_dim: fields.count_or("projection_dim", 512, 1..=16_384)?,
            eos_token_id: fields.count_or("eos_token_id", 2, 0..=vocab_size - 1)?,
            bos_token_id: fields.count_or("bos_token_id", 0, 0..=vocab_size - 1)?,
            pad_token_id: fields.count_or("pad_token_id", 1, 0..=vocab_size - 1)?,
        };
        if !config.hidden_size.is_multiple_of(config.num_attention_heads) {
            return Err(fields.fault(
                "num_attention_heads",
                format_args!(
                    "is {}, which does not divide `hidden_size` {}",
                    config.num_attention_heads, config.hidden_size
                ),
            ));
        }
        Ok(config)
    }

    /// The content of `config.json`, as transformers reads it; `with_projection` for the second encoder.
    pub fn to_json(&self, with_projection: bool) -> Value {
        json!({
            "architectures": [if with_projection { "CLIPTextModelWithProjection" } else { "CLIPTextModel" }],
            "attention_dropout": 0.0,
            "bos_token_id": self.bos_token_id,
            "eos_token_id": self.eos_token_id,
            "hidden_act": match self.hidden_act {
                HiddenAct::QuickGelu => "quick_gelu",
                HiddenAct::Gelu => "gelu",
            },
            "hidden_size": self.hidden_size,
            "intermediate_size": self.intermediate_size,
            "layer_norm_eps": self.layer_norm_eps,
            "max_position_embeddings": self.max_position_embeddings,
            "model_type": "clip_text_model",
            "num_attention_heads": self.num_attention_heads,
            "num_hidden_layers": self.num_hidden_layers,
            "pad_token_id": self.pad_token_id,
            "projection_dim": self.projection_dim,
            "vocab_size": self.vocab_size,
        })
    }
}
