//! One row of a task's history.

use easel_settings::Settings;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use super::attempt::{GeneratedImage, GenerationReport};
use super::link::Link;
use super::record::{Publication, Task};
use super::remark::{ImageNote, Region};
use super::status::{Move, Status};
use super::used_file::UsedFile;
use crate::identity::Identity;

/// A change of a task: who made it, when, from where to where, and all that it brought. The events of a task, applied
/// in order, give the task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// The task.
    pub task: Uuid,
    /// The task's version after it.
    pub version: u64,
    /// When.
    pub at: Timestamp,
    /// Who.
    pub by: Identity,
    /// The state before; absent for the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Status>,
    /// The state after.
    pub to: Status,
    /// What was done.
    pub change: Change,
    /// What ties it to the event before; none of events from before there was a chain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<Link>,
}

/// What an event does to a task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Change {
    /// The task as it was made.
    Create {
        /// Its first version.
        made: Box<Task>,
    },
    /// See [`Move::Claim`].
    Claim {
        /// The worker's name.
        worker: String,
        /// The step that it continues from.
        step: u32,
        /// The files that the attempt is drawn with; events from before files were named have none.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        used: Vec<UsedFile>,
    },
    /// See [`Move::HandOn`].
    HandOn {
        /// Steps done so far.
        step: u32,
        /// Why the worker cannot continue.
        reason: String,
        /// Whether it makes way for somebody else's task.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        makes_way: bool,
    },
    /// See [`Move::Finish`].
    Finish {
        /// The images, in order.
        #[serde(alias = "pictures")]
        images: Vec<GeneratedImage>,
        /// How they were generated.
        generation: Box<GenerationReport>,
    },
    /// See [`Move::Fail`].
    Fail {
        /// What went wrong and what to do next.
        reason: String,
    },
    /// See [`Move::Pause`].
    Pause,
    /// See [`Move::Resume`].
    Resume,
    /// See [`Move::Cancel`].
    Cancel {
        /// Why, if said.
        reason: Option<String>,
    },
    /// See [`Move::Approve`].
    Approve {
        /// What the reviewer adds.
        note: Option<String>,
        /// The indexes of the images that are approved; all of them if absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        images: Option<Vec<u32>>,
        /// Notes to single images.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        notes: Vec<ImageNote>,
    },
    /// See [`Move::Reject`].
    Reject {
        /// Why.
        reason: String,
        /// Notes to single images.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        notes: Vec<ImageNote>,
        /// Where in the images something is wrong.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        regions: Vec<Region>,
    },
    /// See [`Move::Reopen`].
    Reopen {
        /// Why.
        reason: String,
    },
    /// See [`Move::Publish`].
    Publish {
        /// Where the images are public, in order.
        publication: Publication,
    },
    /// See [`Move::Unpublish`].
    Unpublish {
        /// Why, if said.
        reason: Option<String>,
    },
    /// See [`Move::Retry`].
    Retry {
        /// What the new attempt draws.
        settings: Box<Settings>,
    },
    /// See [`Move::Retry`]: the attempt that failed once more, as it was.
    Redrive,
    /// See [`Move::Relabel`].
    Relabel {
        /// The title from now on.
        title: Option<String>,
        /// All tags from now on.
        tags: Vec<String>,
        /// How many reviewers the tags ask for. Fewer than before change nothing, or whoever takes a tag away would spare
        /// themselves a reviewer.
        #[serde(default, skip_serializing_if = "is_zero")]
        approvals_needed: u32,
    },
    /// See [`Move::Delete`].
    Delete {
        /// When the task and its images go.
        after: Timestamp,
    },
    /// What a move brought is erased, with its task; that it was made stays.
    Erased {
        /// The move; none of a creation.
        was: Option<Move>,
        /// Whose task it was; said with its creation.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        owner: Option<String>,
    },
}

/// Serde hands over references.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

impl Change {
    /// The move that it is; creation is none.
    #[must_use]
    pub fn action(&self) -> Option<Move> {
        Some(match self {
            Self::Create { .. } => return None,
            Self::Erased { was, .. } => return *was,
            Self::Claim { .. } => Move::Claim,
            Self::HandOn { .. } => Move::HandOn,
            Self::Finish { .. } => Move::Finish,
            Self::Fail { .. } => Move::Fail,
            Self::Pause => Move::Pause,
            Self::Resume => Move::Resume,
            Self::Cancel { .. } => Move::Cancel,
            Self::Approve { .. } => Move::Approve,
            Self::Reject { .. } => Move::Reject,
            Self::Reopen { .. } => Move::Reopen,
            Self::Publish { .. } => Move::Publish,
            Self::Unpublish { .. } => Move::Unpublish,
            Self::Retry { .. } | Self::Redrive => Move::Retry,
            Self::Relabel { .. } => Move::Relabel,
            Self::Delete { .. } => Move::Delete,
        })
    }

    /// All that it brought, as the API shows it.
    #[must_use]
    pub fn details(&self) -> Value {
        let mut details = match self {
            Self::Erased { .. } => json!({}),
            Self::Create { made } => json!({
                "owner": made.owner,
                "title": made.title,
                "tags": made.tags,
                "metadata": made.metadata,
                "source": made.source,
                "settings": made.attempt.settings,
            }),
            // Nothing in a change is without a form in JSON.
            other => serde_json::to_value(other).unwrap_or_default(),
        };
        if let Some(details) = details.as_object_mut() {
            details.remove("kind");
        }
        details
    }

    /// What is left of it once its content is erased.
    #[must_use]
    pub fn erased(&self) -> Self {
        Self::Erased { was: self.action(), owner: self.owner().map(str::to_owned) }
    }

    /// Whose task it made; none if it made none.
    #[must_use]
    pub fn owner(&self) -> Option<&str> {
        match self {
            Self::Create { made } => Some(&made.owner),
            Self::Erased { owner, .. } => owner.as_deref(),
            _ => None,
        }
    }

    /// What a person or worker said to it.
    #[must_use]
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::HandOn { reason, .. }
            | Self::Fail { reason }
            | Self::Reject { reason, .. }
            | Self::Reopen { reason } => Some(reason),
            Self::Cancel { reason } | Self::Unpublish { reason } => reason.as_deref(),
            Self::Approve { note, .. } => note.as_deref(),
            _ => None,
        }
    }
}
