//! A name for each request, in the log, in the history and in the answer.

use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue};
use lambda_http::RequestExt;
use uuid::Uuid;

/// The header of answers that has it.
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The id of a request: the runtime's own, or a new one. Never what a client says, whose names could be anybody's.
#[derive(Debug, Clone)]
pub(crate) struct RequestId(pub(crate) String);

impl RequestId {
    /// Names the request, for everything that answers it.
    pub(crate) fn assign(request: &mut Request) -> Self {
        let runtime = request.lambda_context_ref().map(|context| context.request_id.clone());
        let id = Self(runtime.filter(|id| !id.is_empty()).unwrap_or_else(|| Uuid::now_v7().to_string()));
        request.extensions_mut().insert(id.clone());
        id
    }

    /// The header's value.
    pub(crate) fn header(&self) -> Option<HeaderValue> {
        HeaderValue::from_str(&self.0).ok()
    }
}
