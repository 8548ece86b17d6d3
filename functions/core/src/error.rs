//! What can go wrong, in the words of those who called.

use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::identity::Role;
use crate::task::{Move, Refusal, Status};

/// This crate's results.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// One wrong field of a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct WrongField {
    /// Its name, or a path such as `tags[3]`.
    pub field: String,
    /// What is wrong with it and what would be right.
    pub message: String,
}

impl WrongField {
    /// A wrong field.
    pub fn new(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self { field: field.into(), message: message.into() }
    }
}

/// Why a call cannot be answered as asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The body cannot be read at all.
    #[error("{0}")]
    Malformed(String),
    /// The body is read, and these fields are wrong.
    #[error("{}", list(.0))]
    Invalid(Vec<WrongField>),
    /// These parts of the address or the headers are wrong.
    #[error("{}", list(.0))]
    WrongParameters(Vec<WrongField>),
    /// The body is longer than anything the API takes.
    #[error("the body has {length} bytes, the limit is {limit}: shorten it")]
    TooLong {
        /// Its length.
        length: usize,
        /// The limit.
        limit: usize,
    },
    /// The caller is not known.
    #[error("{0}")]
    Unauthenticated(String),
    /// The caller's role does not do.
    #[error("this needs the role {}, the token says {}", .needed.as_str(), .role.as_str())]
    Forbidden {
        /// What it takes.
        needed: Role,
        /// What there is.
        role: Role,
    },
    /// There is nothing there, or nothing that the caller may see.
    #[error("{0}")]
    NotFound(String),
    /// The address is known, the method is not.
    #[error("{0}")]
    WrongMethod(String),
    /// The state machine does not have this move.
    #[error("{}", illegal(*.status, *.step))]
    Illegal {
        /// Where the task stands.
        status: Status,
        /// What was tried.
        step: Move,
    },
    /// Something else stands in the way of the change.
    #[error("{0}")]
    Conflict(String),
    /// The task has moved on since the caller looked.
    #[error("the task is at version {current} by now, `If-Match` says {seen}: get the task again and decide anew")]
    Stale {
        /// The task's version.
        current: u64,
        /// The caller's.
        seen: String,
    },
    /// The idempotency key was used for something else.
    #[error("this Idempotency-Key was used with another body: use a new key for a new task")]
    KeyReused,
    /// DynamoDB or S3 does not do its part, after retries.
    #[error("{service} is not to be had at the moment ({detail}): try again in a few seconds")]
    Unavailable {
        /// Which one.
        service: &'static str,
        /// What it said; for logs, not for callers.
        detail: String,
    },
    /// Easel itself is wrong.
    #[error("{0}")]
    Internal(String),
}

impl Error {
    /// There is no such task, as far as the caller is concerned.
    #[must_use]
    pub fn no_task(id: Uuid) -> Self {
        Self::NotFound(format!("there is no task {id}"))
    }

    /// Whether the same call may succeed later without anybody changing anything.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        matches!(self, Self::Unavailable { .. })
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Illegal { status, step } => Self::Illegal { status, step },
            other => Self::Conflict(other.to_string()),
        }
    }
}

fn list(fields: &[WrongField]) -> String {
    let lines: Vec<_> = fields.iter().map(|wrong| format!("{}: {}", wrong.field, wrong.message)).collect();
    lines.join("; ")
}

fn illegal(status: Status, step: Move) -> String {
    let legal: Vec<_> = status.next_moves().iter().map(|step| step.as_str()).collect();
    let legal = if legal.is_empty() { "nothing can be done to it".to_owned() } else { legal.join(", ") };
    format!("a task that is {status} cannot be moved by `{step}`; from here: {legal}")
}
