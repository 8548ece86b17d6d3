//! Everything that is shown: tasks, their history, health, metrics, the description of the API.

mod list;
mod metrics;

use easel_core::error::{Error, Result};
use easel_core::http::{Answer, Call, EventView, HealthView, HistoryView, Operation, TaskView, document};
use easel_core::services::Services;
use easel_core::task::Change;
use jiff::Timestamp;

/// Answers a call of a route of this function.
///
/// # Errors
/// Whatever keeps it from being answered as asked.
pub async fn handle(services: Services, call: Call) -> Result<Answer> {
    match call.route.operation {
        Operation::ListTasks => list::list(&services, &call).await,
        Operation::GetTask => task(&services, &call).await,
        Operation::GetHistory => history(&services, &call).await,
        Operation::Health => health(&services, &call).await,
        Operation::Metrics => metrics::metrics(&services, &call).await,
        Operation::OpenApi => {
            call.parameters().finish()?;
            Answer::json(200, &document()?)
        }
        _ => Err(Error::Internal(format!("{} is not a route of this function", call.route.path))),
    }
}

async fn task(services: &Services, call: &Call) -> Result<Answer> {
    call.parameters().finish()?;
    let identity = call.identity()?;
    let workflow = &services.workflow;
    let (task, progress) = workflow.store.task_and_progress(call.task()?).await?;
    identity.may_see(&task)?;
    let view = TaskView::new(&task, progress.as_ref(), identity, &workflow.gallery).await?;
    Ok(Answer::json(200, &view)?.with("etag", format!("\"{}\"", task.version)))
}

/// The history outlives the task, so that it can be said who deleted it.
async fn history(services: &Services, call: &Call) -> Result<Answer> {
    call.parameters().finish()?;
    let (id, identity) = (call.task()?, call.identity()?);
    let events = services.workflow.store.history(id).await?;
    let Some(Change::Create { made }) = events.first().map(|event| &event.change) else {
        return Err(Error::no_task(id));
    };
    identity.may_see(made)?;
    let events = events.iter().map(EventView::new).collect::<Result<_>>()?;
    Answer::json(200, &HistoryView { events })
}

async fn health(services: &Services, call: &Call) -> Result<Answer> {
    call.parameters().finish()?;
    let report = services.workflow.store.newest_worker().await?;
    Answer::json(200, &HealthView::new(report, Timestamp::now()))
}
