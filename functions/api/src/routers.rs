//! The routes of every function together.

use axum::Router;
use utoipa_axum::router::OpenApiRouter;

use crate::layers::finish;
use crate::services::Services;
use crate::{create, read, review};

/// The whole API.
pub fn router(services: Services) -> Router {
    finish(routes(), services)
}

pub(crate) fn routes() -> OpenApiRouter<Services> {
    create::routes().merge(review::routes()).merge(read::routes())
}
