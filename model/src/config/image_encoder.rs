//! `config.json` of an image encoder.

use std::path::Path;

use serde_json::Value;

use super::HiddenAct;
use super::fields::ConfigFields;
use crate::error::{Error, Result};

/// A CLIP image encoder (transformers `CLIPVisionModelWithProjection`).
#[derive(Debug, Clone, PartialEq)]
pub struct ImageEncoderConfig {
    /// Width of the hidden states.
    pub hidden_size: usize,
    /// Width inside the feed-forward layers.
    pub intermediate_size: usize,
    /// Transformer layers, at least 2.
    pub num_hidden_layers: usize,
    /// Attention heads of a layer.
    pub num_attention_heads: usize,
    /// Side of the image that it reads, in pixels.
    pub image_size: usize,
    /// Side of a patch, in pixels.
    pub patch_size: usize,
    /// Width of the embedding of a whole image.
    pub projection_dim: usize,
    /// Activation inside the feed-forward layers.
    pub hidden_act: HiddenAct,
    /// Epsilon of the layer norms.
    pub layer_norm_eps: f64,
}

impl ImageEncoderConfig {
    /// Reads the JSON `text` of `file`: of an image encoder, or of a whole CLIP, of which it is a part.
    ///
    /// # Errors
    /// [`Error::Config`] naming the file and the field.
    pub fn from_json(text: &str, file: &Path) -> Result<Self> {
        let whole: Option<Value> = serde_json::from_str(text).ok();
        let part = whole.as_ref().and_then(|whole| {
            let mut part = whole.get("vision_config")?.clone();
            if let (Value::Object(part), Some(width)) = (&mut part, whole.get("projection_dim")) {
                part.insert("projection_dim".into(), width.clone());
            }
            Some(part.to_string())
        });
        let fields = ConfigFields::parse(part.as_deref().unwrap_or(text), file)?;
        fields.choice_or("model_type", (), &[("clip_vision_model", ())])?;
        let config = Self {
            hidden_size: fields.count_or("hidden_size", 768, 1..=16_384)?,
            intermediate_size: fields.count_or("intermediate_size", 3072, 1..=65_536)?,
            num_hidden_layers: fields.count_or("num_hidden_layers", 12, 2..=128)?,
            num_attention_heads: fields.count_or("num_attention_heads", 12, 1..=1024)?,
            image_size: fields.count_or("image_size", 224, 1..=1024)?,
            patch_size: fields.count_or("patch_size", 32, 1..=256)?,
            projection_dim: fields.count_or("projection_dim", 512, 1..=16_384)?,
            hidden_act: fields.choice_or(
                "hidden_act",
                HiddenAct::QuickGelu,
                &[("quick_gelu", HiddenAct::QuickGelu), ("gelu", HiddenAct::Gelu)],
            )?,
            layer_norm_eps: fields.positive_or("layer_norm_eps", 1e-5, 1.0)?,
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
        if !self.hidden_size.is_multiple_of(self.num_attention_heads) {
            let heads = self.num_attention_heads;
            return fault(format!(
                "`num_attention_heads` is {heads}, which does not divide `hidden_size` {}",
                self.hidden_size
            ));
        }
        if self.image_size < self.patch_size {
            return fault(format!("`image_size` is {}, less than `patch_size` {}", self.image_size, self.patch_size));
        }
        Ok(())
    }

    /// Patches of an image.
    pub(crate) fn patches(&self) -> usize {
        (self.image_size / self.patch_size).pow(2)
    }
}
