//! From a task's settings to a request to the model.

use easel_model::Request;
use easel_models::recipes;
use easel_settings::Settings;
use image::RgbImage;

use super::{Chosen, adapters};

impl Chosen {
    /// The request for `settings`, starting from `init_image` if they name an image.
    ///
    /// # Errors
    /// Returns [`easel_model::Error::InvalidRequest`] for settings that the model does not support.
    pub(crate) fn request(&self, settings: &Settings, init_image: Option<RgbImage>) -> easel_model::Result<Request> {
        let has_refiner = self.model.model.has_refiner();
        if settings.use_refiner == Some(true) && !has_refiner {
            let message = "the workers have no refiner: leave it out, or start them with EASEL_REFINER";
            return Err(easel_model::Error::invalid("use_refiner", message));
        }
        let mut settings = settings.clone();
        let loras = self.lora_records.iter().map(|lora| lora.name.as_str());
        recipes::fill(&mut settings, loras, &self.model.name, self.model.recipe);
        settings.steps.get_or_insert(self.model.default_steps);
        settings.use_refiner.get_or_insert(has_refiner);
        let request = Request { init_image, ..settings.resolve().into() };
        request.validate()?;
        adapters::add_to(request, &self.loras, &self.embeddings)
    }
}
