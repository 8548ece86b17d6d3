//! Signing in at the desk: a link's code, which is good once and for minutes, for a token.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use easel_api::TokenKey;
use easel_problem::Problem;
use serde::Deserialize;
use serde_json::json;

use crate::access::{Access, Issue, SESSION_LIFETIME};
use crate::command_error::CommandError;

const PATH: &str = "/v1/sign-in";
/// Far more than a code takes, bytes.
const BODY_LIMIT: usize = 1024;

#[derive(Clone)]
struct SignIn {
    access: Arc<Access>,
    key: TokenKey,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Given {
    code: String,
}

/// The route `POST /v1/sign-in`.
pub(super) fn router(access: Arc<Access>, key: TokenKey) -> Router {
    let route = post(sign_in).fallback(method_not_allowed).layer(DefaultBodyLimit::max(BODY_LIMIT));
    Router::new().route(PATH, route).with_state(SignIn { access, key })
}

async fn sign_in(State(state): State<SignIn>, body: Bytes) -> Response {
    let Ok(Given { code }) = serde_json::from_slice(&body) else {
        let detail = "the body has to be a JSON object with the `code` of a sign-in link";
        return Problem::new(StatusCode::BAD_REQUEST, "malformed-body", "Malformed body", detail).into_response();
    };
    match tokio::task::spawn_blocking(move || state.token(&code)).await {
        Ok(Ok(Some(token))) => {
            ([(CACHE_CONTROL, "no-store"), (CONTENT_TYPE, "application/json")], token).into_response()
        }
        Ok(Ok(None)) => {
            tracing::info!("refused: a sign-in link that is used up or too old");
            let detail = "this sign-in link was used or is too old: `easel token --link` prints another";
            let title = "Authentication required";
            Problem::new(StatusCode::UNAUTHORIZED, "unauthenticated", title, detail).into_response()
        }
        Ok(Err(error)) => internal(&error.to_string()),
        Err(error) => internal(&error.to_string()),
    }
}

impl SignIn {
    /// A token for the code, if it is good.
    fn token(&self, code: &str) -> Result<Option<String>, CommandError> {
        let Some(identity) = self.access.use_code(code)? else { return Ok(None) };
        let token = self.access.issue(&self.key, &identity, SESSION_LIFETIME, Issue::SignIn)?;
        Ok(Some(json!({"token": token.text, "expires_at": token.expires_at}).to_string()))
    }
}

async fn method_not_allowed(method: Method) -> Response {
    let problem = Problem::method_not_allowed(format!("{PATH} takes POST, not {method}"));
    ([(ALLOW, "POST")], problem).into_response()
}

fn internal(detail: &str) -> Response {
    tracing::error!(detail, "internal error");
    let detail = "this is a fault of the service, and it has been logged";
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "Internal error", detail).into_response()
}
