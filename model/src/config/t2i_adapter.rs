//! `config.json` of a T2I-Adapter.

use std::path::Path;

use serde_json::json;

use super::UNetConfig;
use super::fields::ConfigFields;
use crate::error::{Error, Result};

/// A T2I-Adapter for SDXL (Mou et al. 2023; diffusers `T2IAdapter` with `full_adapter_xl`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct T2iAdapterConfig {
    /// Channels of each level: of the UNet's, and once more of the last.
    pub channels: Vec<usize>,
    /// Residual blocks of a level.
    pub num_res_blocks: usize,
    /// Pixels of the control image that one place of the first level is made of, in each direction.
    pub downscale_factor: usize,
}

impl T2iAdapterConfig {
    /// Reads the JSON `text` of `file`.
    ///
    /// # Errors
    /// [`Error::Config`] naming the file and the field, or saying that it is of an adapter for another model.
    pub fn from_json(text: &str, file: &Path) -> Result<Self> {
        let fields = ConfigFields::parse(text, file)?;
        let is_for_sdxl = fields.choice_or(
            "adapter_type",
            false,
            &[("full_adapter_xl", true), ("full_adapter", false), ("light_adapter", false)],
        )?;
        if !is_for_sdxl {
            let message = "is of a T2I-Adapter for Stable Diffusion 1: get the one for SDXL".to_owned();
            return Err(Error::Config { file: file.to_owned(), message });
        }
        fields.require_fixed(&[("in_channels", json!(3))])?;
        Ok(Self {
            channels: fields.counts("channels", 4..=4, 1..=16_384)?,
            num_res_blocks: fields.count_or("num_res_blocks", 2, 1..=16)?,
            downscale_factor: fields.count_or("downscale_factor", 16, 16..=16)?,
        })
    }

    /// Why it cannot steer a UNet like `unet`, if it cannot.
    pub(crate) fn misfit(&self, unet: &UNetConfig) -> Option<String> {
        let mut wanted = unet.block_out_channels.clone();
        wanted.extend(unet.block_out_channels.last());
        (self.channels != wanted)
            .then(|| format!("its `channels` are {:?}, and the model wants {wanted:?}", self.channels))
    }
}
