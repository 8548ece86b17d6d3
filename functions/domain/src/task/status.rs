//! The states of a task and the legal moves between them.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Where a task stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Waits for a worker.
    Pending,
    /// A worker draws it.
    InProgress,
    /// Stopped by a person, to be resumed where it was.
    Paused,
    /// Drawn; a person decides.
    AwaitingApproval,
    /// A reviewer said yes.
    Approved,
    /// Its images are public.
    Published,
    /// A reviewer said no.
    Rejected,
    /// It could not be generated.
    Failed,
    /// Called off.
    Cancelled,
    /// On its way out: removed after the grace period.
    Deleted,
}

impl Status {
    /// Every state.
    pub const ALL: [Status; 10] = [
        Status::Pending,
        Status::InProgress,
        Status::Paused,
        Status::AwaitingApproval,
        Status::Approved,
        Status::Published,
        Status::Rejected,
        Status::Failed,
        Status::Cancelled,
        Status::Deleted,
    ];

    /// The name in answers, rows and indexes.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Status::Pending => "pending",
            Status::InProgress => "in_progress",
            Status::Paused => "paused",
            Status::AwaitingApproval => "awaiting_approval",
            Status::Approved => "approved",
            Status::Published => "published",
            Status::Rejected => "rejected",
            Status::Failed => "failed",
            Status::Cancelled => "cancelled",
            Status::Deleted => "deleted",
        }
    }

    /// The state with this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == name)
    }

    /// The state that `action` leads to from here; `None` is an illegal move. This is the whole state machine.
    #[must_use]
    pub fn after(self, action: Move, Circumstances { stood, is_enough }: Circumstances) -> Option<Self> {
        match (self, action) {
            (Self::Pending | Self::InProgress, Move::Claim) => Some(Self::InProgress),
            (Self::InProgress, Move::HandOn) | (Self::Paused, Move::Resume) => Some(Self::Pending),
            (Self::InProgress, Move::Finish) => Some(Self::AwaitingApproval),
            (Self::Pending | Self::InProgress, Move::Fail) => Some(Self::Failed),
            (Self::Pending | Self::InProgress, Move::Pause) => Some(Self::Paused),
            (
                Self::Pending
                | Self::InProgress
                | Self::Paused
                | Self::AwaitingApproval
                | Self::Rejected
                | Self::Failed,
                Move::Cancel,
            ) => Some(Self::Cancelled),
            (Self::AwaitingApproval, Move::Approve) if is_enough => Some(Self::Approved),
            (Self::AwaitingApproval, Move::Approve) => Some(Self::AwaitingApproval),
            (Self::AwaitingApproval, Move::Reject) => Some(Self::Rejected),
            (Self::Approved | Self::Rejected, Move::Reopen) => Some(Self::AwaitingApproval),
            (Self::Cancelled | Self::Deleted, Move::Reopen) => Some(stood),
            (Self::Approved, Move::Publish) => Some(Self::Published),
            (Self::Published, Move::Unpublish) => Some(Self::Approved),
            (Self::Rejected | Self::Failed, Move::Retry) => Some(Self::Pending),
            (from, Move::Relabel) if from != Self::Deleted => Some(from),
            (from, Move::Delete) if from != Self::Deleted => Some(Self::Deleted),
            _ => None,
        }
    }

    /// The moves that a person can make from here.
    #[must_use]
    pub fn next_moves(self) -> Vec<Move> {
        let is_legal = |action: &Move| self.after(*action, Circumstances::default()).is_some();
        Move::BY_PEOPLE.into_iter().filter(is_legal).collect()
    }
}

impl std::fmt::Display for Status {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// What of a task decides where a move leads that is legal in any case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Circumstances {
    /// Where the task stood before it was cancelled or deleted.
    pub stood: Status,
    /// Whether one approval more is enough.
    pub is_enough: bool,
}

impl Default for Circumstances {
    /// Those of a new task that takes one approval.
    fn default() -> Self {
        Self { stood: Status::Pending, is_enough: true }
    }
}

/// What can be done to a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Move {
    /// A worker takes it, from the queue or from a worker whose lease ran out.
    Claim,
    /// A worker short of time leaves the rest to the next one.
    HandOn,
    /// The images are generated.
    Finish,
    /// It cannot be generated.
    Fail,
    /// Stop for now.
    Pause,
    /// Go on.
    Resume,
    /// Call off.
    Cancel,
    /// Accept the images.
    Approve,
    /// Turn the images down.
    Reject,
    /// Make the images public.
    Publish,
    /// Take the public images away.
    Unpublish,
    /// Another attempt.
    Retry,
    /// Take back an approval or a rejection, a cancellation or, within the grace period, a deletion.
    Reopen,
    /// Another title or other tags; the task stands where it stood.
    Relabel,
    /// Remove after the grace period.
    Delete,
}

impl Move {
    /// Every move.
    pub const ALL: [Move; 15] = [
        Move::Claim,
        Move::HandOn,
        Move::Finish,
        Move::Fail,
        Move::Pause,
        Move::Resume,
        Move::Cancel,
        Move::Approve,
        Move::Reject,
        Move::Publish,
        Move::Unpublish,
        Move::Retry,
        Move::Reopen,
        Move::Relabel,
        Move::Delete,
    ];

    /// The moves by which people decide where a task stands. Workers make the others, but for the one that changes labels
    /// alone.
    pub const BY_PEOPLE: [Move; 10] = [
        Move::Pause,
        Move::Resume,
        Move::Cancel,
        Move::Approve,
        Move::Reject,
        Move::Publish,
        Move::Unpublish,
        Move::Retry,
        Move::Reopen,
        Move::Delete,
    ];

    /// Their names.
    pub const NAMES_BY_PEOPLE: [&str; 10] = {
        let mut names = [""; 10];
        let mut index = 0;
        while index < names.len() {
            names[index] = Self::BY_PEOPLE[index].as_str();
            index += 1;
        }
        names
    };

    /// The name in paths, answers and events.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Move::Claim => "claim",
            Move::HandOn => "hand_on",
            Move::Finish => "finish",
            Move::Fail => "fail",
            Move::Pause => "pause",
            Move::Resume => "resume",
            Move::Cancel => "cancel",
            Move::Approve => "approve",
            Move::Reject => "reject",
            Move::Publish => "publish",
            Move::Unpublish => "unpublish",
            Move::Retry => "retry",
            Move::Reopen => "reopen",
            Move::Relabel => "relabel",
            Move::Delete => "delete",
        }
    }

    /// The move with this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|action| action.as_str() == name)
    }
}

impl std::fmt::Display for Move {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.as_str())
    }
}
