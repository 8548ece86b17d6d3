//! A desk and requests to it.

use std::io::Read;

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::http::{Method, Request, Response};
use easel_desk::{DeskOptions, SignIn, not_found, router};
use flate2::read::GzDecoder;
use tower::ServiceExt;

/// The desk of a service on one machine.
pub(crate) fn desk() -> Router {
    let images = Some("http://127.0.0.1:*".to_owned());
    let options = DeskOptions { images, sign_in: SignIn::Link };
    router(&options).expect("a desk").fallback(not_found)
}

/// Sends a request.
pub(crate) async fn call(desk: &Router, method: Method, path: &str, headers: &[(&str, &str)]) -> Response<Bytes> {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Body::empty()).expect("a request");
    let (parts, body) = desk.clone().oneshot(request).await.expect("a response").into_parts();
    Response::from_parts(parts, to_bytes(body, usize::MAX).await.expect("a body"))
}

/// Requests a path, with these headers.
pub(crate) async fn get(desk: &Router, path: &str, headers: &[(&str, &str)]) -> Response<Bytes> {
    call(desk, Method::GET, path, headers).await
}

/// A header of the response; nothing if it is not there.
pub(crate) fn header<'a>(response: &'a Response<Bytes>, name: &str) -> &'a str {
    response.headers().get(name).map_or("", |value| value.to_str().expect("text"))
}

/// The response's text.
pub(crate) fn text(response: &Response<Bytes>) -> String {
    String::from_utf8(response.body().to_vec()).expect("text")
}

/// Text that was compressed.
pub(crate) fn decompressed(bytes: &[u8]) -> String {
    let mut text = String::new();
    GzDecoder::new(bytes).read_to_string(&mut text).expect("gzip");
    text
}
