//! The objects for a server in the same process that passes on what its clients ask, so that they need no other address.
//!
//! Clients bring URLs that were signed for a host that does not exist. The server puts that host and the bucket back in
//! front of what its client asked for, and the signature is checked as every other is.

use std::fmt;

use hyper::header::{HOST, HeaderMap, HeaderName, HeaderValue, IF_RANGE, RANGE};
use hyper::{Method, Request, Response, StatusCode};
use s3s::Body;
use s3s::service::S3Service;

/// The endpoint that URLs for the gateway are signed for. It is the same at every start, so that URLs outlive it; no
/// listener has this name, so that they are good for nothing else.
pub const SIGNED_ENDPOINT: &str = "http://objects.easel.internal";
const SIGNED_HOST: &str = "objects.easel.internal";
/// What the query of a signed URL has.
const SIGNATURE: &str = "X-Amz-Signature=";

/// Passes requests with signed URLs on to S3.
#[derive(Clone)]
pub struct Gateway {
    service: S3Service,
    bucket: String,
}

impl fmt::Debug for Gateway {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Gateway").field("bucket", &self.bucket).finish_non_exhaustive()
    }
}

impl Gateway {
    pub(super) fn new(service: S3Service, bucket: String) -> Self {
        Self { service, bucket }
    }

    /// S3's response to a request for a key with the query of its signed URL, both as they stand in the URL. Of the headers,
    /// S3 sees what a read or an upload needs and no credentials: the signature alone lets somebody in.
    pub async fn respond(
        &self,
        method: Method,
        key_and_query: &str,
        headers: &HeaderMap,
        body: Body,
    ) -> Response<Body> {
        if !key_and_query.split_once('?').is_some_and(|(_, query)| query.contains(SIGNATURE)) {
            return empty(StatusCode::FORBIDDEN);
        }
        let request = Request::builder().method(&method).uri(format!("/{}/{key_and_query}", self.bucket)).body(body);
        let Ok(mut request) = request else { return empty(StatusCode::BAD_REQUEST) };
        for name in passed_on(&method, headers) {
            if let Some(value) = headers.get(*name) {
                request.headers_mut().insert(HeaderName::from_static(name), value.clone());
            }
        }
        request.headers_mut().insert(HOST, HeaderValue::from_static(SIGNED_HOST));
        self.service.call(request).await.unwrap_or_else(|error| {
            tracing::error!(error = %s3s::StdError::from(error), "S3 failed to respond");
            empty(StatusCode::INTERNAL_SERVER_ERROR)
        })
    }
}

/// The headers that S3 has to see.
fn passed_on(method: &Method, headers: &HeaderMap) -> &'static [&'static str] {
    match *method {
        Method::PUT => &["content-type", "content-length", "if-none-match"],
        // All of an object is always a right response, to who wants the rest of one that they have or several parts, too.
        Method::GET if !headers.contains_key(IF_RANGE) && wants_one_part(headers) => &["range"],
        _ => &[],
    }
}

/// Whether a part of an object is asked for in a way that S3 knows.
fn wants_one_part(headers: &HeaderMap) -> bool {
    let range = headers.get(RANGE).and_then(|range| range.to_str().ok()?.strip_prefix("bytes=")?.split_once('-'));
    let is_number = |text: &str| text.len() < 16 && text.chars().all(|digit| digit.is_ascii_digit());
    range.is_some_and(|(from, to)| is_number(from) && is_number(to) && !(from.is_empty() && to.is_empty()))
}

fn empty(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}
