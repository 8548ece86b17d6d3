//! `config.json` of a tiny VAE.

use std::path::Path;

use serde_json::{Value, json};

use super::fields::ConfigFields;
use crate::error::Result;

/// A small autoencoder of convolutions alone that stands in for the VAE's decoder (diffusers `AutoencoderTiny`, such as
/// `madebyollin/taesdxl`). Its encoder is not used.
#[derive(Debug, Clone, PartialEq)]
pub struct TinyVaeConfig {
    /// Channels of every level of the decoder.
    pub channels: usize,
    /// Residual blocks of each level of the decoder, coarsest first: four, for three doublings.
    pub num_decoder_blocks: Vec<usize>,
    /// Latents are divided by this before decoding.
    pub scaling_factor: f64,
}

impl TinyVaeConfig {
    /// Reads the JSON `text` of `file`.
    ///
    /// # Errors
    /// [`crate::Error::Config`] naming the file and the field.
    pub fn from_json(text: &str, file: &Path) -> Result<Self> {
        let fields = ConfigFields::parse(text, file)?;
        fields.choice_or("_class_name", (), &[("AutoencoderTiny", ())])?;
        fields.require_fixed(&fixed())?;
        // Three doublings make the eight pixels that a latent stands for.
        let channels = fields.counts("decoder_block_out_channels", 4..=4, 1..=1024)?;
        if channels.iter().any(|count| *count != channels[0]) {
            return Err(fields.fault("decoder_block_out_channels", "has different numbers; all must be the same"));
        }
        Ok(Self {
            channels: channels[0],
            num_decoder_blocks: fields.counts("num_decoder_blocks", 4..=4, 1..=16)?,
            scaling_factor: fields.positive_or("scaling_factor", 1.0, 1000.0)?,
        })
    }
}

/// The settings of `AutoencoderTiny` that this crate computes in one way only.
fn fixed() -> [(&'static str, Value); 7] {
    [
        ("act_fn", json!("relu")),
        ("in_channels", json!(3)),
        ("latent_channels", json!(4)),
        ("out_channels", json!(3)),
        ("shift_factor", json!(0.0)),
        ("upsample_fn", json!("nearest")),
        ("upsampling_scaling_factor", json!(2)),
    ]
}
