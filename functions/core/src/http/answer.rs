//! What a handler answers.

use lambda_http::{Body, Response};
use serde::Serialize;

use crate::error::{Error, Result};

/// An answer with a JSON body.
#[derive(Debug)]
pub struct Answer {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: String,
}

impl Answer {
    /// An answer.
    ///
    /// # Errors
    /// [`Error::Internal`] if the body cannot be written as JSON.
    pub fn json(status: u16, body: &impl Serialize) -> Result<Self> {
        let body =
            serde_json::to_string(body).map_err(|error| Error::Internal(format!("writing an answer: {error}")))?;
        Ok(Self { status, headers: vec![("content-type", "application/json".to_owned())], body })
    }

    /// An answer without a body.
    pub(super) fn plain(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: String::new() }
    }

    /// The same with another header, in the place of one of that name.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.retain(|(other, _)| *other != name);
        self.headers.push((name, value.into()));
        self
    }

    /// The answer as an HTTP response.
    #[must_use]
    pub fn into_response(self) -> Response<Body> {
        let mut response = Response::builder().status(self.status).header("cache-control", "no-store");
        for (name, value) in self.headers {
            response = response.header(name, value);
        }
        response.body(Body::from(self.body)).unwrap_or_else(|_| {
            let mut response = Response::new(Body::Empty);
            *response.status_mut() = lambda_http::http::StatusCode::INTERNAL_SERVER_ERROR;
            response
        })
    }
}
