//! The `review` function: everything that people do to tasks once they exist.

mod bulk;
mod changes;
mod claims;
mod collections;
mod comments;
mod erasing;
mod kept;
mod moving;
mod queue;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::{Json, Router};
use axum_extra::TypedHeader;
use easel_domain::identity::Identity;
use easel_domain::task::Move;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use crate::body::Body;
use crate::caller::{Creator, Reviewer};
use crate::conditional::{ExpectedVersion, version_tag};
use crate::error::Result;
use crate::layers::finish;
use crate::parameters::NoParameters;
use crate::schemas::{
    self, AnyProblem, BodyProblem, ConflictProblem, ManyProblem, StaleProblem, TaskProblem, TokenProblem,
};
use crate::services::Services;
use crate::task_id::TaskId;
use crate::task_view::TaskView;
use changes::Words;
use moving::move_task;

/// The function's router.
pub fn router(services: Services) -> Router {
    finish(routes(), services)
}

pub(crate) fn routes() -> OpenApiRouter<Services> {
    OpenApiRouter::new()
        .routes(routes!(bulk::move_tasks))
        .routes(routes!(claims::claim_reviews))
        .routes(routes!(claims::claim_review, claims::release_review))
        .routes(routes!(comments::add_comment))
        .routes(routes!(comments::resolve_comment))
        .routes(routes!(comments::reopen_comment))
        .routes(routes!(comments::remove_comment))
        .routes(routes!(erasing::erase_owner))
        .routes(routes!(approve))
        .routes(routes!(reject))
        .routes(routes!(publish))
        .routes(routes!(unpublish))
        .routes(routes!(cancel))
        .routes(routes!(pause))
        .routes(routes!(resume))
        .routes(routes!(retry))
        .routes(routes!(reopen))
        .routes(routes!(delete))
        .routes(routes!(relabel))
        .routes(routes!(kept::save_view, kept::remove_view))
        .routes(routes!(kept::save_style, kept::remove_style))
        .routes(routes!(collections::create_collection))
        .routes(routes!(collections::change_collection, collections::remove_collection))
        .routes(routes!(queue::change_queue))
        .routes(routes!(queue::prioritize))
}

/// The handlers of moves. Each has the move, its method and path, the role that it takes (the scopes are that role for the
/// description, none if every role will do), its operation id, its body, and the status of its answer.
macro_rules! moves {
    ($(
        $(#[doc = $summary:tt])+
        $handler:ident: $action:expr, $method:ident $path:tt, $caller:ident $scopes:tt, $operation:tt, $body:ty, $status:tt $(, $more:ident)?;
    )+) => { $(
        $(#[doc = $summary])+
        #[utoipa::path(
            $method,
            path = $path,
            operation_id = $operation,
            tag = "review",
            params(TaskId, ExpectedVersion),
            request_body = $body,
            responses(
                (status = $status, description = "The task after the move", body = TaskView),
                AnyProblem, TokenProblem, TaskProblem, ConflictProblem, StaleProblem, BodyProblem
                $(, $more)?
            ),
            security(("token" = $scopes))
        )]
        async fn $handler(
            State(services): State<Services>,
            $caller(identity): $caller,
            _: NoParameters,
            TaskId(id): TaskId,
            ExpectedVersion(expected): ExpectedVersion,
            body: Body,
        ) -> Result<Response> {
            make(&services, id, $action, &identity, expected, &body).await
        }
    )+ };
}

moves! {
    /// Accept the images.
    approve: Move::Approve, post "/v1/tasks/{id}/approve", Reviewer ["reviewer"], "approveTask", schemas::ApproveBody, 200;
    /// Turn the images down.
    reject: Move::Reject, post "/v1/tasks/{id}/reject", Reviewer ["reviewer"], "rejectTask", schemas::RejectBody, 200;
    /// Make the images public.
    publish: Move::Publish, post "/v1/tasks/{id}/publish", Reviewer ["reviewer"], "publishTask", schemas::EmptyBody, 200;
    /// Take the public images away.
    unpublish: Move::Unpublish, post "/v1/tasks/{id}/unpublish", Reviewer ["reviewer"], "unpublishTask", schemas::UnpublishBody, 200;
    /// Cancel the task.
    cancel: Move::Cancel, post "/v1/tasks/{id}/cancel", Creator [], "cancelTask", schemas::CancelBody, 200;
    /// Stop drawing for now.
    pause: Move::Pause, post "/v1/tasks/{id}/pause", Creator [], "pauseTask", schemas::EmptyBody, 200;
    /// Continue drawing.
    resume: Move::Resume, post "/v1/tasks/{id}/resume", Creator [], "resumeTask", schemas::EmptyBody, 200, ManyProblem;
    /// Make another attempt.
    retry: Move::Retry, post "/v1/tasks/{id}/retry", Creator [], "retryTask", schemas::RetryBody, 200, ManyProblem;
    /// Take back an approval, a rejection, a cancellation or a deletion.
    ///
    /// An approved or rejected task awaits approval again. A cancelled or deleted one is where it was before, without public
    /// images; what waited to be drawn is asked for again.
    reopen: Move::Reopen, post "/v1/tasks/{id}/reopen", Creator [], "reopenTask", schemas::ReopenBody, 200, ManyProblem;
    /// Change the title or the tags.
    ///
    /// What is left out stays. While a worker draws the task, its labels stay as they are.
    relabel: Move::Relabel, patch "/v1/tasks/{id}", Creator [], "relabelTask", schemas::RelabelBody, 200;
    /// Delete the task after a grace period.
    delete: Move::Delete, delete "/v1/tasks/{id}", Creator [], "deleteTask", schemas::EmptyBody, 202;
}

async fn make(
    services: &Services,
    id: Uuid,
    action: Move,
    identity: &Identity,
    expected: Option<u64>,
    body: &Body,
) -> Result<Response> {
    let task = match body.object().and_then(|object| Ok(Words::read(action, object)?)) {
        Ok(words) => move_task(services, id, &words, identity, expected).await?,
        // A caller who may not move the task learns that first, not what is wrong with the body.
        Err(wrong) => {
            services.rules.may_make(identity, action, &services.workflow.store.task(id).await?)?;
            return Err(wrong);
        }
    };
    let task = services.workflow.store.with_earlier_attempts(task).await?;
    let view = TaskView::new(&task, None, identity, services).await?;
    let status = if action == Move::Delete { StatusCode::ACCEPTED } else { StatusCode::OK };
    Ok((status, TypedHeader(version_tag(task.version)?), Json(view)).into_response())
}
