//! What can go wrong with a request, and the one place where errors become problem documents.

use axum::http::StatusCode;
use axum::http::header::RETRY_AFTER;
use axum::response::{IntoResponse, Response};
use easel_domain::task::{Move, Status};
use easel_problem::Problem;
use easel_settings::FieldError;
use serde_json::{Value, json};

/// This crate's results.
pub type Result<T, E = ApiError> = std::result::Result<T, E>;

/// Why a request is not answered as asked.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// The body is not a JSON object.
    #[error("{0}")]
    MalformedBody(String),
    /// The body is longer than anything that the API takes.
    #[error("the body is longer than {limit} bytes: shorten it")]
    BodyTooLong {
        /// Most bytes.
        limit: usize,
    },
    /// These query parameters or headers are wrong.
    #[error("{}", list(.0))]
    InvalidParameters(Vec<FieldError>),
    /// The caller is not known.
    #[error("{0}")]
    Unauthenticated(String),
    /// What the path names does not exist.
    #[error("{0}")]
    NotFound(String),
    /// The rules for tasks do not allow it.
    #[error(transparent)]
    Domain(#[from] easel_domain::Error),
    /// DynamoDB or S3 failed, or what they hold cannot be read.
    #[error(transparent)]
    Storage(easel_storage::Error),
    /// Easel itself is wrong.
    #[error("{0}")]
    Internal(String),
}

impl From<easel_storage::Error> for ApiError {
    fn from(error: easel_storage::Error) -> Self {
        match error {
            easel_storage::Error::Domain(error) => Self::Domain(error),
            other => Self::Storage(other),
        }
    }
}

impl From<easel_domain::Forbidden> for ApiError {
    fn from(forbidden: easel_domain::Forbidden) -> Self {
        Self::Domain(forbidden.into())
    }
}

impl ApiError {
    /// The error as the caller sees it. Details about services go to the log.
    #[must_use]
    pub fn problem(&self) -> Problem {
        let plain = |status, name, title| Problem::new(status, name, title, self.to_string());
        let unavailable = |detail: String| {
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", "Service unavailable", detail)
        };
        match self {
            Self::MalformedBody(_) => plain(StatusCode::BAD_REQUEST, "malformed-body", "Malformed body"),
            Self::BodyTooLong { .. } => plain(StatusCode::PAYLOAD_TOO_LARGE, "too-long", "Body too long"),
            Self::InvalidParameters(errors) => {
                plain(StatusCode::BAD_REQUEST, "wrong-parameters", "Invalid parameters or headers")
                    .with("errors", fields(errors))
            }
            Self::Unauthenticated(_) => plain(StatusCode::UNAUTHORIZED, "unauthenticated", "Authentication required"),
            Self::NotFound(detail) => Problem::not_found(detail),
            Self::Domain(error) => domain_problem(error),
            Self::Storage(easel_storage::Error::Unavailable { service, .. }) => {
                unavailable(format!("{service} is unavailable: try again in a few seconds"))
            }
            Self::Storage(error @ easel_storage::Error::Contended) => unavailable(error.to_string()),
            Self::Storage(_) | Self::Internal(_) => {
                let detail = "this is a fault of the service, and it has been logged";
                Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "Internal error", detail)
            }
        }
    }

    /// Logs the error, in full where callers see only a part of it.
    fn log(&self) {
        match self {
            Self::Storage(easel_storage::Error::Unavailable { service, detail }) => {
                tracing::error!(service, detail, "a service is unavailable");
            }
            Self::Storage(easel_storage::Error::Contended) => tracing::warn!(reason = %self, "refused"),
            Self::Storage(_) | Self::Internal(_) => tracing::error!(detail = %self, "internal error"),
            _ => tracing::info!(reason = %self, "refused"),
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        self.log();
        let mut response = self.problem().into_response();
        if let Self::Domain(easel_domain::Error::TooMany { retry_after_seconds, .. }) = self {
            response.headers_mut().insert(RETRY_AFTER, retry_after_seconds.into());
        }
        response
    }
}

fn domain_problem(error: &easel_domain::Error) -> Problem {
    use easel_domain::Error;
    let plain = |status, name, title| Problem::new(status, name, title, error.to_string());
    match error {
        Error::NotFound(_) => Problem::not_found(error.to_string()),
        Error::Forbidden(_) => plain(StatusCode::FORBIDDEN, "forbidden", "Your role does not allow this"),
        Error::Invalid(errors) => {
            plain(StatusCode::UNPROCESSABLE_ENTITY, "invalid-fields", "Invalid request").with("errors", fields(errors))
        }
        Error::Illegal { status, .. } => {
            plain(StatusCode::CONFLICT, "illegal-move", "The task's state does not allow this")
                .with("task_status", status.as_str())
                .with("legal_moves", moves(*status))
        }
        Error::Conflict(_) => plain(StatusCode::CONFLICT, "conflict", "The task cannot be changed like this"),
        Error::Stale { .. } => plain(StatusCode::PRECONDITION_FAILED, "stale", "The task has changed"),
        Error::TooMany { .. } => plain(StatusCode::TOO_MANY_REQUESTS, "too-many", "Too much at once"),
        Error::KeyReused => {
            plain(StatusCode::UNPROCESSABLE_ENTITY, "idempotency-key-reused", "Idempotency key already used")
        }
    }
}

fn fields(errors: &[FieldError]) -> Value {
    errors.iter().map(|error| json!({"field": error.field, "message": error.message})).collect()
}

fn moves(status: Status) -> Value {
    status.next_moves().into_iter().map(Move::as_str).collect()
}

fn list(errors: &[FieldError]) -> String {
    errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(error: impl Into<ApiError>) -> Value {
        serde_json::to_value(error.into().problem()).expect("JSON")
    }

    #[test]
    fn an_illegal_move_names_the_state_and_the_legal_moves() {
        let problem = document(easel_domain::Error::Illegal { status: Status::Approved, action: Move::Cancel });
        assert_eq!(problem["type"], "urn:easel:problem:illegal-move");
        assert_eq!(
            (&problem["task_status"], &problem["legal_moves"]),
            (&json!("approved"), &json!(["publish", "delete"]))
        );
    }

    #[test]
    fn who_has_too_much_waiting_learns_when_to_ask_again() {
        let what = "you have 500 tasks waiting".to_owned();
        let response = ApiError::from(easel_domain::Error::TooMany { what, retry_after_seconds: 60 }).into_response();
        assert_eq!((response.status().as_u16(), &response.headers()[RETRY_AFTER]), (429, &60.into()));
    }

    #[test]
    fn callers_do_not_see_what_services_say_of_themselves() {
        let unavailable = easel_storage::Error::Unavailable { service: "S3", detail: "a secret address".to_owned() };
        assert_eq!(document(unavailable)["detail"], "S3 is unavailable: try again in a few seconds");
        let internal = easel_storage::Error::Internal("a row cannot be read".to_owned());
        assert!(!document(internal).to_string().contains("row"));
    }
}
