//! Comments as clients see them, and the `{comment}` of paths.

use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;
use easel_domain::comment::{Comment, Resolution};
use easel_domain::identity::Identity;
use easel_domain::task::Area;
use easel_settings::quoted;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::openapi::path::{Parameter, ParameterIn};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::error::{ApiError, Result};
use crate::schemas::path_parameter;
use crate::services::Services;
use crate::task_id;

/// A comment on a task, or on an image of one of its attempts.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct CommentView {
    /// Its id, a UUID; ids sort by time.
    pub(crate) id: Uuid,
    /// The task.
    pub(crate) task: Uuid,
    /// Who wrote it.
    pub(crate) by: String,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub(crate) at: Timestamp,
    /// What it says.
    pub(crate) text: String,
    /// The number of the attempt that it is about.
    pub(crate) attempt: u32,
    /// The index of the image that it is about.
    pub(crate) image: Option<u32>,
    /// Where in the image.
    pub(crate) region: Option<Area>,
    /// The comment that it answers, which may be gone.
    pub(crate) answers: Option<Uuid>,
    /// Whom it mentions by `@name`.
    pub(crate) mentions: Vec<String>,
    /// Who resolved it; none while it is open.
    pub(crate) resolution: Option<Resolution>,
    /// Whether the caller may remove it.
    pub(crate) is_removable: bool,
}

/// A part of a list of comments.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct CommentList {
    /// In the list's order.
    pub(crate) comments: Vec<CommentView>,
    /// What to give as `cursor` for the comments behind these; none at the end of the list.
    pub(crate) next_cursor: Option<String>,
}

impl CommentView {
    /// The comment as `identity` sees it.
    pub(crate) fn new(comment: Comment, identity: &Identity) -> Self {
        Self {
            is_removable: comment.may_be_removed_by(identity).is_ok(),
            id: comment.id,
            task: comment.task,
            by: comment.by,
            at: comment.at,
            text: comment.text,
            attempt: comment.attempt,
            image: comment.image,
            region: comment.region,
            answers: comment.answers,
            mentions: comment.mentions,
            resolution: comment.resolution,
        }
    }
}

/// The `{id}` of a task and the `{comment}` in a path.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CommentId {
    task: Uuid,
    comment: Uuid,
}

#[derive(Deserialize)]
struct Names {
    id: String,
    comment: String,
}

impl CommentId {
    /// The comment, of a task that `identity` may see.
    ///
    /// # Errors
    /// Returns [`easel_domain::Error::NotFound`] or [`ApiError::NotFound`] if there is none.
    pub(crate) async fn find(self, identity: &Identity, services: &Services) -> Result<Comment> {
        let store = &services.workflow.store;
        identity.may_see(&store.task(self.task).await?)?;
        let comment = store.comment(self.task, self.comment).await?;
        comment.ok_or_else(|| ApiError::NotFound(format!("the task has no comment {}", self.comment)))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for CommentId {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self> {
        let Ok(Path(Names { id, comment })) = Path::<Names>::from_request_parts(parts, state).await else {
            return Err(ApiError::NotFound("there is no such comment: its id is not UTF-8".to_owned()));
        };
        let unknown = |_| ApiError::NotFound(format!("there is no comment {}: ids are UUIDs", quoted(&comment)));
        Ok(Self { task: task_id::parse(&id)?, comment: comment.parse().map_err(unknown)? })
    }
}

impl IntoParams for CommentId {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let uuid = || json!({"type": "string", "format": "uuid"});
        vec![path_parameter("id", "The task", uuid()), path_parameter("comment", "The comment", uuid())]
    }
}
