//! Errors as problem documents (RFC 9457), in the API's words.

use lambda_http::http::{Method, StatusCode};
use serde_json::json;

/// What a caller did wrong.
pub(crate) enum Problem<'a> {
    NotFound { path: &'a str },
    WrongMethod { path: &'a str, method: &'a Method },
}

impl Problem<'_> {
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::NotFound { .. } => StatusCode::NOT_FOUND,
            Self::WrongMethod { .. } => StatusCode::METHOD_NOT_ALLOWED,
        }
    }

    pub(crate) fn document(&self) -> String {
        let (kind, title, detail) = match self {
            Self::NotFound { path } => {
                let detail = format!("there is no {path} at this desk: its page is at /; load it again");
                ("not-found", "There is no such thing", detail)
            }
            Self::WrongMethod { path, method } => {
                ("wrong-method", "The method does not fit the address", format!("{path} takes GET, not {method}"))
            }
        };
        let kind = format!("urn:easel:problem:{kind}");
        json!({"type": kind, "title": title, "status": self.status().as_u16(), "detail": detail}).to_string()
    }
}
