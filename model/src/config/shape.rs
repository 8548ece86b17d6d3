//! Models by shape alone, for benchmarks.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use serde::Serialize;

use super::{ModelConfigs, ModelIndex, TextEncoderConfig, UNetConfig, VaeConfig};
use crate::error::{Error, Result};

/// A model's widths and depths, without its weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Shape {
    /// `stabilityai/stable-diffusion-xl-base-1.0`.
    SdxlBase,
    /// `stabilityai/stable-diffusion-xl-refiner-1.0`.
    SdxlRefiner,
    /// SDXL's base with a UNet for inpainting, such as `diffusers/stable-diffusion-xl-1.0-inpainting-0.1`.
    SdxlInpainting,
    /// The bundled demo model.
    Demo,
}

/// The text of one of the demo model's configuration files, with its name.
macro_rules! demo {
    ($file:literal) => {
        (include_str!(concat!("../../demo/base/", $file)), Path::new($file))
    };
}

impl Shape {
    /// Every shape, as listed to users.
    pub const ALL: [Self; 4] = [Self::SdxlBase, Self::SdxlRefiner, Self::SdxlInpainting, Self::Demo];

    /// The name on the command line and in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::SdxlBase => "sdxl-base",
            Self::SdxlRefiner => "sdxl-refiner",
            Self::SdxlInpainting => "sdxl-inpainting",
            Self::Demo => "demo",
        }
    }

    /// The configurations of a model of this shape.
    ///
    /// # Errors
    /// Never for the shapes there are.
    pub fn configs(self) -> Result<ModelConfigs> {
        let text_encoder = |(text, file)| TextEncoderConfig::from_json(text, file);
        Ok(match self {
            Self::SdxlBase => ModelConfigs::sdxl_base(),
            Self::SdxlRefiner => ModelConfigs::sdxl_refiner(),
            Self::SdxlInpainting => {
                let base = ModelConfigs::sdxl_base();
                ModelConfigs { unet: UNetConfig { in_channels: 9, ..base.unet }, ..base }
            }
            Self::Demo => {
                let (index, index_file) = demo!("model_index.json");
                let (unet, unet_file) = demo!("unet/config.json");
                let (vae, vae_file) = demo!("vae/config.json");
                ModelConfigs {
                    model_index: ModelIndex::from_json(index, index_file)?,
                    text_encoder: Some(text_encoder(demo!("text_encoder/config.json"))?),
                    text_encoder_2: Some(text_encoder(demo!("text_encoder_2/config.json"))?),
                    unet: UNetConfig::from_json(unet, unet_file)?,
                    vae: Some(VaeConfig::from_json(vae, vae_file)?),
                }
            }
        })
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

impl FromStr for Shape {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let unknown =
            || Error::invalid("shape", format!("`{text}` is not one of {}", Self::ALL.map(Self::name).join(", ")));
        Self::ALL.into_iter().find(|shape| shape.name() == text).ok_or_else(unknown)
    }
}
