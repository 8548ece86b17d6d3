//! Bodies other than tasks, as clients see them.

use std::collections::BTreeMap;

use easel_domain::task::Status;
use easel_problem::Problem;
use easel_storage::workflow::Erasure;
use serde::Serialize;
use utoipa::ToSchema;

use crate::health::WorkerView;
use crate::schemas::ProblemSchema;
use crate::services::DiskView;
use crate::task_summary::TaskSummary;
use crate::task_view::EventView;

/// A part of a list of tasks.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct TaskPage {
    /// Newest first, or oldest first if asked for.
    pub(crate) tasks: Vec<TaskSummary>,
    /// What to give as `cursor` for the tasks after these; none at the end of the list.
    pub(crate) next_cursor: Option<String>,
}

/// What happened to a task, or a part of it.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct HistoryView {
    /// Oldest first.
    pub(crate) events: Vec<EventView>,
    /// What to give as `cursor` for the events after these; none if there are none yet.
    pub(crate) next_cursor: Option<String>,
    /// The newest event by the task's own row, read before these; none of a task that is gone.
    pub(crate) newest: Option<NewestEvent>,
}

/// Names to choose from.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct Suggestions {
    /// In the order of the alphabet.
    pub(crate) names: Vec<String>,
}

/// How far a person's tasks are erased.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct ErasureView {
    /// How many tasks this call erased.
    pub(crate) erased: usize,
    /// How many a worker still holds, for a minute or so.
    pub(crate) held: usize,
    /// Whether nothing is left; otherwise, call again.
    pub(crate) is_done: bool,
}

impl ErasureView {
    /// The answer to a call that came so far.
    pub(crate) fn new(Erasure { erased, held, is_cut }: Erasure) -> Self {
        Self { erased, held, is_done: held == 0 && !is_cut }
    }
}

/// The event that led to a task's version.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct NewestEvent {
    /// The version.
    pub(crate) version: u64,
    /// Its hash.
    pub(crate) hash: String,
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

/// Counts and times, from the tasks themselves.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct MetricsView {
    /// Tasks by their state.
    pub(crate) tasks: BTreeMap<String, u64>,
    /// Times of the newest drawn tasks.
    pub(crate) drawn: DrawnTimes,
    /// The workers that have reported in the last day, the newest report first.
    pub(crate) workers: Vec<WorkerView>,
    /// What is kept on the service's disk; none where it keeps its images elsewhere.
    pub(crate) disk: Option<DiskView>,
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
