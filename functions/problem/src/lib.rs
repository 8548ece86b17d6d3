//! Problem documents (RFC 9457): what is answered when something cannot be done as asked.

use axum::Json;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::{Map, Value};

/// The media type of problem documents.
pub const PROBLEM_JSON: &str = "application/problem+json";
/// Seconds after which a service that failed is worth another try.
const RETRY_SECONDS: HeaderValue = HeaderValue::from_static("5");

/// Why a request was not answered as asked.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Problem {
    /// What kind of problem it is, for programs: a URN.
    #[serde(rename = "type")]
    kind: String,
    title: &'static str,
    status: u16,
    detail: String,
    /// What RFC 9457 calls extension members.
    #[serde(flatten)]
    members: Map<String, Value>,
}

impl Problem {
    /// A problem. Its type is `urn:easel:problem:` and `name`; `title` says for people what kind of problem it is, `detail`
    /// what is wrong this time and what to do next.
    #[must_use]
    pub fn new(status: StatusCode, name: &str, title: &'static str, detail: impl Into<String>) -> Self {
        let kind = format!("urn:easel:problem:{name}");
        Self { kind, title, status: status.as_u16(), detail: detail.into(), members: Map::new() }
    }

    /// There is nothing at an address.
    #[must_use]
    pub fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not-found", "Not found", detail)
    }

    /// An address does not take the method.
    #[must_use]
    pub fn method_not_allowed(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "wrong-method", "Method not allowed", detail)
    }

    /// The same problem with a further member.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.members.insert(name.to_owned(), value.into());
        self
    }

    /// The status of the answer.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = self.status();
        let mut response = (status, Json(self)).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        match status {
            StatusCode::UNAUTHORIZED => {
                headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            StatusCode::SERVICE_UNAVAILABLE => {
                headers.insert(RETRY_AFTER, RETRY_SECONDS);
            }
            _ => {}
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn members_stand_beside_those_of_the_standard() {
        let problem = Problem::not_found("there is no task 7").with("errors", json!([]));
        let document = json!({
            "type": "urn:easel:problem:not-found", "title": "Not found", "status": 404, "detail": "there is no task 7",
            "errors": [],
        });
        assert_eq!(serde_json::to_value(&problem).expect("JSON"), document);
        let response = problem.into_response();
        assert_eq!(
            (response.status(), &response.headers()[CONTENT_TYPE]),
            (StatusCode::NOT_FOUND, &HeaderValue::from_static(PROBLEM_JSON))
        );
    }

    #[test]
    fn headers_say_what_to_do() {
        let response =
            Problem::new(StatusCode::UNAUTHORIZED, "unauthenticated", "Authentication required", "").into_response();
        assert_eq!(response.headers()[WWW_AUTHENTICATE], "Bearer");
        let response =
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", "Service unavailable", "").into_response();
        assert_eq!(response.headers()[RETRY_AFTER], "5");
    }
}
