//! The `read` function: shows tasks, their history, health, metrics and the description of the API.

mod list;
mod metrics;

use std::future::ready;

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::{Json, Router};
use axum_extra::TypedHeader;
use easel_domain::identity::Identity;
use easel_domain::task::{Change, Status};
use jiff::Timestamp;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::caller::Creator;
use crate::conditional::{Known, state_tag, version_tag};
use crate::error::Result;
use crate::layers::finish;
use crate::parameters::NoParameters;
use crate::schemas::{AnyProblem, TaskProblem, TokenProblem, Unchanged};
use crate::services::Services;
use crate::task_id::TaskId;
use crate::task_view::{EventView, TaskView};
use crate::views::{HealthView, HistoryView};

/// The description that is checked in, which a test compares with the handlers.
const OPENAPI: &str = include_str!("../openapi.json");

/// The function's router.
pub fn router(services: Services) -> Router {
    finish(routes(), services)
}

pub(crate) fn routes() -> OpenApiRouter<Services> {
    OpenApiRouter::new()
        .routes(routes!(list::list_tasks))
        .routes(routes!(get_task))
        .routes(routes!(get_history))
        .routes(routes!(identity))
        .routes(routes!(health))
        .routes(routes!(metrics::metrics))
        .routes(routes!(openapi))
}

/// Show a task.
#[utoipa::path(
    get,
    path = "/v1/tasks/{id}",
    operation_id = "getTask",
    tag = "read",
    params(TaskId, Known),
    responses(
        (status = 200, description = "The task", body = TaskView, headers(("ETag" = String))),
        (
            status = 304,
            description = "`If-None-Match` names its version, and it is not being drawn",
            headers(("ETag" = String))
        ),
        AnyProblem, TokenProblem, TaskProblem
    ),
    security(("token" = []))
)]
async fn get_task(
    State(services): State<Services>,
    Creator(identity): Creator,
    _: NoParameters,
    TaskId(id): TaskId,
    known: Known,
) -> Result<Response> {
    let workflow = &services.workflow;
    let (task, progress) = workflow.store.task_and_progress(id).await?;
    identity.may_see(&task)?;
    let tag = version_tag(task.version)?;
    let view = TaskView::new(&task, progress.as_ref(), &identity, &workflow.gallery);
    // While it is drawn, progress comes without a new version.
    if task.status == Status::InProgress {
        return Ok((TypedHeader(tag), Json(view.await?)).into_response());
    }
    known.show(tag, view).await
}

/// Show what happened to a task.
///
/// The history outlives the task, so that it can be said who deleted it.
#[utoipa::path(
    get,
    path = "/v1/tasks/{id}/history",
    operation_id = "getHistory",
    tag = "read",
    params(TaskId, Known),
    responses(
        (status = 200, description = "Its history", body = HistoryView, headers(("ETag" = String))),
        Unchanged, AnyProblem, TokenProblem, TaskProblem
    ),
    security(("token" = []))
)]
async fn get_history(
    State(services): State<Services>,
    Creator(identity): Creator,
    _: NoParameters,
    TaskId(id): TaskId,
    known: Known,
) -> Result<Response> {
    let events = services.workflow.store.history(id).await?;
    let (Some(Change::Create { made }), Some(last)) = (events.first().map(|event| &event.change), events.last()) else {
        return Err(easel_domain::Error::NotFound(id).into());
    };
    identity.may_see(made)?;
    let history = async { Ok(HistoryView { events: events.iter().map(EventView::new).collect::<Result<_>>()? }) };
    known.show(version_tag(last.version)?, history).await
}

/// Show the identity in your token.
#[utoipa::path(
    get,
    path = "/v1/identity",
    operation_id = "identity",
    tag = "read",
    responses((status = 200, description = "You", body = Identity), AnyProblem, TokenProblem),
    security(("token" = []))
)]
async fn identity(Creator(identity): Creator, _: NoParameters) -> Json<Identity> {
    Json(identity)
}

/// Show whether and on what images can be drawn.
#[utoipa::path(
    get,
    path = "/health",
    operation_id = "health",
    tag = "read",
    params(Known),
    responses(
        (status = 200, description = "The health", body = HealthView, headers(("ETag" = String))),
        Unchanged, AnyProblem
    ),
    security()
)]
async fn health(State(services): State<Services>, _: NoParameters, known: Known) -> Result<Response> {
    let report = services.workflow.store.newest_worker().await?;
    let health = HealthView::new(report, Timestamp::now());
    let tag = state_tag(&HealthView { report_age_seconds: None, ..health.clone() })?;
    known.show(tag, ready(Ok(health))).await
}

/// Show this description.
#[utoipa::path(
    get,
    path = "/openapi.json",
    operation_id = "openapi",
    tag = "read",
    responses((status = 200, description = "The description", body = Object, content_type = "application/json"), AnyProblem),
    security()
)]
async fn openapi(_: NoParameters) -> Response {
    ([(CONTENT_TYPE, "application/json")], OPENAPI).into_response()
}
