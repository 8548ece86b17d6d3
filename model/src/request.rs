//! What a caller asks for.

mod control;
mod extension;
mod image_prompt;
mod mask;
mod window;

use std::sync::Arc;

use easel_settings::{ResolvedSettings, SETTINGS, SIDES};
use image::RgbImage;

use crate::error::{Error, Result};
use crate::precision::Precision;
use crate::upscaling::Upscaler;
use crate::weights::{ControlModel, Embedding, RequestedLora};
pub use control::Control;
pub use extension::Extension;
pub use image_prompt::ImagePrompt;
pub use mask::Mask;
pub(crate) use mask::REPAINTED;
pub(crate) use window::is_within;

/// One request for images: the settings, and the files that go with them.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// The settings.
    pub settings: ResolvedSettings,
    /// An image to start from.
    pub init_image: Option<RgbImage>,
    /// What of it is repainted, where that is not all of it.
    pub mask: Option<Mask>,
    /// What changes the base model's weights.
    pub loras: Vec<RequestedLora>,
    /// What changes the refiner's weights. The base's LoRAs do not: not even in a text encoder that both share.
    pub refiner_loras: Vec<RequestedLora>,
    /// Trained words that the prompts may use.
    pub embeddings: Vec<Arc<Embedding>>,
    /// What steers the base model by control images.
    pub controls: Vec<Control>,
    /// Images that the base model is prompted with.
    pub image_prompts: Vec<ImagePrompt>,
    /// The network that enlarges the image before the second pass, where the settings name one.
    pub upscaler: Option<Arc<Upscaler>>,
}

impl Request {
    /// A request for one image of `prompt` with the reference implementation's defaults.
    pub fn new(prompt: impl Into<String>) -> Self {
        ResolvedSettings::new(prompt).into()
    }

    /// Checks every value that can be checked without a model.
    ///
    /// # Errors
    /// As [`validate`], and if there is a mask without an image.
    pub fn validate(&self) -> Result<()> {
        if self.mask.is_some() && self.init_image.is_none() {
            return Err(Error::invalid("mask", "has no use without an init image: give the image that is repainted"));
        }
        validate(&self.settings)?;
        control::check(&self.controls)?;
        image_prompt::check(&self.image_prompts)
    }

    /// Whether a part of the init image is cut out, worked at by itself and pasted back.
    fn is_cut_out(&self) -> bool {
        self.mask.is_some() && self.settings.mask_crop.is_some()
    }

    /// Width and height that are worked at first: what was asked for, else the init image's unless a part of it is cut out,
    /// else `native`, the model's own side.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`] if nothing is asked for and the init image's size is out of bounds.
    pub(crate) fn size(&self, native: u32) -> Result<(u32, u32)> {
        let side = |asked: Option<u32>, init: Option<u32>, field| match (asked, init) {
            (Some(side), _) => Ok(side),
            (None, Some(side)) if SIDES.contains(&(side / 8 * 8)) => Ok(side / 8 * 8),
            (None, Some(side)) => Err(Error::invalid(
                field,
                format!(
                    "the init image's {side} is out of bounds ({} to {}): give --width and --height",
                    SIDES.start(),
                    SIDES.end()
                ),
            )),
            (None, None) => Ok(native),
        };
        let init = self.init_image.as_ref().filter(|_| !self.is_cut_out()).map(RgbImage::dimensions);
        Ok((
            side(self.settings.width, init.map(|(width, _)| width), "width")?,
            side(self.settings.height, init.map(|(_, height)| height), "height")?,
        ))
    }

    /// Width and height of the finished images by a model whose own side is `native`.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`] if nothing is asked for and the init image's size is out of bounds.
    pub fn image_size(&self, native: u32) -> Result<(u32, u32)> {
        if let Some(init) = self.init_image.as_ref().filter(|_| self.is_cut_out()) {
            return Ok(init.dimensions());
        }
        let first = self.size(native)?;
        Ok(self.settings.hires_pass(first).map_or(first, |pass| pass.size))
    }

    /// Bytes of the networks that [`Self::controls`] and [`Self::image_prompts`] bring, held in `precision`: what a device
    /// needs beside the model. The encoder of image prompts is gone before the first step.
    #[must_use]
    pub fn memory_of_adapters(&self, precision: Precision) -> u64 {
        let mut models: Vec<&ControlModel> = Vec::new();
        for control in &self.controls {
            if !models.contains(&control.model.as_ref()) {
                models.push(&control.model);
            }
        }
        models.iter().map(|model| model.count_numbers()).sum::<u64>() * precision.bytes() as u64
    }
}

impl From<ResolvedSettings> for Request {
    fn from(settings: ResolvedSettings) -> Self {
        Self {
            settings,
            init_image: None,
            mask: None,
            loras: Vec::new(),
            refiner_loras: Vec::new(),
            embeddings: Vec::new(),
            controls: Vec::new(),
            image_prompts: Vec::new(),
            upscaler: None,
        }
    }
}

/// Checks every setting that can be checked without a model.
///
/// # Errors
/// [`Error::InvalidRequest`] names the first setting that is out of its bounds.
pub fn validate(settings: &ResolvedSettings) -> Result<()> {
    settings.validate().map_err(|errors| {
        let first = errors.into_iter().find_map(|error| {
            let field = SETTINGS.iter().find(|field| field.name == error.field)?;
            Some(Error::invalid(field.name, error.message))
        });
        first.unwrap_or_else(|| Error::invalid("settings", "cannot be checked"))
    })
}
