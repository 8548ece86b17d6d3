//! The `read` function: shows tasks, their history and comments, what is offered, health, metrics and the description of the API.

mod collections;
mod comments;
mod history;
mod kept;
mod list;
mod metrics;
mod queue;
mod suggestions;
mod tokens;

use std::future::ready;

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::{Json, Router};
use axum_extra::TypedHeader;
use easel_domain::identity::Identity;
use easel_domain::task::Status;
use easel_storage::offers::Offers;
use jiff::Timestamp;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::caller::Creator;
use crate::conditional::{Known, state_tag, version_tag};
use crate::error::Result;
use crate::health::{HealthView, LimitsView};
use crate::layers::finish;
use crate::parameters::NoParameters;
use crate::schemas::{AnyProblem, TaskProblem, TokenProblem, Unchanged};
use crate::services::Services;
use crate::task_id::TaskId;
use crate::task_view::TaskView;

/// The description that is checked in, which a test compares with the handlers.
pub const DESCRIPTION: &str = include_str!("../openapi.json");

/// The function's router.
pub fn router(services: Services) -> Router {
    finish(routes(), services)
}

pub(crate) fn routes() -> OpenApiRouter<Services> {
    OpenApiRouter::new()
        .routes(routes!(list::list_tasks))
        .routes(routes!(get_task))
        .routes(routes!(history::get_history))
        .routes(routes!(comments::list_comments))
        .routes(routes!(comments::list_mentions))
        .routes(routes!(suggestions::suggestions))
        .routes(routes!(kept::list_views))
        .routes(routes!(kept::get_view))
        .routes(routes!(kept::list_styles))
        .routes(routes!(kept::get_style))
        .routes(routes!(collections::list_collections))
        .routes(routes!(collections::get_collection))
        .routes(routes!(queue::show_queue))
        .routes(routes!(identity))
        .routes(routes!(offers))
        .routes(routes!(health))
        .routes(routes!(metrics::metrics))
        .routes(routes!(tokens::list_tokens, tokens::create_token))
        .routes(routes!(tokens::revoke_token))
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
    let view = TaskView::new(&task, progress.as_ref(), &identity, &services);
    // While it is drawn, progress comes without a new version.
    if task.status == Status::InProgress {
        return Ok((TypedHeader(tag), Json(view.await?)).into_response());
    }
    known.show(tag, view).await
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
    Json(Identity { request_id: None, ..identity })
}

/// Show what can be asked for by name: models, LoRAs, embeddings, control models, image adapters and upscalers.
#[utoipa::path(
    get,
    path = "/v1/offers",
    operation_id = "offers",
    tag = "read",
    params(Known),
    responses(
        (status = 200, description = "What is offered", body = Offers, headers(("ETag" = String))),
        Unchanged, AnyProblem, TokenProblem
    ),
    security(("token" = []))
)]
async fn offers(
    State(services): State<Services>,
    Creator(_): Creator,
    _: NoParameters,
    known: Known,
) -> Result<Response> {
    let offers = Offers::of(&services.workflow.store.offers().await?, Timestamp::now());
    let tag = state_tag(&Offers { reported_at: None, ..offers.clone() })?;
    known.show(tag, ready(Ok(offers))).await
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
    let store = &services.workflow.store;
    let (reports, queue) = (store.workers().await?, store.queue().await?);
    let health = HealthView {
        queue_paused: queue.is_paused(),
        ..HealthView::new(reports, LimitsView::of(&services), Timestamp::now())
    };
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
    ([(CONTENT_TYPE, "application/json")], DESCRIPTION).into_response()
}
