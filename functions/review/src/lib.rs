//! Everything that people do to tasks once they are there.

mod bulk;
mod moves;

use easel_core::error::{Error, Result};
use easel_core::http::{Answer, Call, Operation, Tag, TaskView};
use easel_core::services::Services;
use easel_core::task::Move;

/// Answers a call of a route of this function.
///
/// # Errors
/// Whatever keeps it from being answered as asked.
pub async fn handle(services: Services, call: Call) -> Result<Answer> {
    call.parameters().finish()?;
    match call.route.operation {
        Operation::Move(step) => move_one(&services, &call, step).await,
        Operation::MoveMany => bulk::move_many(&services, &call).await,
        _ => Err(Error::Internal(format!("{} is not a route of this function", call.route.path))),
    }
}

async fn move_one(services: &Services, call: &Call, step: Move) -> Result<Answer> {
    let (id, identity) = (call.task()?, call.identity()?);
    let expected = call.expected_version()?;
    let workflow = &services.workflow;
    // Whoever may not move the task is told that first, not what is wrong with the body.
    let seen = workflow.store.task(id).await?;
    identity.may_make(step, &seen)?;
    let asked = moves::read(step, call.fields()?, &seen)?;
    let task = moves::make(workflow, id, asked, identity, expected).await?;
    let view = TaskView::new(&task, None, identity, &workflow.gallery).await?;
    let status = if step == Move::Delete { 202 } else { 200 };
    Ok(Answer::json(status, &view)?.with("etag", Tag::version(task.version)))
}
