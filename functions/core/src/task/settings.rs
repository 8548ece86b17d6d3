//! What an attempt is asked to draw.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Most characters of a prompt or negative prompt.
pub const MAX_PROMPT: usize = 2_000;
/// Pixels of a side, in multiples of 8.
pub const SIDES: std::ops::RangeInclusive<u64> = 64..=2048;
/// Denoising steps.
pub const STEPS: std::ops::RangeInclusive<u64> = 1..=150;
/// Guidance scale.
pub const GUIDANCE: std::ops::RangeInclusive<f64> = 0.0..=30.0;
/// Pictures of one attempt.
pub const COUNT: std::ops::RangeInclusive<u64> = 1..=8;
/// The samplers.
pub const SCHEDULERS: [&str; 12] = [
    "euler",
    "euler_a",
    "euler_karras",
    "heun",
    "ddim",
    "dpmpp_2m",
    "dpmpp_2m_karras",
    "dpmpp_2m_sde_karras",
    "unipc",
    "lcm",
    "euler_trailing",
    "ddim_trailing",
];

/// What to draw. What is absent is the model's own default.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, ToSchema)]
pub struct Settings {
    /// What to draw.
    pub prompt: String,
    /// What to avoid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub negative_prompt: Option<String>,
    /// Width in pixels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub width: Option<u32>,
    /// Height in pixels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub height: Option<u32>,
    /// Denoising steps of the whole schedule.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub steps: Option<u32>,
    /// How strongly the prompt pulls.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub guidance_scale: Option<f64>,
    /// The shares of the schedule between which the prompt pulls; absent means everywhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<f64>>, min_items = 2, max_items = 2, nullable = false)]
    pub guidance_interval: Option<(f64, f64)>,
    /// The sampler.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub scheduler: Option<String>,
    /// Start of the noise. The same seed and settings draw the same picture.
    pub seed: u64,
    /// How many pictures.
    pub count: u32,
    /// Whether the refiner takes the last part of the schedule; absent means if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub use_refiner: Option<bool>,
    /// The share of the schedule that the base model does before the refiner takes over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub high_noise_frac: Option<f64>,
    /// The key of the picture to start from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub init_image: Option<String>,
    /// The share of the schedule that changes the init image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub strength: Option<f64>,
}
