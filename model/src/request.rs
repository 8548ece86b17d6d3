//! What a caller asks for.

use std::sync::Arc;

use easel_settings::{ResolvedSettings, SETTINGS};
use image::RgbImage;

use crate::error::{Error, Result};
use crate::upscaling::Upscaler;
use crate::weights::{Embedding, RequestedLora};

/// One request for images: the settings, and the files that go with them.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// The settings.
    pub settings: ResolvedSettings,
    /// An image to start from.
    pub init_image: Option<RgbImage>,
    /// What changes the base model's weights.
    pub loras: Vec<RequestedLora>,
    /// What changes the refiner's weights. The base's LoRAs do not: not even in a text encoder that both share.
    pub refiner_loras: Vec<RequestedLora>,
    /// Trained words that the prompts may use.
    pub embeddings: Vec<Arc<Embedding>>,
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
    /// As [`validate`].
    pub fn validate(&self) -> Result<()> {
        validate(&self.settings)
    }
}

impl From<ResolvedSettings> for Request {
    fn from(settings: ResolvedSettings) -> Self {
        Self {
            settings,
            init_image: None,
            loras: Vec::new(),
            refiner_loras: Vec::new(),
            embeddings: Vec::new(),
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
