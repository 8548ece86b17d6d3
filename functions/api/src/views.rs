//! Bodies other than tasks, as clients see them.

use std::collections::BTreeMap;

use easel_domain::task::Status;
use easel_problem::Problem;
use easel_storage::store::WorkerReport;
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use crate::schemas::ProblemSchema;
use crate::task_view::{EventView, TaskView};

/// A part of a list of tasks.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct TaskPage {
    /// Newest first, or oldest first if asked for.
    pub(crate) tasks: Vec<TaskView>,
    /// What to give as `cursor` for the tasks after these; none at the end of the list.
    pub(crate) next_cursor: Option<String>,
}

/// Everything that happened to a task.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct HistoryView {
    /// Oldest first.
    pub(crate) events: Vec<EventView>,
}

/// What became of each task of a bulk move, in the order of the ids.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct BulkAnswer {
    /// One a task.
    pub(crate) results: Vec<BulkResult>,
}

/// What became of one task of a bulk move.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct BulkResult {
    /// The id as it was given.
    pub(crate) id: String,
    /// What a request for this task alone would have been answered with.
    pub(crate) status: u16,
    /// The task's state now.
    pub(crate) task_status: Option<Status>,
    /// The task's version now.
    pub(crate) version: Option<u64>,
    /// Why it was not moved.
    #[schema(value_type = Option<ProblemSchema>)]
    pub(crate) problem: Option<Problem>,
}

/// Whether and on what images can be drawn: what a worker last reported.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct HealthView {
    /// Whether there is a worker that can draw.
    pub(crate) sdxl_available: bool,
    /// `cpu` or `cuda`; `none` if the worker cannot draw, null before there was one.
    pub(crate) device: Option<String>,
    /// Whether the base model is open.
    pub(crate) base_model_loaded: bool,
    /// Whether the refiner is open.
    pub(crate) refiner_model_loaded: bool,
    /// Whether images are refined unless asked otherwise.
    pub(crate) refinement_enabled: bool,
    /// What computes.
    pub(crate) backend: Option<String>,
    /// The device's own name.
    pub(crate) device_name: Option<String>,
    /// Of a CUDA device.
    pub(crate) compute_capability: Option<String>,
    /// `f32`, `bf16`, `f16` or `int8`.
    pub(crate) precision: Option<String>,
    /// Why not CUDA, or why nothing at all.
    pub(crate) fallback_reason: Option<String>,
    /// The model's name.
    pub(crate) model: Option<String>,
    /// The API's version.
    pub(crate) version: String,
    /// When the worker reported it.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub(crate) reported_at: Option<Timestamp>,
    /// How long ago that is.
    pub(crate) report_age_seconds: Option<f64>,
}

impl HealthView {
    /// Health from what a worker last reported.
    #[must_use]
    pub(crate) fn new(report: Option<WorkerReport>, now: Timestamp) -> Self {
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
pub(crate) struct MetricsView {
    /// Tasks by their state.
    pub(crate) tasks: BTreeMap<String, u64>,
    /// Times of the newest drawn tasks.
    pub(crate) drawn: DrawnTimes,
}

/// Times of the newest drawn tasks.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct DrawnTimes {
    /// How many tasks these are.
    pub(crate) tasks: usize,
    /// Seconds of a step.
    pub(crate) step_seconds: Option<Spread>,
    /// Seconds of drawing, an image.
    pub(crate) image_seconds: Option<Spread>,
    /// Seconds from the request to the first claim.
    pub(crate) queue_seconds: Option<Spread>,
    /// US dollars an image, where the price of the worker is known.
    pub(crate) dollars_per_image: Option<Spread>,
}

/// The middle and the upper end of some numbers.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, ToSchema)]
pub(crate) struct Spread {
    /// Half are below.
    pub(crate) median: f64,
    /// 95 in a hundred are below.
    pub(crate) p95: f64,
}

impl Spread {
    /// The spread of `numbers`; none of none.
    #[must_use]
    pub(crate) fn of(mut numbers: Vec<f64>) -> Option<Self> {
        numbers.retain(|number| number.is_finite());
        numbers.sort_unstable_by(f64::total_cmp);
        let at = |part: usize| numbers.get((numbers.len().checked_sub(1)?) * part / 100).copied();
        Some(Self { median: at(50)?, p95: at(95)? })
    }
}
