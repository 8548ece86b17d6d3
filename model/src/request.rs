//! What a caller asks for.

use image::RgbImage;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::scheduler::SchedulerName;

/// Characters of a prompt or negative prompt.
pub const MAX_PROMPT: usize = 2_000;
/// Pixels of a side.
pub const SIDES: std::ops::RangeInclusive<u32> = 64..=2048;
/// Denoising steps.
pub const STEPS: std::ops::RangeInclusive<u32> = 1..=150;
/// Guidance scale.
pub const GUIDANCE: std::ops::RangeInclusive<f64> = 0.0..=30.0;
/// Steps that share the deep features of one of them.
pub const REUSE: std::ops::RangeInclusive<u32> = 1..=10;
/// Pictures of one request.
pub const COUNT: std::ops::RangeInclusive<u32> = 1..=8;

/// One request for pictures. What is `None` is the model's own default.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Request {
    /// What to draw.
    pub prompt: String,
    /// What to avoid. `None` and an empty text differ, as in diffusers.
    pub negative_prompt: Option<String>,
    /// Width in pixels, a multiple of 8.
    pub width: Option<u32>,
    /// Height in pixels, a multiple of 8.
    pub height: Option<u32>,
    /// Denoising steps of the whole schedule.
    pub steps: u32,
    /// How strongly the prompt pulls (Ho & Salimans 2022); 1 and less mean no guidance.
    pub guidance_scale: f64,
    /// Share of the guided output that gets the unguided contrast back (Lin et al. 2023), 0–1.
    pub guidance_rescale: f64,
    /// The shares of the schedule, 0–1, from which (inclusive) and up to which (exclusive) the prompt pulls; a step outside
    /// evaluates the model once instead of twice (Kynkäänniemi et al. 2024). `None` is everywhere.
    pub guidance_interval: Option<(f64, f64)>,
    /// Every how many steps the UNet computes all its levels; on the steps between only the finest one, with what the others
    /// gave last (DeepCache, Ma et al. 2024). 1 computes everything every time; more is faster and changes the picture.
    pub reuse_features: u32,
    /// Start of the noise; the same numbers as `torch.randn` with this seed on a CPU.
    pub seed: u64,
    /// How many pictures.
    pub count: u32,
    /// The sampler.
    pub scheduler: Option<SchedulerName>,
    /// Whether the refiner takes the last part of the schedule.
    pub use_refiner: bool,
    /// The share of the schedule that the base model does before the refiner takes over, 0–1.
    /// 0 leaves a finished picture (`init`) to the refiner alone.
    pub high_noise_frac: f64,
    /// Height and width that the model is told the training picture had.
    pub original_size: Option<(u32, u32)>,
    /// Top and left of the crop that the model is told.
    pub crop_top_left: (u32, u32),
    /// The share of the schedule that changes `init`, 0–1; of no effect without one.
    pub strength: f64,
    /// A picture to start from.
    #[serde(skip)]
    pub init: Option<RgbImage>,
}

impl Request {
    /// A request for one picture of `prompt` with the reference implementation's defaults.
    pub fn new(prompt: impl Into<String>) -> Self {
        Self {
            prompt: prompt.into(),
            negative_prompt: None,
            width: None,
            height: None,
            steps: 50,
            guidance_scale: 5.0,
            guidance_rescale: 0.0,
            guidance_interval: None,
            reuse_features: 1,
            seed: 0,
            count: 1,
            scheduler: None,
            use_refiner: true,
            high_noise_frac: 0.8,
            original_size: None,
            crop_top_left: (0, 0),
            strength: 0.3,
            init: None,
        }
    }

    /// Checks every value that can be checked without a model.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`] names the first field that is out of its limits.
    pub fn validate(&self) -> Result<()> {
        for (field, text) in [("prompt", Some(&self.prompt)), ("negative_prompt", self.negative_prompt.as_ref())] {
            let length = text.map_or(0, |text| text.chars().count());
            if length > MAX_PROMPT {
                return Err(Error::invalid(
                    field,
                    format!("has {length} characters, the limit is {MAX_PROMPT}: shorten it"),
                ));
            }
        }
        for (field, side) in [("width", self.width), ("height", self.height)] {
            if let Some(side) = side {
                within(field, side, SIDES)?;
                if !side.is_multiple_of(8) {
                    let lower = side / 8 * 8;
                    return Err(Error::invalid(
                        field,
                        format!("{side} is not a multiple of 8: use {} or {}", lower, lower + 8),
                    ));
                }
            }
        }
        within("steps", self.steps, STEPS)?;
        within("guidance_scale", self.guidance_scale, GUIDANCE)?;
        within("guidance_rescale", self.guidance_rescale, 0.0..=1.0)?;
        if let Some((start, end)) = self.guidance_interval {
            within("guidance_interval", start, 0.0..=1.0)?;
            within("guidance_interval", end, 0.0..=1.0)?;
            if start >= end {
                let advice = "give the start first, or for no guidance at all a guidance scale of 1";
                return Err(Error::invalid("guidance_interval", format!("{start} to {end} is empty: {advice}")));
            }
        }
        within("reuse_features", self.reuse_features, REUSE)?;
        within("count", self.count, COUNT)?;
        within("high_noise_frac", self.high_noise_frac, 0.0..=1.0)?;
        within("strength", self.strength, 0.0..=1.0)?;
        if let Some((height, width)) = self.original_size {
            within("original_size", height, 1..=65_536)?;
            within("original_size", width, 1..=65_536)?;
        }
        within("crop_top_left", self.crop_top_left.0, 0..=65_536)?;
        within("crop_top_left", self.crop_top_left.1, 0..=65_536)
    }
}

/// NaN is in no range.
fn within<T: PartialOrd + std::fmt::Display>(
    field: &'static str,
    value: T,
    range: std::ops::RangeInclusive<T>,
) -> Result<()> {
    if range.contains(&value) {
        return Ok(());
    }
    Err(Error::invalid(field, format!("{value} is out of bounds: use {} to {}", range.start(), range.end())))
}
