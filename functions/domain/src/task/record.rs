//! A task as it is kept.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::attempt::{Attempt, GeneratedImage};
use super::decision::{Approval, Decision};
use super::status::{Circumstances, Status};

/// A request for images on its way through generation and approval.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Task {
    /// A `UUIDv7`, so that ids sort by creation.
    pub id: Uuid,
    /// Counts the changes, from 1.
    pub version: u64,
    /// Where it stands.
    pub status: Status,
    /// Who asked for it.
    pub owner: String,
    /// A name for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Words to find it by.
    #[serde(default)]
    pub tags: Vec<String>,
    /// Whatever the client wants to keep with it.
    #[serde(default)]
    pub metadata: BTreeMap<String, String>,
    /// The key of the dropped file that it was made from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// The current try.
    pub attempt: Attempt,
    /// The tries before it, oldest first. Each is kept in a row of its own, and only who asks for the whole task reads
    /// them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub earlier_attempts: Vec<Attempt>,
    /// Who approved it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval: Option<Approval>,
    /// Where its images are public.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub publication: Option<Publication>,
    /// Who called it off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cancellation: Option<Decision>,
    /// Who deleted it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deletion: Option<Deletion>,
    /// The hash of the event that led to this version; none from before events were chained.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub newest_event: Option<String>,
}

/// Where a task's images are public.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Publication {
    /// Who published.
    pub by: String,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// The public keys of the approved images, in their order.
    pub keys: Vec<String>,
}

/// A deletion that waits for the end of the grace period.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Deletion {
    /// Who asked for it.
    pub by: String,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// When the task and its images go.
    #[schema(value_type = String, format = DateTime)]
    pub after: Timestamp,
}

impl Task {
    /// Whether this person asked for the current try: the whole task, or this try after another.
    #[must_use]
    pub fn was_asked_for_by(&self, name: &str) -> bool {
        self.owner == name || self.attempt.requested_by.as_deref() == Some(name)
    }

    /// Whether the worker that has claimed the task as `held` still holds it, whatever it is called by now.
    #[must_use]
    pub fn is_still_held(&self, held: &Self) -> bool {
        self.status == Status::InProgress && self.attempt.claim == held.attempt.claim
    }

    /// The images of the current try that are approved, if any are.
    pub fn approved_images(&self) -> impl Iterator<Item = &GeneratedImage> {
        let is_approved = |image: &&GeneratedImage| {
            self.approval.as_ref().is_some_and(|Approval { images, .. }| {
                images.as_ref().is_none_or(|indexes| indexes.contains(&image.index))
            })
        };
        self.attempt.images.iter().filter(is_approved)
    }

    /// What of the task decides where a move by this person leads.
    #[must_use]
    pub fn circumstances(&self, by: &str) -> Circumstances {
        let others = self.attempt.approvals.iter().filter(|approval| approval.decision.by != by).count();
        let is_enough = others + 1 >= usize::try_from(self.attempt.approvals_needed).unwrap_or(usize::MAX);
        Circumstances { stood: self.stood(), is_enough }
    }

    /// Where the task stood before it was cancelled or deleted, by what it has: a publication has ended by then, and a
    /// worker's hold on it.
    fn stood(&self) -> Status {
        let Attempt { failure, rejection, images, was_paused, .. } = &self.attempt;
        match self {
            _ if self.status == Status::Deleted && self.cancellation.is_some() => Status::Cancelled,
            _ if self.approval.is_some() => Status::Approved,
            _ if rejection.is_some() => Status::Rejected,
            _ if failure.is_some() => Status::Failed,
            _ if !images.is_empty() => Status::AwaitingApproval,
            _ if *was_paused => Status::Paused,
            _ => Status::Pending,
        }
    }

    /// Every try, oldest first, of a task that was read as a whole.
    pub fn attempts(&self) -> impl Iterator<Item = &Attempt> {
        self.earlier_attempts.iter().chain([&self.attempt])
    }
}
