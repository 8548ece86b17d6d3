//! Who sends a request, as extractors that let in only those whose role is enough.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use easel_domain::identity::{Identity, Role};

use crate::error::{ApiError, Result};
use crate::layers::TOKEN_ID;
use crate::request_id::RequestId;
use crate::services::Services;

/// Somebody with any role.
pub(crate) struct Creator(pub(crate) Identity);

/// Somebody who is at least a reviewer.
pub(crate) struct Reviewer(pub(crate) Identity);

/// Somebody who may remove what others made.
pub(crate) struct Admin(pub(crate) Identity);

impl FromRequestParts<Services> for Creator {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, services: &Services) -> Result<Self> {
        caller(parts, services, Role::Creator).await.map(Self)
    }
}

impl FromRequestParts<Services> for Reviewer {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, services: &Services) -> Result<Self> {
        caller(parts, services, Role::Reviewer).await.map(Self)
    }
}

impl FromRequestParts<Services> for Admin {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, services: &Services) -> Result<Self> {
        caller(parts, services, Role::Admin).await.map(Self)
    }
}

async fn caller(parts: &Parts, services: &Services, needed: Role) -> Result<Identity> {
    let mut identity = services.identification.identify(parts).await?;
    if let Some(id) = &identity.token_id {
        tracing::Span::current().record(TOKEN_ID, id);
    }
    identity.has_role(needed)?;
    identity.request_id = parts.extensions.get::<RequestId>().map(|id| id.0.clone());
    Ok(identity)
}
