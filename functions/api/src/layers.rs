//! What all routers have in common: the log, the limit of bodies, and answers where there is no route.

use axum::Router;
use axum::extract::Request;
use axum::http::header::{ALLOW, CACHE_CONTROL};
use axum::http::{HeaderValue, Method, StatusCode};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use easel_problem::Problem;
use easel_settings::quoted;
use tracing::Instrument;
use tracing::field::Empty;
use utoipa_axum::router::OpenApiRouter;

use crate::body::receive;
use crate::error::ApiError;
use crate::idempotency::answer_once;
use crate::request_id::{REQUEST_ID, RequestId};
use crate::services::Services;

/// What the log calls the token that a caller showed.
pub(crate) const TOKEN_ID: &str = "token_id";

/// A router of these routes that is complete.
pub(crate) fn finish(routes: OpenApiRouter<Services>, services: Services) -> Router {
    let once = from_fn_with_state(services.clone(), answer_once);
    let routes = Router::from(routes).route_layer(once).with_state(services).fallback(not_found);
    // As a service of its own, so that `respond` sees the `Allow` header, which axum adds last.
    Router::new().fallback_service(routes).layer(from_fn(respond))
}

/// Answers a request within a span of the log.
async fn respond(mut request: Request, next: Next) -> Response {
    let id = RequestId::assign(&mut request);
    let (method, path) = (request.method().clone(), quoted(request.uri().path()).into_owned());
    let span = tracing::info_span!("request", %method, path, request_id = id.0, token_id = Empty);
    async {
        let (parts, body) = request.into_parts();
        let mut response = match receive(body).await {
            Ok(bytes) => next.run(Request::from_parts(parts, bytes.into())).await,
            Err(error) => error.into_response(),
        };
        if response.status() == StatusCode::METHOD_NOT_ALLOWED {
            response = method_not_allowed(&method, &path, response.headers().get(ALLOW));
        }
        response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(id) = id.header() {
            response.headers_mut().insert(REQUEST_ID, id);
        }
        response
    }
    .instrument(span)
    .await
}

async fn not_found(request: Request) -> ApiError {
    ApiError::NotFound(format!("there is nothing at {}; see /openapi.json", quoted(request.uri().path())))
}

fn method_not_allowed(method: &Method, path: &str, allow: Option<&HeaderValue>) -> Response {
    let allowed = allow.and_then(|allow| allow.to_str().ok()).unwrap_or_default().replace(',', ", ");
    let detail = format!("{} takes {allowed}, not {}", quoted(path), quoted(method.as_str()));
    tracing::info!(reason = detail, "refused");
    let mut response = Problem::method_not_allowed(detail).into_response();
    if let Some(allow) = allow {
        response.headers_mut().insert(ALLOW, allow.clone());
    }
    response
}
