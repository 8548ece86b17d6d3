//! What people say about a task's images.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use easel_domain::comment::{Comment, Remark, Resolution};
use easel_domain::identity::Identity;
use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::body::{Body, typed};
use crate::caller::Creator;
use crate::comments::{CommentId, CommentView};
use crate::error::Result;
use crate::fields::{COMMENT, NONE};
use crate::parameters::NoParameters;
use crate::schemas::{self, AnyProblem, BodyProblem, ConflictProblem, ManyProblem, TaskProblem, TokenProblem};
use crate::services::Services;
use crate::task_id::TaskId;

/// Comment on a task, or on one of its images.
///
/// `@name` in the text mentions somebody, who finds the comment in `GET /v1/mentions`. A comment changes nothing of the task.
#[utoipa::path(
    post,
    path = "/v1/tasks/{id}/comments",
    operation_id = "addComment",
    tag = "review",
    params(TaskId),
    request_body = schemas::CommentBody,
    responses(
        (status = 201, description = "The comment", body = CommentView),
        AnyProblem, TokenProblem, TaskProblem, ConflictProblem, BodyProblem, ManyProblem
    ),
    security(("token" = []))
)]
pub(super) async fn add_comment(
    State(services): State<Services>,
    Creator(identity): Creator,
    _: NoParameters,
    TaskId(id): TaskId,
    body: Body,
) -> Result<Response> {
    let store = &services.workflow.store;
    let task = store.task(id).await?;
    identity.may_see(&task)?;
    let remark: Remark = typed(COMMENT, body.object()?).map_err(easel_domain::Error::Invalid)?;
    let comment = Comment::on(&task, remark, &identity, Timestamp::now())?;
    store.add_comment(&comment).await?;
    Ok((StatusCode::CREATED, Json(CommentView::new(comment, &identity))).into_response())
}

/// Say that what a comment is about is settled.
#[utoipa::path(
    post,
    path = "/v1/tasks/{id}/comments/{comment}/resolve",
    operation_id = "resolveComment",
    tag = "review",
    params(CommentId),
    request_body = schemas::EmptyBody,
    responses(
        (status = 200, description = "The comment", body = CommentView),
        AnyProblem, TokenProblem, TaskProblem, BodyProblem
    ),
    security(("token" = []))
)]
pub(super) async fn resolve_comment(
    State(services): State<Services>,
    Creator(identity): Creator,
    _: NoParameters,
    comment: CommentId,
    body: Body,
) -> Result<Json<CommentView>> {
    let resolution = Resolution { by: identity.name.clone(), at: Timestamp::now() };
    settle(&services, &identity, comment, &body, Some(resolution)).await
}

/// Say that what a comment is about is not settled after all.
#[utoipa::path(
    post,
    path = "/v1/tasks/{id}/comments/{comment}/reopen",
    operation_id = "reopenComment",
    tag = "review",
    params(CommentId),
    request_body = schemas::EmptyBody,
    responses(
        (status = 200, description = "The comment", body = CommentView),
        AnyProblem, TokenProblem, TaskProblem, BodyProblem
    ),
    security(("token" = []))
)]
pub(super) async fn reopen_comment(
    State(services): State<Services>,
    Creator(identity): Creator,
    _: NoParameters,
    comment: CommentId,
    body: Body,
) -> Result<Json<CommentView>> {
    settle(&services, &identity, comment, &body, None).await
}

/// Remove a comment of your own.
#[utoipa::path(
    delete,
    path = "/v1/tasks/{id}/comments/{comment}",
    operation_id = "removeComment",
    tag = "review",
    params(CommentId),
    responses(
        (status = 200, description = "The comment, which is gone", body = CommentView),
        AnyProblem, TokenProblem, TaskProblem
    ),
    security(("token" = []))
)]
pub(super) async fn remove_comment(
    State(services): State<Services>,
    Creator(identity): Creator,
    _: NoParameters,
    comment: CommentId,
) -> Result<Json<CommentView>> {
    let comment = comment.find(&identity, &services).await?;
    comment.may_be_removed_by(&identity)?;
    services.workflow.store.remove_comment(&comment).await?;
    Ok(Json(CommentView::new(comment, &identity)))
}

async fn settle(
    services: &Services,
    identity: &Identity,
    comment: CommentId,
    body: &Body,
    resolution: Option<Resolution>,
) -> Result<Json<CommentView>> {
    let comment = comment.find(identity, services).await?;
    let _: Map<String, Value> = typed(NONE, body.object()?).map_err(easel_domain::Error::Invalid)?;
    let comment = services.workflow.store.resolve_comment(&comment, resolution).await?;
    Ok(Json(CommentView::new(comment, identity)))
}
