//! What people say about the queue: that nothing is drawn for now, or that a task comes before others.

use axum::Json;
use axum::extract::State;
use easel_domain::Error;
use easel_domain::task::Status;
use easel_storage::store::{MAX_FIRST, Prioritized};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::body::{Body, typed};
use crate::caller::Reviewer;
use crate::error::Result;
use crate::fields::{PRIORITY, QUEUE};
use crate::parameters::NoParameters;
use crate::schemas::{self, AnyProblem, BodyProblem, ConflictProblem, TaskProblem, TokenProblem};
use crate::services::Services;
use crate::task_id::TaskId;

#[derive(Deserialize)]
struct QueueWords {
    paused: bool,
    running: Option<String>,
}

#[derive(Deserialize)]
struct PriorityWords {
    priority: u64,
}

/// What has become of the queue.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct QueueChange {
    /// Whether nothing is drawn for now.
    pub(crate) paused: bool,
    /// How many tasks that were being drawn were paused or resumed with it.
    pub(crate) tasks: usize,
}

/// What has become of a task's priority.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct PriorityChange {
    /// From 0, which is usual.
    pub(crate) priority: u64,
}

/// Pause the whole queue, or have tasks drawn again.
#[utoipa::path(
    put,
    path = "/v1/queue",
    operation_id = "changeQueue",
    tag = "review",
    request_body = schemas::QueueBody,
    responses((status = 200, description = "The queue", body = QueueChange), AnyProblem, TokenProblem, BodyProblem),
    security(("token" = ["reviewer"]))
)]
pub(super) async fn change_queue(
    State(services): State<Services>,
    Reviewer(identity): Reviewer,
    _: NoParameters,
    body: Body,
) -> Result<Json<QueueChange>> {
    let words: QueueWords = typed(QUEUE, body.object()?).map_err(Error::Invalid)?;
    let workflow = &services.workflow;
    let tasks = if words.paused {
        workflow.pause_queue(&identity, words.running.as_deref() == Some("pause")).await?
    } else {
        workflow.resume_queue(&identity).await?
    };
    tracing::info!(by = identity.name, paused = words.paused, tasks, "the queue");
    Ok(Json(QueueChange { paused: words.paused, tasks }))
}

/// Have a task drawn before others.
///
/// Owners still take turns among tasks of the same priority. It lasts until the task is drawn, or for a week.
#[utoipa::path(
    put,
    path = "/v1/tasks/{id}/priority",
    operation_id = "prioritize",
    tag = "review",
    params(TaskId),
    request_body = schemas::PriorityBody,
    responses(
        (status = 200, description = "The priority", body = PriorityChange),
        AnyProblem, TokenProblem, TaskProblem, ConflictProblem, BodyProblem
    ),
    security(("token" = ["reviewer"]))
)]
pub(super) async fn prioritize(
    State(services): State<Services>,
    Reviewer(identity): Reviewer,
    _: NoParameters,
    TaskId(id): TaskId,
    body: Body,
) -> Result<Json<PriorityChange>> {
    let PriorityWords { priority } = typed(PRIORITY, body.object()?).map_err(Error::Invalid)?;
    let store = &services.workflow.store;
    let task = store.task(id).await?;
    identity.may_see(&task)?;
    if !matches!(task.status, Status::Pending | Status::InProgress | Status::Paused) {
        let message = format!("the task is {}: only what is yet to be drawn has a place in the queue", task.status);
        return Err(Error::Conflict(message.replace('_', " ")).into());
    }
    let first = store.queue().await?.first;
    if priority > 0 && first.len() >= MAX_FIRST && !first.iter().any(|other| other.task == id) {
        let message = format!("{MAX_FIRST} tasks come before others, which is the limit: set one of them back to 0");
        return Err(Error::Conflict(message).into());
    }
    store.prioritize(&Prioritized { task: id, owner: task.owner, priority, by: identity.name.clone() }).await?;
    tracing::info!(task = %id, by = identity.name, priority, "prioritized");
    Ok(Json(PriorityChange { priority }))
}
