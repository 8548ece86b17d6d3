//! From a task's settings and images to a request to the model: the one place where images become a part of one.

use easel_model::{Checkpoint, Control, Error, Generation, ImagePrompt, Mask, Request, Result, control_image};
use easel_models::recipes;
use easel_settings::Settings;
use image::{GrayImage, RgbImage};

use super::{Chosen, adapters};

/// The images that settings name, decoded.
#[derive(Debug, Clone, Default)]
pub(crate) struct RequestImages {
    pub(crate) init: Option<RgbImage>,
    pub(crate) mask: Option<GrayImage>,
    /// In the order of the settings' `controls`.
    pub(crate) controls: Vec<RgbImage>,
    /// In the order of the settings' `image_prompts`.
    pub(crate) prompts: Vec<RgbImage>,
}

impl RequestImages {
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
        let files = self.loras.iter().map(|lora| lora.file.metadata());
        let loras = self.lora_records.iter().map(|record| record.name.as_str()).zip(files);
        recipes::fill(&mut resolved, loras, &self.model.name, self.model.recipe);
        resolved.steps.get_or_insert(self.model.default_steps);
        resolved.use_refiner.get_or_insert(has_refiner);
        let request = self.add_images(resolved.resolve().into(), settings, images)?;
        request.validate()?;
        self.check_memory(&request)?;
        adapters::add_to(request, &self.loras, &self.embeddings)
    }

    /// Continues from a checkpoint of a generation with these images.
    ///
    /// # Errors
    /// Returns [`Error::Checkpoint`] if it was made with another model, other files or images.
    pub(crate) fn resume(
        &self,
        checkpoint: Checkpoint,
        settings: &Settings,
        images: RequestImages,
    ) -> Result<Generation> {
        let request = self.add_images(checkpoint.settings().clone().into(), settings, images)?;
        self.check_memory(&request)?;
        let request = adapters::add_to(request, &self.loras, &self.embeddings)?;
        self.model.model.resume_with(checkpoint, request)
    }

    /// Checks that an image of this size, enlarged on the way as it is asked for, fits beside the networks.
    ///
    /// # Errors
    /// Returns [`Error::InvalidRequest`] if it does not.
    fn check_memory(&self, request: &Request) -> Result<()> {
        let upscaler = request.upscaler.as_ref().map(|upscaler| upscaler.shape());
        let bytes = self.model.model.memory_of_image(&request.settings, upscaler);
        let field = if request.settings.hires_scale.is_some() { "hires_scale" } else { "width" };
        self.room.clone().take(field, "an image of this size", bytes)
    }

    /// The request with the images that `settings` name, each with the file that looks at it.
    ///
    /// # Errors
    /// Returns [`Error::InvalidRequest`] for a kind of control image that a model does not know.
    fn add_images(&self, request: Request, settings: &Settings, images: RequestImages) -> Result<Request> {
        let RequestImages { init, mask, controls, prompts } = images;
        let asked = settings.controls.iter().flatten().zip(controls);
        let control = |(asked, image): (&easel_settings::ControlReference, RgbImage)| {
            let missing = || Error::invalid("controls", format!("`{}` is not open", asked.model));
            let model = self.guides.controls.get(&asked.model).ok_or_else(missing)?.content.clone();
            let kind = asked.kind.as_deref().map(|kind| model.kind(kind)).transpose()?;
            let image = match asked.preprocess {
                Some(preprocessor) => control_image(preprocessor, &image),
                None => image,
            };
            Ok(Control { model, image, scale: asked.scale, start: asked.start, end: asked.end, kind })
        };
        let controls = asked.map(control).collect::<Result<_>>()?;
        let guides = (&self.guides.image_adapter, &self.guides.image_encoder);
        let image_prompts = match guides {
            (Some(adapter), Some(encoder)) if !prompts.is_empty() => vec![ImagePrompt {
                adapter: adapter.content.clone(),
                encoder: encoder.content.clone(),
                images: prompts,
                scale: settings.image_prompt_scale.unwrap_or(1.0),
                start: 0.0,
                end: 1.0,
            }],
            _ => Vec::new(),
        };
        let upscaler = self.guides.hires_upscaler.as_ref().map(|upscaler| upscaler.content.clone());
        let mask = mask.map(|image| Mask { image });
        Ok(Request { init_image: init, mask, controls, image_prompts, upscaler, ..request })
    }
}
