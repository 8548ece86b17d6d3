//! Everything that is shown: tasks, their history, health, metrics, the description of the API.

mod list;
mod metrics;

use std::future::ready;

use easel_core::error::{Error, Result};
use easel_core::http::{Answer, Call, EventView, HealthView, HistoryView, Operation, Tag, TaskView, document};
use easel_core::services::Services;
use easel_core::task::{Change, Status};
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
        Operation::Identity => {
            call.parameters().finish()?;
            Answer::json(200, call.identity()?)
        }
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
    let tag = Tag::version(task.version);
    let view = TaskView::new(&task, progress.as_ref(), identity, &workflow.gallery);
    // While it is drawn, progress comes without a new version.
    if task.status == Status::InProgress {
        return Ok(Answer::json(200, &view.await?)?.with("etag", tag));
    }
    call.show(tag, view).await
}

/// The history outlives the task, so that it can be said who deleted it.
async fn history(services: &Services, call: &Call) -> Result<Answer> {
    call.parameters().finish()?;
    let (id, identity) = (call.task()?, call.identity()?);
    let events = services.workflow.store.history(id).await?;
    let (Some(Change::Create { made }), Some(last)) = (events.first().map(|event| &event.change), events.last()) else {
        return Err(Error::no_task(id));
    };
    identity.may_see(made)?;
    let history = async { Ok(HistoryView { events: events.iter().map(EventView::new).collect::<Result<_>>()? }) };
    call.show(Tag::version(last.version), history).await
}

async fn health(services: &Services, call: &Call) -> Result<Answer> {
    call.parameters().finish()?;
    let report = services.workflow.store.newest_worker().await?;
    let health = HealthView::new(report, Timestamp::now());
    let tag = Tag::weak(&HealthView { report_age_seconds: None, ..health.clone() })?;
    call.show(tag, ready(Ok(health))).await
}
