//! What can go wrong with a request, and the one place where errors become problem documents.

use axum::http::StatusCode;
use axum::http::header::RETRY_AFTER;
use axum::response::{IntoResponse, Response};
use easel_domain::task::{Move, Status};
use easel_problem::Problem;
use easel_settings::{FieldError, shortened};
use serde_json::{Value, json};

/// This crate's results.
pub type Result<T, E = ApiError> = std::result::Result<T, E>;

/// Most characters of the words in an answer or in the log: a caller may have sent what they quote.
const MAX_DETAIL: usize = 2_000;

/// Seconds after which people may have mended what a service refuses.
const SECONDS_TO_MEND: u64 = 300;

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
    /// The same request is being answered at this moment.
    #[error("the first request with this idempotency key is still being answered: send it again in a few seconds")]
    StillAnswering,
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
        let plain = |status, name, title| Problem::new(status, name, title, self.detail());
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
            Self::StillAnswering => {
                plain(StatusCode::CONFLICT, "still-answering", "The same request is still being answered")
            }
            Self::NotFound(_) => Problem::not_found(self.detail()),
            Self::Domain(error) => domain_problem(error, &self.detail()),
            Self::Storage(easel_storage::Error::Unavailable { service, .. }) => {
                unavailable(format!("{service} is unavailable: try again in a few seconds"))
            }
            // Waiting does not mend it, and whoever can reads the log.
            Self::Storage(easel_storage::Error::Refused { service, .. }) => {
                unavailable(format!("{service} refuses the service, and that has been logged: ask who runs it"))
            }
            Self::Storage(error @ easel_storage::Error::Contended) => unavailable(error.to_string()),
            Self::Storage(_) | Self::Internal(_) => {
                let detail = "this is a fault of the service, and it has been logged";
                Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "Internal error", detail)
            }
        }
    }

    /// What is wrong and what to do next, no longer than people read.
    fn detail(&self) -> String {
        shortened(&self.to_string(), MAX_DETAIL).into_owned()
    }

    /// Logs the error, in full where callers see only a part of it.
    fn log(&self) {
        match self {
            Self::Storage(easel_storage::Error::Unavailable { service, detail }) => {
                let detail = shortened(detail, MAX_DETAIL);
                tracing::error!(service, %detail, "a service is unavailable");
            }
            Self::Storage(easel_storage::Error::Refused { service, detail }) => {
                let detail = shortened(detail, MAX_DETAIL);
                tracing::error!(service, %detail, "a service refuses what it is asked");
            }
            Self::Storage(easel_storage::Error::Contended) => tracing::warn!(reason = self.detail(), "refused"),
            Self::Storage(_) | Self::Internal(_) => tracing::error!(detail = self.detail(), "internal error"),
            _ => tracing::info!(reason = self.detail(), "refused"),
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        self.log();
        let mut response = self.problem().into_response();
        if let Self::Storage(easel_storage::Error::Refused { .. }) = self {
            response.headers_mut().insert(RETRY_AFTER, SECONDS_TO_MEND.into());
        }
        if let Self::Domain(easel_domain::Error::TooMany { retry_after_seconds, .. }) = self {
            response.headers_mut().insert(RETRY_AFTER, retry_after_seconds.into());
        }
        response
    }
}

fn domain_problem(error: &easel_domain::Error, detail: &str) -> Problem {
    use easel_domain::Error;
    let plain = |status, name, title| Problem::new(status, name, title, detail);
    match error {
        Error::NotFound(_) => Problem::not_found(detail),
        Error::Forbidden(_) => plain(StatusCode::FORBIDDEN, "forbidden", "Your role does not allow this"),
        Error::OwnImages { .. } => plain(StatusCode::FORBIDDEN, "own-images", "Somebody else decides on this"),
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
            (&json!("approved"), &json!(["publish", "reopen", "delete"]))
        );
    }

    #[test]
    fn what_waiting_does_not_mend_is_said_otherwise() {
        let refused =
            easel_storage::Error::Refused { service: "S3", detail: "AccessDenied on a secret address".to_owned() };
        let response = ApiError::from(refused).problem();
        let detail = serde_json::to_value(&response).expect("JSON")["detail"].to_string();
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert!(!detail.contains("try again") && !detail.contains("secret"), "{detail}");
    }

    #[test]
    fn an_answer_is_no_longer_than_people_read() {
        let long = "x".repeat(60_000);
        for error in [
            ApiError::NotFound(long.clone()),
            ApiError::MalformedBody(long.clone()),
            ApiError::InvalidParameters(vec![FieldError::new(&long, &long)]),
            easel_domain::Error::Conflict(long.clone()).into(),
            easel_domain::Error::Invalid(vec![FieldError::new(&long, &long); 21]).into(),
        ] {
            let document = document(error);
            assert!(document["detail"].to_string().len() < 2_100, "{document}");
            assert!(document.to_string().len() < 40_000, "{}", document.to_string().len());
        }
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
