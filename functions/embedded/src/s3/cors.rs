//! Lets the pages that the door lets in use presigned URLs.

use hyper::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS, HeaderMap, HeaderValue,
    VARY,
};
use hyper::{Response, StatusCode};
use s3s::Body;

/// The response to a browser that asks whether it may send a request.
pub(super) fn preflight(origin: Option<HeaderValue>, request: &HeaderMap) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    if origin.is_none() {
        *response.status_mut() = StatusCode::FORBIDDEN;
        return response;
    }
    let headers = response.headers_mut();
    headers.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, HEAD, PUT"));
    if let Some(names) = request.get(ACCESS_CONTROL_REQUEST_HEADERS) {
        headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, names.clone());
    }
    headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("3600"));
    allow(origin, headers);
    response
}

/// Lets a page of this origin read the response.
pub(super) fn allow(origin: Option<HeaderValue>, headers: &mut HeaderMap) {
    // A cache must not serve the response for one origin to another.
    headers.append(VARY, HeaderValue::from_static("Origin"));
    if let Some(origin) = origin {
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static("ETag, Content-Length, Content-Range"));
    }
}
