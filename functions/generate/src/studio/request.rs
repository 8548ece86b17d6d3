//! From a task's settings to a request of the model's.

use easel_core::task::Settings;
use easel_model::Request;
use image::RgbImage;

use super::Studio;

impl Studio {
    /// The request that draws `settings`, starting from `init` if they name a picture.
    ///
    /// # Errors
    /// [`easel_model::Error::InvalidRequest`] for what this studio cannot do.
    pub fn request(&self, settings: &Settings, init: Option<RgbImage>) -> easel_model::Result<Request> {
        let defaults = Request::new(&settings.prompt);
        let has_refiner = self.model.has_refiner();
        if settings.use_refiner == Some(true) && !has_refiner {
            let message = "the workers have no refiner: leave it out, or start them with EASEL_REFINER";
            return Err(easel_model::Error::invalid("use_refiner", message));
        }
        let request = Request {
            negative_prompt: settings.negative_prompt.clone(),
            width: settings.width,
            height: settings.height,
            steps: settings.steps.unwrap_or(self.default_steps),
            guidance_scale: settings.guidance_scale.unwrap_or(defaults.guidance_scale),
            guidance_interval: settings.guidance_interval,
            seed: settings.seed,
            count: settings.count,
            scheduler: settings.scheduler.as_deref().map(str::parse).transpose()?,
            use_refiner: settings.use_refiner.unwrap_or(has_refiner),
            high_noise_frac: settings.high_noise_frac.unwrap_or(defaults.high_noise_frac),
            strength: settings.strength.unwrap_or(defaults.strength),
            init,
            ..defaults
        };
        request.validate()?;
        Ok(request)
    }
}

#[cfg(test)]
mod tests {
    use easel_core::task::settings;
    use easel_model::{SchedulerName, request};

    /// Easel's core knows no model, so its limits are written twice.
    #[test]
    fn the_api_promises_what_the_model_does() {
        let wide = |range: std::ops::RangeInclusive<u32>| u64::from(*range.start())..=u64::from(*range.end());
        assert_eq!(settings::MAX_PROMPT, request::MAX_PROMPT);
        assert_eq!(settings::SIDES, wide(request::SIDES));
        assert_eq!(settings::STEPS, wide(request::STEPS));
        assert_eq!(settings::COUNT, wide(request::COUNT));
        assert_eq!(settings::GUIDANCE, request::GUIDANCE);
        let names: Vec<_> = SchedulerName::ALL.iter().map(|name| name.as_str()).collect();
        assert_eq!(settings::SCHEDULERS.to_vec(), names);
    }
}
