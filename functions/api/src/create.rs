//! The `create` function: takes what people ask for, tasks and uploads.

use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::LOCATION;
use axum::response::{IntoResponse, Response};
use axum::{Json, Router};
use axum_extra::TypedHeader;
use easel_domain::TaskRequest;
use easel_storage::gallery::{PresignedUpload, UPLOAD_TYPES};
use easel_storage::store::{IdempotencyKey, UploadCount};
use easel_storage::workflow::{Made, Workflow};
use jiff::Timestamp;
use serde::Deserialize;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::body::{Body, typed};
use crate::caller::Creator;
use crate::conditional::version_tag;
use crate::error::Result;
use crate::fields::UPLOAD;
use crate::idempotency::{REPLAYED, SentKey};
use crate::layers::finish;
use crate::parameters::NoParameters;
use crate::schemas::{self, AnyProblem, BodyProblem, ConflictProblem, ManyProblem, TokenProblem};
use crate::services::Services;
use crate::task_view::TaskView;

#[derive(Deserialize)]
struct Upload {
    content_type: String,
    content_length: u64,
}

/// The function's router.
pub fn router(services: Services) -> Router {
    finish(routes(), services)
}

pub(crate) fn routes() -> OpenApiRouter<Services> {
    OpenApiRouter::new().routes(routes!(create_task)).routes(routes!(create_upload))
}

/// Ask for images.
#[utoipa::path(
    post,
    path = "/v1/tasks",
    operation_id = "createTask",
    tag = "create",
    params(SentKey),
    request_body = schemas::TaskRequestBody,
    responses(
        (status = 201, description = "The task", body = TaskView),
        AnyProblem, TokenProblem, ConflictProblem, BodyProblem, ManyProblem
    ),
    security(("token" = []))
)]
async fn create_task(
    State(services): State<Services>,
    Creator(identity): Creator,
    _: NoParameters,
    SentKey(key): SentKey,
    body: Body,
) -> Result<Response> {
    let key = key.map(|key| IdempotencyKey { owner: identity.name.clone(), key, body_hash: body.hash() });
    let request = TaskRequest::read(body.object()?)?;
    let workflow = &services.workflow;
    let Made { task, is_replay } = workflow.create(request, &identity, key.as_ref()).await?;
    let view = TaskView::new(&task, None, &identity, &services).await?;
    let location = [(LOCATION, format!("/v1/tasks/{}", task.id))];
    let replayed = is_replay.then_some([(REPLAYED, "true")]);
    let answer = (StatusCode::CREATED, location, TypedHeader(version_tag(task.version)?), Json(view));
    Ok((replayed, answer).into_response())
}

/// Get a URL to upload an image to.
///
/// The URL takes one file, once. The image is its owner's: nobody else can use it.
#[utoipa::path(
    post,
    path = "/v1/uploads",
    operation_id = "createUpload",
    tag = "create",
    request_body = schemas::UploadBody,
    responses(
        (status = 201, description = "How to upload it", body = PresignedUpload),
        AnyProblem, TokenProblem, BodyProblem, ManyProblem
    ),
    security(("token" = []))
)]
async fn create_upload(
    State(services): State<Services>,
    Creator(identity): Creator,
    _: NoParameters,
    body: Body,
) -> Result<Response> {
    let upload: Upload = typed(UPLOAD, body.object()?).map_err(easel_domain::Error::Invalid)?;
    let extension = UPLOAD_TYPES.iter().find(|(name, _)| *name == upload.content_type);
    let extension = extension.map_or("png", |(_, extension)| extension);
    let Workflow { store, gallery } = &services.workflow;
    let most = services.uploads_a_day;
    if let UploadCount::Beyond { seconds_left } = store.count_upload(&identity.name, most, Timestamp::now()).await? {
        let what = format!("you have asked for {most} uploads today, which is the limit of a day");
        return Err(easel_domain::Error::TooMany { what, retry_after_seconds: seconds_left }.into());
    }
    let url = gallery.upload_url(&identity.name, &upload.content_type, extension, upload.content_length).await?;
    Ok((StatusCode::CREATED, Json(url)).into_response())
}
