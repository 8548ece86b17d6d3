//! What the `config.json` files of an SDXL model say, checked before anything is built from them.
//!
//! The numbers decide how much memory is asked for, so every one has bounds; what this crate does not
//! compute (other block types, other embeddings) is refused by name instead of being ignored.

mod control_net;
mod fields;
mod image_encoder;
mod model_index;
mod shape;
mod t2i_adapter;
mod text_encoder;
mod tiny_vae;
mod unet;
pub(crate) mod upscaler;
mod vae;

use std::path::Path;

pub use control_net::{ControlNetConfig, UnionConfig};
pub use image_encoder::ImageEncoderConfig;
pub use model_index::ModelIndex;
pub use shape::Shape;
pub use t2i_adapter::T2iAdapterConfig;
pub use text_encoder::{HiddenAct, TextEncoderConfig};
pub use tiny_vae::TinyVaeConfig;
pub use unet::{UNetBlock, UNetConfig};
pub use upscaler::UpscalerShape;
pub use vae::VaeConfig;

use crate::error::{Error, Result};

/// The configurations of one model; a refiner may leave text encoder and VAE to its base.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelConfigs {
    /// What the pipeline as a whole needs to know.
    pub model_index: ModelIndex,
    /// The first text encoder (CLIP-L), which only base models have.
    pub text_encoder: Option<TextEncoderConfig>,
    /// The second text encoder (OpenCLIP bigG), whose pooled state conditions the UNet.
    pub text_encoder_2: Option<TextEncoderConfig>,
    /// The UNet.
    pub unet: UNetConfig,
    /// The VAE.
    pub vae: Option<VaeConfig>,
}

impl ModelConfigs {
    /// `stabilityai/stable-diffusion-xl-base-1.0`.
    pub fn sdxl_base() -> Self {
        Self {
            model_index: ModelIndex::sdxl_base(),
            text_encoder: Some(TextEncoderConfig::sdxl_text_encoder()),
            text_encoder_2: Some(TextEncoderConfig::sdxl_text_encoder_2()),
            unet: UNetConfig::sdxl_base(),
            vae: Some(VaeConfig::sdxl()),
        }
    }

    /// `stabilityai/stable-diffusion-xl-refiner-1.0`.
    pub fn sdxl_refiner() -> Self {
        Self {
            model_index: ModelIndex::sdxl_refiner(),
            text_encoder: None,
            text_encoder_2: Some(TextEncoderConfig::sdxl_text_encoder_2()),
            unet: UNetConfig::sdxl_refiner(),
            vae: Some(VaeConfig::sdxl()),
        }
    }

    /// How many sizes and scores the UNet is conditioned on: original size, crop and target size are six numbers;
    /// a refiner takes an aesthetic score in place of the target size, five.
    pub fn time_id_count(&self) -> usize {
        if self.model_index.requires_aesthetics_score { 5 } else { 6 }
    }

    /// Checks what the parts must agree on, as far as the parts are there.
    ///
    /// # Errors
    /// [`Error::Config`] for `file` (the model's folder or checkpoint) naming the fields that disagree.
    pub fn check(&self, file: &Path) -> Result<()> {
        let fault = |message: String| Err(Error::Config { file: file.to_owned(), message });
        let unet = &self.unet;
        // SDXL's latents; the sampler's shapes and the previews rest on them. A UNet for inpainting sees a mask and a masked
        // image beside them.
        if unet.out_channels != 4 || self.vae.as_ref().is_some_and(|vae| vae.downscale_factor() != 8) {
            return fault("its latents are not SDXL's, which have 4 channels and an eighth of the image's side".into());
        }
        if !matches!(unet.in_channels, 4 | 9) {
            return fault(format!(
                "the UNet takes {} channels, not the 4 of a text-to-image model or the 9 of an inpainting model: models of \
                 other kinds, such as those that edit images by instruction, are not supported",
                unet.in_channels
            ));
        }
        if let Some(vae) = &self.vae
            && vae.latent_channels != unet.out_channels
        {
            return fault(format!(
                "vae: `latent_channels` is {}, but unet: `out_channels` is {}; the VAE and the UNet are not of \
                 the same model",
                vae.latent_channels, unet.out_channels
            ));
        }
        let times = self.time_id_count() * unet.addition_time_embed_dim;
        let added = unet.projection_class_embeddings_input_dim;
        if added <= times {
            return fault(format!(
                "unet: `projection_class_embeddings_input_dim` is {added}, but sizes and crop alone take \
                 {times} of it; check `requires_aesthetics_score` in model_index.json (true for refiners only) and \
                 `addition_time_embed_dim`"
            ));
        }
        let Some(second) = &self.text_encoder_2 else { return Ok(()) };
        if added != times + second.projection_dim {
            return fault(format!(
                "unet: `projection_class_embeddings_input_dim` is {added}, but {} × `addition_time_embed_dim` + \
                 text_encoder_2's `projection_dim` is {}; check `requires_aesthetics_score` in model_index.json \
                 (true for refiners only)",
                self.time_id_count(),
                times + second.projection_dim
            ));
        }
        let context = self.text_encoder.as_ref().map_or(0, |first| first.hidden_size) + second.hidden_size;
        if context != unet.cross_attention_dim {
            return fault(format!(
                "unet: `cross_attention_dim` is {}, but the `hidden_size` of the text encoders adds up to {context}; \
                 the text encoders and the UNet are not of the same model, or one is missing",
                unet.cross_attention_dim
            ));
        }
        Ok(())
    }
}
