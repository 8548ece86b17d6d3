//! From a task's settings and images to a request to the model: the one place where images become a part of one.

use easel_model::{Checkpoint, Error, Generation, Request, Result};
use easel_models::recipes;
use easel_settings::Settings;
use image::RgbImage;

use super::{Chosen, adapters};

/// The images that settings name, decoded.
#[derive(Debug, Clone, Default)]
pub(crate) struct RequestImages {
    init: Option<RgbImage>,
    mask: Option<RgbImage>,
    /// In the order of the settings' `controls`.
    controls: Vec<RgbImage>,
    /// In the order of the settings' `image_prompts`.
    prompts: Vec<RgbImage>,
}

impl RequestImages {
    /// Adds the image of a field, by its path. They come in the order of [`Settings::images`].
    pub(crate) fn put(&mut self, field: &str, image: RgbImage) {
        match field {
            "init_image" => self.init = Some(image),
            "mask" => self.mask = Some(image),
            field if field.starts_with("controls") => self.controls.push(image),
            _ => self.prompts.push(image),
        }
    }

    /// The image to start from.
    pub(crate) fn into_init(self) -> Option<RgbImage> {
        self.init
    }

    /// Whether a generation of these settings needs images after its start: what an init image alone brings is in the latents.
    pub(crate) fn are_needed_throughout(settings: &Settings) -> bool {
        settings.mask.is_some() || settings.controls.is_some() || settings.image_prompts.is_some()
    }
}

impl Chosen {
    /// The request for `settings` with the images that they name.
    ///
    /// # Errors
    /// Returns [`Error::InvalidRequest`] for settings that the model does not support.
    pub(crate) fn request(&self, settings: &Settings, images: RequestImages) -> Result<Request> {
        let has_refiner = self.model.model.has_refiner();
        if settings.use_refiner == Some(true) && !has_refiner {
            let message = "the workers have no refiner: leave it out, or start them with EASEL_REFINER";
            return Err(Error::invalid("use_refiner", message));
        }
        let mut resolved = settings.clone();
        let loras = self.lora_records.iter().map(|lora| lora.name.as_str());
        recipes::fill(&mut resolved, loras, &self.model.name, self.model.recipe);
        resolved.steps.get_or_insert(self.model.default_steps);
        resolved.use_refiner.get_or_insert(has_refiner);
        let request = self.add_images(resolved.resolve().into(), images)?;
        request.validate()?;
        adapters::add_to(request, &self.loras, &self.embeddings)
    }

    /// Continues from a checkpoint of a generation with these images.
    ///
    /// # Errors
    /// Returns [`Error::Checkpoint`] if it was made with another model, other files or images.
    pub(crate) fn resume(&self, checkpoint: Checkpoint, images: RequestImages) -> Result<Generation> {
        let request = self.add_images(checkpoint.settings().clone().into(), images)?;
        let request = adapters::add_to(request, &self.loras, &self.embeddings)?;
        self.model.model.resume_with(checkpoint, request)
    }

    /// The request with the images, each with the file that looks at it.
    ///
    /// # Errors
    /// Returns [`Error::InvalidRequest`] for what this worker's model cannot use.
    fn add_images(&self, request: Request, images: RequestImages) -> Result<Request> {
        let RequestImages { init, mask, controls, prompts } = images;
        let unsupported = |field: &'static str| Err(Error::invalid(field, "this worker cannot use it: leave it out"));
        if mask.is_some() {
            return unsupported("mask");
        }
        if !controls.is_empty() {
            return unsupported("controls");
        }
        if !prompts.is_empty() {
            return unsupported("image_prompts");
        }
        if self.guides.upscaler.is_some() {
            return unsupported("upscaler");
        }
        Ok(Request { init_image: init, ..request })
    }
}
