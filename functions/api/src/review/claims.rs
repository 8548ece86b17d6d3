//! Which reviewer looks at which task, so that two do not look at the same. It changes nothing of the task: decisions of
//! others stay possible.

use axum::Json;
use axum::extract::State;
use easel_domain::Error;
use easel_domain::identity::Identity;
use easel_domain::task::Status;
use easel_problem::Problem;
use easel_storage::store::Reviewer as ReviewerView;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::bulk::wrong_ids;
use crate::body::{Body, typed};
use crate::caller::Reviewer;
use crate::error::Result;
use crate::fields::CLAIMS;
use crate::parameters::NoParameters;
use crate::schemas::{self, AnyProblem, BodyProblem, ConflictProblem, ProblemSchema, TaskProblem, TokenProblem};
use crate::services::Services;
use crate::task_id::{self, TaskId};

/// Who reviews a task.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct Review {
    /// The reviewer; none if nobody does.
    pub(crate) reviewer: Option<ReviewerView>,
}

/// Who reviews which task, in the order of the ids.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct Reviews {
    /// One a task.
    pub(crate) results: Vec<ReviewResult>,
}

/// Who reviews one of several tasks.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct ReviewResult {
    /// The id as it was given.
    pub(crate) id: String,
    /// What a request for this task alone would have been answered with.
    pub(crate) status: u16,
    /// The reviewer; none if nobody does, or if it is not known.
    pub(crate) reviewer: Option<ReviewerView>,
    /// Why it was neither claimed nor released.
    #[schema(value_type = Option<ProblemSchema>)]
    pub(crate) problem: Option<Problem>,
}

#[derive(Deserialize)]
struct Claims {
    ids: Vec<String>,
    #[serde(default)]
    release: bool,
}

/// Say that you look at a task that awaits approval, for thirty minutes.
///
/// Others see it. Their decisions stay possible.
#[utoipa::path(
    put,
    path = "/v1/tasks/{id}/reviewer",
    operation_id = "claimReview",
    tag = "review",
    params(TaskId),
    responses(
        (status = 200, description = "Who reviews it", body = Review),
        AnyProblem, TokenProblem, TaskProblem, ConflictProblem
    ),
    security(("token" = ["reviewer"]))
)]
pub(super) async fn claim_review(
    State(services): State<Services>,
    Reviewer(identity): Reviewer,
    _: NoParameters,
    TaskId(id): TaskId,
) -> Result<Json<Review>> {
    Ok(Json(Review { reviewer: claim(&services, &identity, id, true).await? }))
}

/// Say that you look at a task no longer.
#[utoipa::path(
    delete,
    path = "/v1/tasks/{id}/reviewer",
    operation_id = "releaseReview",
    tag = "review",
    params(TaskId),
    responses(
        (status = 200, description = "Who reviews it", body = Review),
        AnyProblem, TokenProblem, TaskProblem, ConflictProblem
    ),
    security(("token" = ["reviewer"]))
)]
pub(super) async fn release_review(
    State(services): State<Services>,
    Reviewer(identity): Reviewer,
    _: NoParameters,
    TaskId(id): TaskId,
) -> Result<Json<Review>> {
    Ok(Json(Review { reviewer: claim(&services, &identity, id, false).await? }))
}

/// Claim up to 100 tasks for review, or release them.
#[utoipa::path(
    post,
    path = "/v1/tasks/bulk/reviewer",
    operation_id = "claimReviews",
    tag = "review",
    request_body = schemas::ClaimsBody,
    responses(
        (status = 200, description = "Who reviews which task", body = Reviews),
        AnyProblem, TokenProblem, BodyProblem
    ),
    security(("token" = ["reviewer"]))
)]
pub(super) async fn claim_reviews(
    State(services): State<Services>,
    Reviewer(identity): Reviewer,
    _: NoParameters,
    body: Body,
) -> Result<Json<Reviews>> {
    let object = body.object()?;
    let wrong = object.get("ids").and_then(|ids| ids.as_array()).map_or_else(Vec::new, |ids| wrong_ids(ids));
    let Claims { ids, release } = typed(CLAIMS, object).map_err(Error::Invalid)?;
    if !wrong.is_empty() {
        return Err(Error::Invalid(wrong).into());
    }
    let mut results = Vec::new();
    for id in ids {
        let claimed = match task_id::parse(&id) {
            Ok(task) => claim(&services, &identity, task, !release).await,
            Err(unknown) => Err(unknown),
        };
        results.push(match claimed {
            Ok(reviewer) => ReviewResult { id, status: 200, reviewer, problem: None },
            Err(error) => {
                let problem = error.problem();
                ReviewResult { id, status: problem.status().as_u16(), reviewer: None, problem: Some(problem) }
            }
        });
    }
    Ok(Json(Reviews { results }))
}

async fn claim(services: &Services, identity: &Identity, id: Uuid, takes: bool) -> Result<Option<ReviewerView>> {
    let store = &services.workflow.store;
    let task = store.task(id).await?;
    identity.may_see(&task)?;
    if takes && task.status != Status::AwaitingApproval {
        return Err(Error::Conflict("only a task that awaits approval can be claimed for review".to_owned()).into());
    }
    Ok(store.claim_review(id, &identity.name, takes, Timestamp::now()).await?)
}
