//! The id of a task in a path.

use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;
use easel_settings::quoted;
use utoipa::IntoParams;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::{KnownFormat, ObjectBuilder, Required, SchemaFormat, Type};
use uuid::Uuid;

use crate::error::{ApiError, Result};

/// The `{id}` of the path.
pub(crate) struct TaskId(pub(crate) Uuid);

impl<S: Send + Sync> FromRequestParts<S> for TaskId {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self> {
        let Ok(Path(id)) = Path::<String>::from_request_parts(parts, state).await else {
            return Err(ApiError::NotFound("there is no such task: its id is not UTF-8".to_owned()));
        };
        parse(&id).map(Self)
    }
}

/// The id of a task.
///
/// # Errors
/// Returns [`ApiError::NotFound`] if it is not a UUID, and so no task's.
pub(crate) fn parse(id: &str) -> Result<Uuid> {
    id.parse().map_err(|_| ApiError::NotFound(format!("there is no task {}: ids are UUIDs", quoted(id))))
}

impl IntoParams for TaskId {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let uuid =
            ObjectBuilder::new().schema_type(Type::String).format(Some(SchemaFormat::KnownFormat(KnownFormat::Uuid)));
        let id = ParameterBuilder::new().name("id").parameter_in(ParameterIn::Path).required(Required::True);
        vec![id.schema(Some(uuid)).build()]
    }
}
