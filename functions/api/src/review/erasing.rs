//! Removing all that the service keeps of one person.

use axum::Json;
use axum::extract::{FromRequestParts, Path, State};
use axum::http::request::Parts;
use utoipa::IntoParams;
use utoipa::openapi::path::{Parameter, ParameterIn};

use crate::body::Body;
use crate::caller::Admin;
use crate::error::{ApiError, Result};
use crate::parameters::NoParameters;
use crate::schemas::{self, AnyProblem, BodyProblem, TokenProblem, path_parameter};
use crate::services::Services;
use crate::views::ErasureView;
use crate::{body::typed, fields};
use easel_domain::Error;
use serde_json::{Map, Value, json};

/// Delete and erase all tasks of a person.
///
/// Their images, their uploads and everything that was written go at once and for good; who did what to which task, and
/// when, stays. A call erases as much as it has time for: call again until `is_done`.
#[utoipa::path(
    post,
    path = "/v1/owners/{owner}/erase",
    operation_id = "eraseOwner",
    tag = "review",
    params(Owner),
    request_body = schemas::EmptyBody,
    responses(
        (status = 200, description = "How far it is", body = ErasureView),
        AnyProblem, TokenProblem, BodyProblem
    ),
    security(("token" = ["admin"]))
)]
pub(super) async fn erase_owner(
    State(services): State<Services>,
    Admin(identity): Admin,
    _: NoParameters,
    Owner(owner): Owner,
    body: Body,
) -> Result<Json<ErasureView>> {
    let _: Map<String, Value> = typed(fields::NONE, body.object()?).map_err(Error::Invalid)?;
    let erasure = services.workflow.erase(&owner, &identity).await?;
    tracing::info!(owner, by = identity.name, erased = erasure.erased, held = erasure.held, "erased");
    Ok(Json(ErasureView::new(erasure)))
}

/// The `{owner}` of the path.
pub(super) struct Owner(String);

impl<S: Send + Sync> FromRequestParts<S> for Owner {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self> {
        let Ok(Path(owner)) = Path::<String>::from_request_parts(parts, state).await else {
            return Err(ApiError::NotFound("there is no such person: the name is not UTF-8".to_owned()));
        };
        Ok(Self(owner))
    }
}

impl IntoParams for Owner {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        vec![path_parameter("owner", "Whose tasks", json!({"type": "string", "minLength": 1}))]
    }
}
