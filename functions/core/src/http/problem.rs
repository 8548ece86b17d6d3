//! Errors as problem documents (RFC 9457). The one place where errors become answers.

use serde::Serialize;
use utoipa::ToSchema;

use super::answer::Answer;
use crate::error::{Error, WrongField};
use crate::task::{Move, Status};

/// Why a call was not answered as asked (RFC 9457).
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Problem {
    /// What kind of problem it is, for programs.
    #[serde(rename = "type")]
    pub kind: String,
    /// What kind of problem it is, for people.
    pub title: String,
    /// The status of the answer.
    pub status: u16,
    /// What is wrong this time and what to do next.
    pub detail: String,
    /// Everything that is wrong with the request.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub errors: Vec<WrongField>,
    /// Where the task stands, when that is the problem.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub task_status: Option<Status>,
    /// What can be done with the task as it stands.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub legal_moves: Option<Vec<Move>>,
}

impl From<&Error> for Problem {
    fn from(error: &Error) -> Self {
        let (status, name, title) = match error {
            Error::Malformed(_) => (400, "malformed-body", "The body cannot be read"),
            Error::WrongParameters(_) => (400, "wrong-parameters", "Parameters or headers are wrong"),
            Error::Unauthenticated(_) => (401, "unauthenticated", "Who are you?"),
            Error::Forbidden { .. } => (403, "forbidden", "Your role does not do"),
            Error::NotFound(_) => (404, "not-found", "There is no such thing"),
            Error::WrongMethod(_) => (405, "wrong-method", "The method does not fit the address"),
            Error::Illegal { .. } => (409, "illegal-move", "The task cannot be moved like this"),
            Error::Conflict(_) => (409, "conflict", "The task cannot be changed like this"),
            Error::Stale { .. } => (412, "stale", "The task has moved on"),
            Error::TooLong { .. } => (413, "too-long", "The body is too long"),
            Error::Invalid(_) => (422, "invalid-fields", "Fields are wrong"),
            Error::KeyReused => (422, "idempotency-key-reused", "The idempotency key was used before"),
            Error::Unavailable { .. } => (503, "unavailable", "Come back in a moment"),
            Error::Internal(_) => (500, "internal", "Easel is wrong here"),
        };
        let errors = match error {
            Error::Invalid(fields) | Error::WrongParameters(fields) => fields.clone(),
            _ => Vec::new(),
        };
        let illegal = match error {
            Error::Illegal { status, .. } => Some(*status),
            _ => None,
        };
        // What services say of themselves is for the log.
        let detail = match error {
            Error::Unavailable { service, .. } => {
                format!("{service} is not to be had at the moment: try again in a few seconds")
            }
            Error::Internal(_) => "this is a fault of the service, and it is logged".to_owned(),
            other => other.to_string(),
        };
        Self {
            kind: format!("urn:easel:problem:{name}"),
            title: title.to_owned(),
            status,
            detail,
            errors,
            task_status: illegal,
            legal_moves: illegal.map(Status::next_moves),
        }
    }
}

impl Problem {
    /// The problem as an answer.
    #[must_use]
    pub fn into_answer(self) -> Answer {
        let status = self.status;
        let answer = Answer::json(status, &self).unwrap_or_else(|_| Answer::plain(status));
        let answer = answer.with("content-type", "application/problem+json");
        match status {
            401 => answer.with("www-authenticate", "Bearer"),
            503 => answer.with("retry-after", "5"),
            _ => answer,
        }
    }
}
