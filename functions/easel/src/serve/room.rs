//! Refuses what needs more room than there is, before the disk is full.

use axum::extract::{Request, State};
use axum::http::{Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use easel_embedded::s3::Storage;
use easel_problem::Problem;

/// Answers 507 to task requests and uploads that there is no room for.
pub(super) async fn refuse_without(State(storage): State<Option<Storage>>, request: Request, next: Next) -> Response {
    if let Some(storage) = storage
        && needs_room(request.method(), request.uri().path())
        && let Err(full) = storage.room_for(1)
    {
        tracing::warn!(reason = %full, "refused");
        let status = StatusCode::INSUFFICIENT_STORAGE;
        return Problem::new(status, "storage-full", "No room left", full.to_string()).into_response();
    }
    next.run(request).await
}

fn needs_room(method: &Method, path: &str) -> bool {
    let makes_images = matches!(path, "/v1/tasks" | "/v1/uploads") || path.ends_with("/retry");
    method == Method::POST && makes_images
}
