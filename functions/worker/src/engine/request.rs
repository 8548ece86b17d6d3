//! From a task's settings to a request to the model.

use easel_model::Request;
use easel_settings::Settings;
use image::RgbImage;

use super::Engine;

impl Engine {
    /// The request for `settings`, starting from `init_image` if they name an image.
    ///
    /// # Errors
    /// Returns [`easel_model::Error::InvalidRequest`] for settings that this engine does not support.
    pub fn request(&self, settings: &Settings, init_image: Option<RgbImage>) -> easel_model::Result<Request> {
        let has_refiner = self.model.has_refiner();
        if settings.use_refiner == Some(true) && !has_refiner {
            let message = "the workers have no refiner: leave it out, or start them with EASEL_REFINER";
            return Err(easel_model::Error::invalid("use_refiner", message));
        }
        let mut settings = settings.clone();
        settings.steps.get_or_insert(self.default_steps);
        settings.use_refiner.get_or_insert(has_refiner);
        let request = Request { init_image, ..settings.resolve().into() };
        request.validate()?;
        Ok(request)
    }
}
