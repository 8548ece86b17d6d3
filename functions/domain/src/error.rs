//! What can stand in the way of what somebody wants to do with a task.

use easel_settings::FieldError;
use uuid::Uuid;

use crate::identity::Role;
use crate::task::{Move, Refusal, Status};

/// This crate's results.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why something cannot be done.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Error {
    /// There is no such task, or none that the caller may see.
    #[error("there is no task {0}")]
    NotFound(Uuid),
    /// The caller's role does not allow it.
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
    /// The caller asked for the images, and the service wants somebody else to accept them.
    #[error("you asked for these images, and another reviewer has to {action} them: ask one of them to")]
    OwnImages {
        /// What was tried.
        action: Move,
    },
    /// These fields are wrong.
    #[error("{}", list(.0))]
    Invalid(Vec<FieldError>),
    /// The state machine does not have this move.
    #[error("{}", illegal(*.status, *.action))]
    Illegal {
        /// The task's state.
        status: Status,
        /// What was tried.
        action: Move,
    },
    /// Something else stands in the way of the change.
    #[error("{0}")]
    Conflict(String),
    /// The task has changed since the caller looked.
    #[error("the task is at version {current} now, no longer at {seen}: get the task again and decide anew")]
    Stale {
        /// The task's version.
        current: u64,
        /// The version that the caller saw.
        seen: u64,
    },
    /// The caller has as much of something as anybody may have.
    #[error("{what}: try again in {retry_after_seconds} seconds")]
    TooMany {
        /// What there is too much of, how much there may be, and what else helps.
        what: String,
        /// When the same call may succeed.
        retry_after_seconds: u64,
    },
    /// The idempotency key was used for something else.
    #[error("this idempotency key was used with another body: use a new key for a new task")]
    KeyReused,
}

/// A role that does not allow what was tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this needs the role {}, your role is {}", .needed.as_str(), .role.as_str())]
pub struct Forbidden {
    /// The least role that it needs.
    pub needed: Role,
    /// The caller's role.
    pub role: Role,
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Illegal { status, action } => Self::Illegal { status, action },
            Refusal::NoSuchImages { .. } => Self::Invalid(vec![FieldError::new("images", refusal.to_string())]),
            Refusal::NoSuchImage { field, .. } => Self::Invalid(vec![FieldError::new(field, refusal.to_string())]),
            other => Self::Conflict(other.to_string()),
        }
    }
}

fn list(fields: &[FieldError]) -> String {
    fields.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

fn illegal(status: Status, action: Move) -> String {
    let next: Vec<_> = status.next_moves().into_iter().map(Move::as_str).collect();
    let next = if next.is_empty() { "nothing".to_owned() } else { next.join(", ") };
    let words = |name: &str| name.replace('_', " ");
    format!("can't {} a task that is {}; possible next: {next}", words(action.as_str()), words(status.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_illegal_move_names_the_legal_ones() {
        let error = Error::Illegal { status: Status::AwaitingApproval, action: Move::Pause };
        let expected = "can't pause a task that is awaiting approval; possible next: cancel, approve, reject, delete";
        assert_eq!(error.to_string(), expected);
        let error = Error::Illegal { status: Status::Deleted, action: Move::Approve };
        assert_eq!(error.to_string(), "can't approve a task that is deleted; possible next: reopen");
    }
}
