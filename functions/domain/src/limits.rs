//! How much may be asked for at once: the work of one task request, and what one owner may have waiting.
//!
//! Work is counted in evaluations of the UNet, each times the pixels that it computes: what a drawing takes, whatever
//! it is drawn on. A ControlNet is the first half of a UNet, and counts as half of one. An upscaler's network takes about as
//! much for each pixel that it enlarges as six evaluations.

use easel_settings::{FieldError, LANCZOS_UPSCALER, ResolvedSettings, Settings};

/// The side of an image where nothing says another: the model's own.
const SIDE: u32 = 1024;
/// What megapixels have of pixels.
const MEGA: f64 = 1e6;
/// What enlarging a pixel by a network takes, in evaluations of the UNet: an RRDBNet of 16.7 million weights makes 33 million
/// operations, SDXL's UNet 6 million.
const UPSCALING: u64 = 6;
/// The longest side of an image that is made: as RGB such an image takes 200 MB.
pub const LONGEST_SIDE: u32 = 8_192;
/// Seconds after which somebody with too much waiting may ask again.
pub const RETRY_AFTER_SECONDS: u64 = 60;

/// How much may be asked for. Work is in megapixel-evaluations: `count × width × height × evaluations of the UNet / 10⁶`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limits {
    /// Most work of one task request.
    pub max_work: f64,
    /// Most work of one step of a task request, where steps have to fit into a call.
    pub max_step_work: Option<f64>,
    /// Most tasks that one owner may have waiting.
    pub max_waiting: u64,
    /// Most work that one owner may have waiting.
    pub max_waiting_work: f64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_work: 8_000.0, max_step_work: None, max_waiting: 500, max_waiting_work: 200_000.0 }
    }
}

impl Limits {
    /// Whether a task request with these settings is small enough.
    ///
    /// # Errors
    /// Says how much work it is, how much it may be, and what to reduce.
    pub fn check(&self, settings: &Settings) -> Result<(), FieldError> {
        check_enlarged(settings)?;
        let field = if settings.count > 1 { "count" } else { "steps" };
        let whole = work(settings);
        if whole > self.max_work {
            let message = format!(
                "the request is {whole:.0} megapixel-evaluations of work, the limit is {:.0}: ask for fewer images, a \
                 smaller size or fewer steps",
                self.max_work
            );
            return Err(FieldError::new(field, message));
        }
        let step = largest_step_pixels(settings) as f64 / MEGA;
        if let Some(most) = self.max_step_work.filter(|most| step > *most) {
            let message = format!(
                "one step of the request is {step:.0} megapixel-evaluations of work, the limit is {most:.0}: ask for fewer \
                 images or a smaller size"
            );
            return Err(FieldError::new(field, message));
        }
        Ok(())
    }
}

/// Whether the images of a task request stay small enough where they are enlarged. Those of an init image's size are
/// measured once it is read.
fn check_enlarged(settings: &Settings) -> Result<(), FieldError> {
    let Some(factor) = settings.upscale else { return Ok(()) };
    let sides = settings.width.into_iter().chain(settings.height);
    match sides.map(|side| f64::from(side) * factor).find(|side| *side > LONGEST_SIDE.into()) {
        Some(side) => {
            let message = format!("{factor} makes sides of {side:.0} pixels, the limit is {LONGEST_SIDE}: use less");
            Err(FieldError::new("upscale", message))
        }
        None => Ok(()),
    }
}

/// The work of a task request in megapixel-evaluations.
#[must_use]
pub fn work(settings: &Settings) -> f64 {
    pixel_evaluations(settings) as f64 / MEGA
}

/// The work of a task request in whole evaluations of a pixel, which add up without rounding.
#[must_use]
pub fn pixel_evaluations(settings: &Settings) -> u64 {
    let resolved = settings.clone().resolve();
    let share = match settings.init_image {
        Some(_) => resolved.strength.clamp(0.0, 1.0),
        None => 1.0,
    };
    // Never less than a step, and a part of one counts as a whole.
    let steps = (f64::from(resolved.steps) * share).ceil().max(1.0) as u64;
    let first = step_pixels(settings, &resolved, size(&resolved)).saturating_mul(steps);
    let pass = resolved.hires_pass(size(&resolved));
    let second = pass.map_or(0, |pass| step_pixels(settings, &resolved, pass.size).saturating_mul(pass.steps.into()));
    let upscales = settings.upscaler.as_ref().is_some_and(|name| name != LANCZOS_UPSCALER);
    let (width, height) = pass.map_or(size(&resolved), |pass| pass.size);
    let pixels = u64::from(settings.count) * u64::from(width) * u64::from(height);
    let upscaling = if upscales { UPSCALING.saturating_mul(pixels) } else { 0 };
    first.saturating_add(second).saturating_add(upscaling)
}

