//! A desk and what is asked of it.

use std::io::Read;

use easel_desk::{Desk, DeskOptions, SignIn};
use flate2::read::GzDecoder;
use lambda_http::http::{HeaderMap, HeaderName, HeaderValue, Method};
use lambda_http::{Body, Response};

/// The desk of a service on one machine.
pub(crate) fn desk() -> Desk {
    let pictures = "http://127.0.0.1:*".to_owned();
    Desk::new(&DeskOptions { pictures, sign_in: SignIn::Link, published_url: None }).expect("a desk")
}

/// Asks for something, with these headers.
pub(crate) fn get(desk: &Desk, path: &str, headers: &[(&'static str, &str)]) -> Response<Body> {
    let header = |(name, value): &(&'static str, &str)| {
        (HeaderName::from_static(name), HeaderValue::from_str(value).expect("a value"))
    };
    desk.answer(&Method::GET, path, &headers.iter().map(header).collect::<HeaderMap>())
}

/// A header of the answer; nothing if it is not there.
pub(crate) fn header<'a>(response: &'a Response<Body>, name: &str) -> &'a str {
    response.headers().get(name).map_or("", |value| value.to_str().expect("text"))
}

/// The answer's text.
pub(crate) fn text(response: &Response<Body>) -> String {
    String::from_utf8(response.body().to_vec()).expect("text")
}

/// What was compressed.
pub(crate) fn unpacked(bytes: &[u8]) -> String {
    let mut text = String::new();
    GzDecoder::new(bytes).read_to_string(&mut text).expect("gzip");
    text
}
