//! Why a task cannot be changed as somebody wants.

use jiff::Timestamp;

use super::status::{Move, Status};

/// After how many events a task does nothing any more that it could do again and again.
pub const MAX_EVENTS: u64 = 5_000;
/// Most attempts of one task.
pub const MAX_ATTEMPTS: u32 = 10;
/// Why a change cannot be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The state machine does not have this move.
    #[error("can't {action} a task that is {status}")]
    Illegal {
        /// Where the task stands.
        status: Status,
        /// What was tried.
        action: Move,
    },
    /// Another attempt would be one too many.
    #[error("the task has had {MAX_ATTEMPTS} attempts, which is the limit: create a new task")]
    TooManyAttempts,
    /// The history has become too long to go on with.
    #[error("the task has {MAX_EVENTS} events or more: finish or delete it, and create a new one for more")]
    TooManyEvents,
    /// There is no failed attempt to make once more.
    #[error("only a task that failed can be tried again as it was: retry it with other settings, or without `same`")]
    NotFailed,
    /// An approval names images that are not there.
    #[error("the task has {count} images, which are counted from 0: approve some of these, or all by naming none")]
    NoSuchImages {
        /// How many images there are.
        count: usize,
    },
    /// A note or a region is of an image that is not there.
    #[error("the task has {count} images, which are counted from 0: {field} are of these")]
    NoSuchImage {
        /// `notes` or `regions`.
        field: &'static str,
        /// How many images there are.
        count: usize,
    },
    /// An approval has no image in common with those before it.
    #[error(
        "{by} approved other images, and only those that all approve are approved: name some of {images:?}, or reject"
    )]
    NothingInCommon {
        /// Who approved before.
        by: String,
        /// The images that were approved so far.
        images: Vec<u32>,
    },
    /// A deleted task cannot be had back for ever.
    #[error("the task was to be removed at {after}, and cannot be restored since: create a new task")]
    GraceIsOver {
        /// When the grace period ended.
        after: Timestamp,
    },
    /// A task is made once.
    #[error("the task is there already")]
    Exists,
}
