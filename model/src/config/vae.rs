//! `vae/config.json`.

use std::path::Path;

use serde_json::{Value, json};

use super::fields::ConfigFields;
use crate::error::Result;

/// The autoencoder between images and latents (diffusers `AutoencoderKL`).
#[derive(Debug, Clone, PartialEq)]
pub struct VaeConfig {
    /// Channels of the images it takes: 3.
    pub in_channels: usize,
    /// Channels of the images it gives: 3.
    pub out_channels: usize,
    /// Channels of the latents.
    pub latent_channels: usize,
    /// Channels of each level, finest first.
    pub block_out_channels: Vec<usize>,
    /// Residual blocks of a level of the encoder; the decoder has one more.
    pub layers_per_block: usize,
    /// Groups of the group norms.
    pub norm_num_groups: usize,
    /// Latents are multiplied by this after encoding and divided by it before decoding.
    pub scaling_factor: f64,
    /// Mean of each latent channel, for models that normalize by it.
    pub latents_mean: Option<Vec<f32>>,
    /// Standard deviation of each latent channel; there exactly if `latents_mean` is.
    pub latents_std: Option<Vec<f32>>,
    /// The weights overflow in f16, so it must run in f32 or bf16.
    pub force_upcast: bool,
    /// There is a 1×1 convolution after the encoder.
    pub use_quant_conv: bool,
    /// There is a 1×1 convolution before the decoder.
    pub use_post_quant_conv: bool,
    /// The middle has a self-attention between its two residual blocks.
    pub mid_block_add_attention: bool,
    /// Native side of the images, in pixels.
    pub sample_size: usize,
    /// Red, green and blue (−1…1) of each of the four latent channels and of the constant, fifteen numbers, for
    /// previews; `None` means SDXL's own. A field of ours: other programs ignore it.
    pub latent_rgb_factors: Option<Vec<f32>>,
}

impl VaeConfig {
    /// The VAE of the official SDXL base and refiner.
    pub fn sdxl() -> Self {
        Self {
            in_channels: 3,
            out_channels: 3,
            latent_channels: 4,
            block_out_channels: vec![128, 256, 512, 512],
            layers_per_block: 2,
            norm_num_groups: 32,
            scaling_factor: 0.13025,
            latents_mean: None,
            latents_std: None,
            force_upcast: true,
            use_quant_conv: true,
            use_post_quant_conv: true,
            mid_block_add_attention: true,
            sample_size: 1024,
            latent_rgb_factors: None,
        }
    }

    /// Image pixels per latent, along one side.
    pub fn downscale_factor(&self) -> usize {
        1 << (self.block_out_channels.len() - 1)
    }

    /// Reads the JSON `text` of `file`.
    ///
    /// # Errors
    /// [`crate::Error::Config`] naming the file and the field.
    pub fn from_json(text: &str, file: &Path) -> Result<Self> {
        let fields = ConfigFields::parse(text, file)?;
        fields.require_fixed(&fixed())?;
        let block_out_channels = fields.counts("block_out_channels", 1..=6, 1..=8192)?;
        let blocks = block_out_channels.len();
        fields.choices("down_block_types", blocks, &[("DownEncoderBlock2D", ())])?;
        fields.choices("up_block_types", blocks, &[("UpDecoderBlock2D", ())])?;
        let latent_channels = fields.count_or("latent_channels", 4, 1..=64)?;
        let config = Self {
            in_channels: fields.count_or("in_channels", 3, 3..=3)?,
            out_channels: fields.count_or("out_channels", 3, 3..=3)?,
            latent_channels,
            layers_per_block: fields.count_or("layers_per_block", 1, 1..=8)?,
            norm_num_groups: fields.count_or("norm_num_groups", 32, 1..=1024)?,
            scaling_factor: fields.positive_or("scaling_factor", 0.18215, 1000.0)?,
            latents_mean: fields.numbers("latents_mean", latent_channels)?,
            latents_std: fields.numbers("latents_std", latent_channels)?,
            force_upcast: fields.flag_or("force_upcast", true)?,
            use_quant_conv: fields.flag_or("use_quant_conv", true)?,
            use_post_quant_conv: fields.flag_or("use_post_quant_conv", true)?,
            mid_block_add_attention: fields.flag_or("mid_block_add_attention", true)?,
            sample_size: fields.side_or("sample_size", 1024, 1..=16_384)?,
            latent_rgb_factors: fields.numbers("latent_rgb_factors", 15)?,
            block_out_channels,
        };
        if let Some(channels) = config.block_out_channels.iter().find(|c| !c.is_multiple_of(config.norm_num_groups)) {
            let message =
                format!("is {}, which does not divide {channels} of `block_out_channels`", config.norm_num_groups);
            return Err(fields.fault("norm_num_groups", message));
        }
        if config.latents_mean.is_some() != config.latents_std.is_some() {
            return Err(fields.fault("latents_mean", "and `latents_std` must both be given or both be absent"));
        }
        if config.latents_std.iter().flatten().any(|deviation| *deviation <= 0.0) {
            return Err(fields.fault("latents_std", "must be above 0 for every channel"));
        }
        Ok(config)
    }

    /// The content of `config.json`, as diffusers reads it.
    pub fn to_json(&self) -> Value {
        let blocks = self.block_out_channels.len();
        let mut config = json!({
            "_class_name": "AutoencoderKL",
            "_diffusers_version": "0.42.0",
            "block_out_channels": self.block_out_channels,
            "down_block_types": vec!["DownEncoderBlock2D"; blocks],
            "force_upcast": self.force_upcast,
            "in_channels": self.in_channels,
            "latent_channels": self.latent_channels,
            "latents_mean": self.latents_mean,
            "latents_std": self.latents_std,
            "layers_per_block": self.layers_per_block,
            "mid_block_add_attention": self.mid_block_add_attention,
            "norm_num_groups": self.norm_num_groups,
            "out_channels": self.out_channels,
            "sample_size": self.sample_size,
            "scaling_factor": self.scaling_factor,
            "up_block_types": vec!["UpDecoderBlock2D"; blocks],
            "use_post_quant_conv": self.use_post_quant_conv,
            "use_quant_conv": self.use_quant_conv,
        });
        for (field, value) in fixed() {
            config[field] = value;
        }
        if let Some(factors) = &self.latent_rgb_factors {
            config["latent_rgb_factors"] = json!(factors);
        }
        config
    }
}

/// The settings of `AutoencoderKL` that are the same in every SDXL model.
fn fixed() -> Vec<(&'static str, Value)> {
    vec![("act_fn", json!("silu")), ("shift_factor", Value::Null)]
}
