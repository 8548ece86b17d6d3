//! The response to a request for a file.

use axum::body::Bytes;
use axum::http::header::{ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, VARY};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get};
use axum_extra::headers::{ETag, HeaderMapExt, IfNoneMatch};

/// A file's content, plain and compressed with gzip.
#[derive(Clone)]
pub(crate) struct Content {
    pub(crate) media_type: &'static str,
    pub(crate) cache_control: &'static str,
    pub(crate) etag: ETag,
    pub(crate) plain: Bytes,
    pub(crate) compressed: Option<Bytes>,
}

impl Content {
    /// What serves it.
    pub(crate) fn route(self) -> MethodRouter {
        get(async move |headers: HeaderMap| self.respond(&headers))
    }

    fn respond(&self, request: &HeaderMap) -> Response {
        let mut response = StatusCode::NOT_MODIFIED.into_response();
        if request.typed_get::<IfNoneMatch>().is_none_or(|known| known.precondition_passes(&self.etag)) {
            let compressed = self.compressed.as_ref().filter(|_| accepts_gzip(request));
            response = compressed.unwrap_or(&self.plain).clone().into_response();
            if compressed.is_some() {
                response.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            }
            response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(self.media_type));
        }
        let headers = response.headers_mut();
        headers.insert(CACHE_CONTROL, HeaderValue::from_static(self.cache_control));
        headers.insert(VARY, HeaderValue::from_static("accept-encoding"));
        headers.typed_insert(self.etag.clone());
        response
    }
}

/// Whether gzip is among the encodings that the client accepts.
fn accepts_gzip(request: &HeaderMap) -> bool {
    let values = request.get_all(ACCEPT_ENCODING).into_iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|offer| {
        let mut parts = offer.split(';').map(str::trim);
        let gzip = parts.next().is_some_and(|name| name.eq_ignore_ascii_case("gzip"));
        let quality = parts.find_map(|part| part.strip_prefix("q=")?.parse::<f32>().ok());
        gzip && quality != Some(0.0)
    })
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderName;
    use axum::http::header::{ETAG, IF_NONE_MATCH};

    use super::*;

    fn content(etag: &str) -> Content {
        Content {
            media_type: "text/css",
            cache_control: "no-cache",
            etag: etag.parse().expect("a tag"),
            plain: Bytes::from_static(b"plain"),
            compressed: Some(Bytes::from_static(b"compressed")),
        }
    }

    fn headers(name: &HeaderName, values: &[&'static str]) -> HeaderMap {
        values.iter().map(|value| (name.clone(), HeaderValue::from_static(value))).collect()
    }

    #[test]
    fn it_is_compressed_for_clients_that_accept_it() {
        for (values, expected) in [
            (&[][..], false),
            (&["gzip"][..], true),
            (&["br, GZIP ; q=0.5"][..], true),
            (&["br", "deflate, gzip"][..], true),
            (&["identity, gzip;q=0"][..], false),
            (&["x-gzip, br"][..], false),
        ] {
            let response = content("W/\"a\"").respond(&headers(&ACCEPT_ENCODING, values));
            assert_eq!(response.headers().contains_key(CONTENT_ENCODING), expected, "{values:?}");
        }
    }

    #[test]
    fn a_tag_is_recognized_weak_or_strong_and_among_others() {
        let status = |values| content("W/\"a\"").respond(&headers(&IF_NONE_MATCH, values)).status();
        for values in [&["W/\"a\""][..], &["\"a\""], &["\"b\", W/\"a\""], &["\"b\"", "\"a\""], &["*"]] {
            assert_eq!(status(values), StatusCode::NOT_MODIFIED, "{values:?}");
        }
        for values in [&["\"b\""][..], &[], &["no tag"]] {
            assert_eq!(status(values), StatusCode::OK, "{values:?}");
        }
        assert_eq!(content("W/\"a\"").respond(&HeaderMap::new()).headers()[ETAG], "W/\"a\"");
    }
}
