//! The moves that people make, from what they say to what changes.

use easel_core::error::{Error, Result};
use easel_core::fields::Fields;
use easel_core::identity::Identity;
use easel_core::order::Order;
use easel_core::task::{Change, GRACE_PERIOD, Move, Settings, Task};
use easel_core::workflow::Workflow;
use jiff::Timestamp;
use uuid::Uuid;

/// Most characters of a note or reason.
const MAX_NOTE: usize = 2_000;

/// A move and what was said with it.
#[derive(Debug, Clone)]
pub(crate) enum Asked {
    Pause,
    Resume,
    Cancel { reason: Option<String> },
    Approve { note: Option<String> },
    Reject { reason: String },
    Publish,
    Retry { settings: Box<Settings>, new_init_image: Option<String> },
    Delete,
}

/// Reads what is said with a move of `task`.
pub(crate) fn read(step: Move, mut fields: Fields, task: &Task) -> Result<Asked> {
    let asked = match step {
        Move::Pause => Asked::Pause,
        Move::Resume => Asked::Resume,
        Move::Publish => Asked::Publish,
        Move::Delete => Asked::Delete,
        Move::Cancel => Asked::Cancel { reason: fields.text("reason", MAX_NOTE) },
        Move::Approve => Asked::Approve { note: fields.text("note", MAX_NOTE) },
        Move::Reject => {
            let reason = fields.text("reason", MAX_NOTE);
            if reason.is_none() && !fields.is_refused("reason") {
                fields.refuse("reason", "is missing: say why, so that the next attempt can be better");
            }
            Asked::Reject { reason: reason.unwrap_or_default() }
        }
        Move::Retry => {
            let settings = Order::read_changes(fields, &task.attempt.settings)?;
            let before = task.attempt.settings.init_image.as_ref();
            let new_init_image = settings.init_image.clone().filter(|key| Some(key) != before);
            return Ok(Asked::Retry { settings: Box::new(settings), new_init_image });
        }
        Move::Claim | Move::HandOn | Move::Finish | Move::Fail => {
            return Err(Error::Internal(format!("`{step}` is a move of workers")));
        }
    };
    fields.finish()?;
    Ok(asked)
}

impl Asked {
    fn step(&self) -> Move {
        match self {
            Self::Pause => Move::Pause,
            Self::Resume => Move::Resume,
            Self::Cancel { .. } => Move::Cancel,
            Self::Approve { .. } => Move::Approve,
            Self::Reject { .. } => Move::Reject,
            Self::Publish => Move::Publish,
            Self::Retry { .. } => Move::Retry,
            Self::Delete => Move::Delete,
        }
    }
}

/// Makes the move.
pub(crate) async fn make(
    workflow: &Workflow,
    id: Uuid,
    asked: Asked,
    identity: &Identity,
    expected: Option<u64>,
) -> Result<Task> {
    let step = asked.step();
    if let Asked::Retry { new_init_image, .. } = &asked {
        workflow.check_init_image(new_init_image.as_deref()).await?;
    }
    let change = |task: &Task| match asked.clone() {
        Asked::Pause => Change::Pause,
        Asked::Resume => Change::Resume,
        Asked::Cancel { reason } => Change::Cancel { reason },
        Asked::Approve { note } => Change::Approve { note },
        Asked::Reject { reason } => Change::Reject { reason },
        Asked::Publish => Change::Publish { publication: Workflow::publication(task, identity) },
        Asked::Retry { settings, .. } => Change::Retry { settings },
        Asked::Delete => Change::Delete { after: Timestamp::now() + GRACE_PERIOD },
    };
    workflow.make(id, step, identity, expected, change).await
}
