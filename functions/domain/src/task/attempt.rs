//! One try at drawing a task: its settings, what came of it, what a person thought of it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use easel_settings::Settings;

use super::decision::{Approval, Decision};
use super::used_file::UsedFile;

/// One try at drawing. Earlier tries of a task stay as they were.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Attempt {
    /// From 1.
    pub number: u32,
    /// What it was asked to draw.
    pub settings: Settings,
    /// When it was asked for.
    pub requested_at: Timestamp,
    /// When a worker first took it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_claim_at: Option<Timestamp>,
    /// Who asked for it, if not the task's owner alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requested_by: Option<String>,
    /// The worker that took it last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claim: Option<Claim>,
    /// The files that it is drawn with, since the first claim.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub used: Vec<UsedFile>,
    /// How often workers handed it on because they could not go on; making way for others is not counted.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub hand_ons: u32,
    /// What generation reported; present once generated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generation: Option<GenerationReport>,
    /// The images; empty until generated. Older rows call them `pictures`.
    #[serde(default, alias = "pictures")]
    pub images: Vec<GeneratedImage>,
    /// From how many reviewers it takes an approval; older rows do not say, and take one.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub approvals_needed: u32,
    /// The approvals so far, one a reviewer, that were not enough. The one that was is the task's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub approvals: Vec<Approval>,
    /// Whether somebody had paused it when the task was cancelled or deleted.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub was_paused: bool,
    /// Why it was turned down.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rejection: Option<Decision>,
    /// Why it could not be generated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
}

impl Attempt {
    /// A try that nobody has taken yet.
    #[must_use]
    pub fn new(number: u32, settings: Settings, requested_at: Timestamp) -> Self {
        Self {
            number,
            settings,
            requested_at,
            first_claim_at: None,
            requested_by: None,
            claim: None,
            used: Vec::new(),
            hand_ons: 0,
            generation: None,
            images: Vec::new(),
            approvals_needed: 1,
            approvals: Vec::new(),
            was_paused: false,
            rejection: None,
            failure: None,
        }
    }

    /// What people should know of the drawing, such as words that did not fit.
    #[must_use]
    pub fn warnings(&self) -> &[String] {
        self.generation.as_ref().map_or(&[], |generation| &generation.warnings)
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

fn one() -> u32 {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
fn is_one(number: &u32) -> bool {
    *number == 1
}

/// A worker's hold on an attempt.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Claim {
    /// The worker's name.
    pub worker: String,
    /// When it took the attempt.
    pub at: Timestamp,
    /// The task's version when it did: writes with an earlier claim carry a lower version and are refused.
    pub fence: u64,
    /// The step that it went on from; 0 is the start.
    pub step: u32,
    /// How often in a row a worker went on from this same step without getting further: a sign that workers die of it.
    pub tries: u32,
}

/// Why an attempt could not be generated.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Failure {
    /// When it was given up.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// What went wrong and what to do next.
    pub reason: String,
}

/// An image in the gallery.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GeneratedImage {
    /// From 0, within the attempt.
    pub index: u32,
    /// Its key.
    pub key: String,
    /// The key of its small version.
    pub thumbnail_key: String,
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
    /// Length of the file.
    pub bytes: u64,
    /// The seed that draws this one alone.
    pub seed: u64,
    /// Hash of the file, in hexadecimal.
    pub sha256: String,
}

/// How an attempt was generated: every default filled in, and what it took.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct GenerationReport {
    /// The model's name.
    pub model: String,
    /// `cpu`, `cuda`, `vulkan` or `metal`.
    pub device: String,
    /// The device's own name.
    pub device_name: String,
    /// `f32`, `bf16`, `f16` or `int8`.
    pub precision: String,
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
    /// Denoising steps of the whole schedule.
    pub steps: u32,
    /// Guidance scale.
    pub guidance_scale: f64,
    /// The sampler.
    pub scheduler: String,
    /// Whether the refiner took the last part.
    pub refined: bool,
    /// Seconds from the request to the first claim.
    pub queue_seconds: f64,
    /// Seconds that the worker which finished it spent drawing.
    pub drawing_seconds: f64,
    /// Median seconds of a step.
    pub step_seconds: f64,
    /// What an image cost, in US dollars, where the price of the worker is known.
    #[serde(default, alias = "dollars_per_picture", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub dollars_per_image: Option<f64>,
    /// What the model wants people to know.
    #[serde(default)]
    pub warnings: Vec<String>,
}
