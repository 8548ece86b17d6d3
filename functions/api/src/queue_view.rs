//! The queue as clients see it.

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// What waits to be drawn, in its order.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct QueueView {
    /// Whether nothing is drawn for now.
    pub(crate) paused: bool,
    /// Since when.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub(crate) paused_at: Option<Timestamp>,
    /// Who paused it; reviewers learn it.
    pub(crate) paused_by: Option<String>,
    /// How many tasks wait.
    pub(crate) waiting: u64,
    /// How many are being drawn.
    pub(crate) running: u64,
    /// How many are drawn and await approval; reviewers learn it.
    pub(crate) awaiting_approval: Option<u64>,
    /// How many workers draw, as far as they report by themselves.
    pub(crate) workers: usize,
    /// Megapixel-evaluations a second of one worker, measured on the newest drawn tasks.
    pub(crate) speed: Option<f64>,
    /// The tasks in the order in which they are drawn, if nothing else is asked for meanwhile. Creators see their own.
    pub(crate) tasks: Vec<QueuedTask>,
    /// What to give as `cursor` for the tasks after these; none at the end.
    pub(crate) next_cursor: Option<String>,
}

/// A task that waits.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct QueuedTask {
    /// Its id, a UUID.
    pub(crate) id: Uuid,
    /// Its place among everybody's, from 1.
    pub(crate) position: usize,
    /// Who asked for it.
    pub(crate) owner: String,
    /// Its title, or the beginning of its prompt.
    pub(crate) title: String,
    /// How much it is before others; 0 if it is drawn in its turn.
    pub(crate) priority: u64,
    /// Since when it waits.
    #[schema(value_type = String, format = DateTime)]
    pub(crate) waiting_since: Timestamp,
    /// Its work in megapixel-evaluations.
    pub(crate) work: f64,
    /// In how many seconds it is estimated to be begun; none as long as no speed is known or the queue is paused.
    pub(crate) starts_in_seconds: Option<f64>,
}
