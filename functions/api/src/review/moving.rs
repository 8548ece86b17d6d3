//! One move on one task.

use easel_domain::identity::Identity;
use easel_domain::task::Task;
use uuid::Uuid;

use super::changes::Words;
use crate::error::Result;
use crate::services::Services;

/// Makes a move on a task, as far as the rules let the caller.
///
/// # Errors
/// As [`Workflow::move_task`](easel_storage::workflow::Workflow::move_task).
pub(super) async fn move_task(
    services: &Services,
    id: Uuid,
    words: &Words,
    identity: &Identity,
    expected: Option<u64>,
) -> Result<Task> {
    let change = |task: &Task| {
        services.rules.may_make(identity, words.action(), task)?;
        words.change(task, identity)
    };
    Ok(services.workflow.move_task(id, words.action(), identity, expected, change).await?)
}