/// Width and height of the first pass.
fn size(settings: &ResolvedSettings) -> (u32, u32) {
    (settings.width.unwrap_or(SIDE), settings.height.unwrap_or(SIDE))
}

/// The work of the largest step of a task request in evaluations of a pixel.
fn largest_step_pixels(settings: &Settings) -> u64 {
    let resolved = settings.clone().resolve();
    let first = size(&resolved);
    step_pixels(settings, &resolved, resolved.hires_pass(first).map_or(first, |pass| pass.size))
}

/// The work of one step at a size, in evaluations of a pixel: what tiles share is computed more than once, and a ControlNet
/// takes about half of what the UNet does.
fn step_pixels(asked: &Settings, settings: &ResolvedSettings, (width, height): (u32, u32)) -> u64 {
    let pixels = match settings.tiling() {
        Some(tiling) => tiling.pixels((width, height)),
        None => u64::from(width) * u64::from(height),
    };
    let guided = if settings.guidance_scale > 1.0 { 2 } else { 1 };
    let evaluations_per_step = settings.scheduler.map_or(1, |name| name.sampler().evaluations_per_step() as u64);
    let evaluations = u64::from(settings.count) * pixels * guided * evaluations_per_step;
    let controls = asked.controls.as_ref().map_or(0, Vec::len) as u64;
    evaluations + evaluations * controls / 2
}

#[cfg(test)]
mod tests {
    use easel_settings::Sampler;

    use super::*;

    fn sized(side: u32, count: u32, steps: u32) -> Settings {
        Settings { width: Some(side), height: Some(side), count, steps: Some(steps), ..Settings::new("a heart") }
    }

    #[test]
    fn work_is_what_the_unet_computes() {
        let plain = sized(1000, 1, 30);
        assert_eq!(work(&plain), 60.0);
        assert_eq!(work(&Settings { guidance_scale: Some(1.0), ..plain.clone() }), 30.0);
        assert_eq!(work(&Settings { scheduler: Some(Sampler::Heun.into()), ..plain.clone() }), 120.0);
        assert_eq!(work(&Settings { count: 4, ..plain.clone() }), 240.0);
        // A second pass at twice the size: four times the pixels, for as many steps as it is told.
        let twice = Settings { hires_scale: Some(2.0), hires_steps: Some(10), ..plain.clone() };
        assert_eq!(work(&twice), 60.0 + 80.0);
        // Four tiles of 600 × 600 for 1000 × 1000.
        let tiled = Settings { tile_size: Some(600), tile_overlap: Some(40), ..plain.clone() };
        assert_eq!(work(&tiled), 86.4);
        let changed = Settings { init_image: Some("inputs/a.png".to_owned()), strength: Some(0.5), ..plain.clone() };
        assert_eq!(work(&changed), 30.0);
        let control = |image: &str| format!("depth={image}").parse().expect("a control image");
        let controls = Some(vec![control("a.png"), control("b.png")]);
        assert_eq!(work(&Settings { controls, ..plain.clone() }), 120.0);
        assert_eq!(work(&Settings { upscaler: Some("esrgan".to_owned()), ..plain.clone() }), 66.0);
        assert_eq!(work(&Settings { upscaler: Some(LANCZOS_UPSCALER.to_owned()), ..plain }), 60.0);
        assert_eq!(pixel_evaluations(&Settings::new("a heart")), 1024 * 1024 * 2 * 50);
    }

    #[test]
    fn nothing_is_enlarged_beyond_what_a_file_holds() {
        let enlarged = |side, upscale| Settings {
            upscaler: Some(LANCZOS_UPSCALER.into()),
            upscale: Some(upscale),
            ..sized(side, 1, 20)
        };
        assert_eq!(Limits::default().check(&enlarged(2048, 4.0)), Ok(()));
        let error = Limits::default().check(&enlarged(2048, 4.5)).expect_err("too large");
        assert_eq!(error.to_string(), "upscale: 4.5 makes sides of 9216 pixels, the limit is 8192: use less");
    }

    #[test]
    fn a_request_that_is_too_large_is_told_by_how_much_and_what_to_do() {
        let limits = Limits { max_step_work: Some(20.0), ..Limits::default() };
        assert_eq!(limits.check(&sized(1024, 8, 50)), Ok(()));
        let largest = Settings { scheduler: Some(Sampler::Heun.into()), ..sized(2048, 8, 150) };
        let error = limits.check(&largest).expect_err("too large");
        assert_eq!(error.field, "count");
        assert!(error.message.contains("20133") && error.message.contains("limit is 8000"), "{}", error.message);
        let step = limits.check(&sized(2048, 4, 10)).expect_err("too large");
        assert!(step.message.contains("one step") && step.message.contains("limit is 20"), "{}", step.message);
        assert_eq!(limits.check(&sized(2048, 1, 150)), Ok(()));
    }
}
