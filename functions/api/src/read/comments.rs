//! Lists of comments: of a task, and of those that mention the caller.

use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use axum::response::Response;
use serde_json::json;
use utoipa::IntoParams;
use utoipa::openapi::path::{Parameter, ParameterIn};
use uuid::Uuid;

use crate::caller::Creator;
use crate::comments::{CommentList, CommentView};
use crate::conditional::{Known, state_tag};
use crate::error::{ApiError, Result};
use crate::parameters::QueryParameters;
use crate::schemas::{AnyProblem, TaskProblem, TokenProblem, Unchanged, parameter};
use crate::services::Services;
use crate::task_id::TaskId;

const LIMIT: usize = 50;
const MOST: usize = 100;

/// List the comments on a task, oldest first.
#[utoipa::path(
    get,
    path = "/v1/tasks/{id}/comments",
    operation_id = "listComments",
    tag = "read",
    params(TaskId, CommentParameters, Known),
    responses(
        (status = 200, description = "The comments", body = CommentList, headers(("ETag" = String))),
        Unchanged, AnyProblem, TokenProblem, TaskProblem
    ),
    security(("token" = []))
)]
pub(super) async fn list_comments(
    State(services): State<Services>,
    Creator(identity): Creator,
    TaskId(id): TaskId,
    CommentParameters { limit, cursor }: CommentParameters,
    known: Known,
) -> Result<Response> {
    let store = &services.workflow.store;
    let (task, _) = store.task_and_progress(id).await?;
    identity.may_see(&task)?;
    let page = store.comments(id, limit, cursor).await?;
    let comments = page.comments.into_iter().map(|comment| CommentView::new(comment, &identity)).collect();
    let list = CommentList { comments, next_cursor: page.next.map(|id| id.to_string()) };
    known.show(state_tag(&list)?, std::future::ready(Ok(list))).await
}

/// List the comments that mention you, newest first.
///
/// Comments on tasks that you may not see are left out; a page may be shorter than its limit for that.
#[utoipa::path(
    get,
    path = "/v1/mentions",
    operation_id = "listMentions",
    tag = "read",
    params(CommentParameters, Known),
    responses(
        (status = 200, description = "The comments", body = CommentList, headers(("ETag" = String))),
        Unchanged, AnyProblem, TokenProblem
    ),
    security(("token" = []))
)]
pub(super) async fn list_mentions(
    State(services): State<Services>,
    Creator(identity): Creator,
    CommentParameters { limit, cursor }: CommentParameters,
    known: Known,
) -> Result<Response> {
    let page = services.workflow.store.mentions(&identity.name, limit, cursor).await?;
    let visible = page.comments.into_iter().filter(|comment| identity.sees_tasks_of(&comment.owner));
    let comments = visible.map(|comment| CommentView::new(comment, &identity)).collect();
    let list = CommentList { comments, next_cursor: page.next.map(|id| id.to_string()) };
    known.show(state_tag(&list)?, std::future::ready(Ok(list))).await
}

/// How many comments, and behind which one.
pub(super) struct CommentParameters {
    limit: usize,
    cursor: Option<Uuid>,
}

impl<S: Send + Sync> FromRequestParts<S> for CommentParameters {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self> {
        let mut parameters = QueryParameters::from_request_parts(parts, state).await?;
        let within = |text: &str| text.parse().ok().filter(|limit| (1..=MOST).contains(limit));
        let limit = parameters.read("limit", &format!("is not a number from 1 to {MOST}"), within);
        let cursor = parameters.read("cursor", "is not the `next_cursor` of a page", |text| text.parse().ok());
        parameters.finish()?;
        Ok(Self { limit: limit.unwrap_or(LIMIT), cursor })
    }
}

impl IntoParams for CommentParameters {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let limit = json!({"type": "integer", "minimum": 1, "maximum": MOST, "default": LIMIT});
        let cursor = json!({"type": "string", "format": "uuid"});
        vec![
            parameter(ParameterIn::Query, "limit", "Most comments of the page", limit),
            parameter(ParameterIn::Query, "cursor", "The `next_cursor` of the page before", cursor),
        ]
    }
}
