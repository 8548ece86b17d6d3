//! Enlarging images once they are drawn, or in the place of drawing them: the one place where upscalers are used.

use easel_domain::limits::LONGEST_SIDE;
use easel_model::{Error, Result};
use easel_settings::{LANCZOS_UPSCALER, Settings};
use image::RgbImage;
use image::imageops::{FilterType, resize};

use super::Chosen;

/// By how much the sides grow where nobody says.
const USUAL_FACTOR: f64 = 2.0;

impl Chosen {
    /// The image as `settings` want it enlarged; as it is where they do not.
    ///
    /// # Errors
    /// Returns [`Error::InvalidRequest`] if it would become too large, or for what this worker cannot enlarge with.
    pub(crate) fn enlarge(&self, settings: &Settings, image: RgbImage) -> Result<RgbImage> {
        let Some(upscaler) = &settings.upscaler else { return Ok(image) };
        if upscaler != LANCZOS_UPSCALER {
            return Err(Error::invalid("upscaler", "this worker can enlarge with lanczos alone: ask for that"));
        }
        let factor = settings.upscale.unwrap_or(USUAL_FACTOR);
        let (width, height) = image.dimensions();
        let side = |side: u32| (f64::from(side) * factor).round().max(1.0);
        let (wide, high) = (side(width), side(height));
        if wide.max(high) > f64::from(LONGEST_SIDE) {
            let message = format!(
                "{factor} makes {wide}×{high} pixels of {width}×{height}, the limit is {LONGEST_SIDE} a side: use less"
            );
            return Err(Error::invalid("upscale", message));
        }
        Ok(resize(&image, wide as u32, high as u32, FilterType::Lanczos3))
    }
}

/// Whether settings leave the init image as it is, so that it is enlarged and nothing is drawn.
pub(crate) fn draws_nothing(settings: &Settings) -> bool {
    settings.upscaler.is_some() && settings.init_image.is_some() && settings.strength == Some(0.0)
}
