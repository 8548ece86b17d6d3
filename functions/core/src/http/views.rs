//! Bodies other than tasks, as clients see them.

use jiff::Timestamp;
use serde::Serialize;
use std::collections::BTreeMap;
use utoipa::ToSchema;

use super::problem::Problem;
use super::task_view::{EventView, TaskView};
use crate::store::WorkerReport;
use crate::task::Status;

/// A part of a list of tasks.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct TaskPage {
    /// Newest first, or oldest first if asked for.
    pub tasks: Vec<TaskView>,
    /// What to give as `cursor` for the tasks after these; none at the end of the list.
    pub next_cursor: Option<String>,
}

/// Everything that happened to a task.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct HistoryView {
    /// Oldest first.
    pub events: Vec<EventView>,
}

/// What became of each task of a bulk move, in the order of the ids.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct BulkAnswer {
    /// One a task.
    pub results: Vec<BulkResult>,
}

/// What became of one task of a bulk move.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct BulkResult {
    /// The id as it was given.
    pub id: String,
    /// What the call for this task alone would have been answered with.
    pub status: u16,
    /// Where the task stands now.
    pub task_status: Option<Status>,
    /// The task's version now.
    pub version: Option<u64>,
    /// Why it was not moved.
    pub problem: Option<Problem>,
}

/// Whether and on what pictures can be drawn: what the generator last said.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct HealthView {
    /// Whether a generator is there that can draw.
    pub sdxl_available: bool,
    /// `cpu` or `cuda`; `none` if the generator cannot draw, null before there was one.
    pub device: Option<String>,
    /// Whether the base model is open.
    pub base_model_loaded: bool,
    /// Whether the refiner is open.
    pub refiner_model_loaded: bool,
    /// Whether pictures are refined unless asked otherwise.
    pub refinement_enabled: bool,
    /// What computes.
    pub backend: Option<String>,
    /// The device's own name.
    pub device_name: Option<String>,
    /// Of a CUDA device.
    pub compute_capability: Option<String>,
    /// `f32`, `bf16` or `f16`.
    pub precision: Option<String>,
    /// Why not CUDA, or why nothing at all.
    pub fallback_reason: Option<String>,
    /// The model's name.
    pub model: Option<String>,
    /// The API's version.
    pub version: String,
    /// When the generator said so.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub reported_at: Option<Timestamp>,
    /// How long ago that is.
    pub report_age_seconds: Option<f64>,
}

impl HealthView {
    /// Health from what a generator last said at all.
    #[must_use]
    pub fn new(report: Option<WorkerReport>, now: Timestamp) -> Self {
        let version = env!("CARGO_PKG_VERSION").to_owned();
        let Some(report) = report else {
            return Self {
                sdxl_available: false,
                device: None,
                base_model_loaded: false,
                refiner_model_loaded: false,
                refinement_enabled: false,
                backend: None,
                device_name: None,
                compute_capability: None,
                precision: None,
                fallback_reason: None,
                model: None,
                version,
                reported_at: None,
                report_age_seconds: None,
            };
        };
        Self {
            sdxl_available: report.sdxl_available,
            device: Some(report.device),
            base_model_loaded: report.base_model_loaded,
            refiner_model_loaded: report.refiner_model_loaded,
            refinement_enabled: report.refinement_enabled,
            backend: Some(report.backend),
            device_name: Some(report.device_name),
            compute_capability: report.compute_capability,
            precision: Some(report.precision),
            fallback_reason: report.fallback_reason,
            model: Some(report.model),
            version,
            reported_at: Some(report.at),
            report_age_seconds: Some(now.duration_since(report.at).as_secs_f64().max(0.0)),
        }
    }
}

/// Counts and times, from the tasks themselves.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct MetricsView {
    /// Tasks by where they stand.
    pub tasks: BTreeMap<String, u64>,
    /// Times of the newest drawn tasks.
    pub drawn: DrawnTimes,
}

/// Times of the newest drawn tasks.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct DrawnTimes {
    /// How many tasks these are.
    pub tasks: usize,
    /// Seconds of a step.
    pub step_seconds: Option<Spread>,
    /// Seconds of drawing, a picture.
    pub picture_seconds: Option<Spread>,
    /// Seconds from the request to the first claim.
    pub queue_seconds: Option<Spread>,
    /// US dollars a picture, where the price of the worker is known.
    pub dollars_per_picture: Option<Spread>,
}

/// The middle and the upper end of some numbers.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, ToSchema)]
pub struct Spread {
    /// Half are below.
    pub median: f64,
    /// 95 in a hundred are below.
    pub p95: f64,
}

impl Spread {
    /// The spread of `numbers`; none of none.
    #[must_use]
    pub fn of(mut numbers: Vec<f64>) -> Option<Self> {
        numbers.retain(|number| number.is_finite());
        numbers.sort_unstable_by(f64::total_cmp);
        let at = |part: usize| numbers.get((numbers.len().checked_sub(1)?) * part / 100).copied();
        Some(Self { median: at(50)?, p95: at(95)? })
    }
}
