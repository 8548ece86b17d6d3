//! What a caller asks for.

mod extension;
mod mask;

use std::sync::Arc;

use easel_settings::{ResolvedSettings, SETTINGS};
use image::RgbImage;

use crate::error::{Error, Result};
use crate::weights::{Embedding, RequestedLora};
pub use extension::Extension;
pub use mask::Mask;
pub(crate) use mask::REPAINTED;

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
        validate(&self.settings)
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
