//! `model_index.json`: what kind of pipeline the parts make.

use std::path::Path;

use serde_json::{Value, json};

use super::fields::ConfigFields;
use crate::error::Result;

/// The settings of `model_index.json` (diffusers `StableDiffusionXLPipeline`, `StableDiffusionXLImg2ImgPipeline`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ModelIndex {
    /// Without a negative prompt the negative embeddings are zeros, not the encoding of an empty text.
    pub force_zeros_for_empty_prompt: bool,
    /// The UNet is conditioned on an aesthetic score in place of the target size, as refiners are.
    pub requires_aesthetics_score: bool,
}

impl ModelIndex {
    /// `stabilityai/stable-diffusion-xl-base-1.0`.
    pub const fn sdxl_base() -> Self {
        Self { force_zeros_for_empty_prompt: true, requires_aesthetics_score: false }
    }

    /// `stabilityai/stable-diffusion-xl-refiner-1.0`.
    pub const fn sdxl_refiner() -> Self {
        Self { force_zeros_for_empty_prompt: false, requires_aesthetics_score: true }
    }

    /// Reads the JSON `text` of `file`.
    ///
    /// # Errors
    /// [`crate::Error::Config`] naming the file and the field.
    pub fn from_json(text: &str, file: &Path) -> Result<Self> {
        let fields = ConfigFields::parse(text, file)?;
        const PIPELINES: [(&str, ()); 3] = [
            ("StableDiffusionXLPipeline", ()),
            ("StableDiffusionXLImg2ImgPipeline", ()),
            ("StableDiffusionXLInpaintPipeline", ()),
        ];
        fields.choice_or("_class_name", (), &PIPELINES)?;
        Ok(Self {
            force_zeros_for_empty_prompt: fields.flag_or("force_zeros_for_empty_prompt", true)?,
            requires_aesthetics_score: fields.flag_or("requires_aesthetics_score", false)?,
        })
    }

    /// The content of `model_index.json`, as diffusers reads it.
    pub fn to_json(&self) -> Value {
        let first = |class: &str, library: &str| {
            if self.requires_aesthetics_score { json!([null, null]) } else { json!([library, class]) }
        };
        let pipeline = if self.requires_aesthetics_score {
            "StableDiffusionXLImg2ImgPipeline"
        } else {
            "StableDiffusionXLPipeline"
        };
        let mut index = json!({
            "_class_name": pipeline,
            "_diffusers_version": "0.42.0",
            "force_zeros_for_empty_prompt": self.force_zeros_for_empty_prompt,
            "scheduler": ["diffusers", "EulerDiscreteScheduler"],
            "text_encoder": first("CLIPTextModel", "transformers"),
            "text_encoder_2": ["transformers", "CLIPTextModelWithProjection"],
            "tokenizer": first("CLIPTokenizer", "transformers"),
            "tokenizer_2": ["transformers", "CLIPTokenizer"],
            "unet": ["diffusers", "UNet2DConditionModel"],
            "vae": ["diffusers", "AutoencoderKL"],
        });
        if self.requires_aesthetics_score {
            index["requires_aesthetics_score"] = Value::Bool(true);
        }
        index
    }
}
