//! The service's own address, as the client of a request knows it: browsers then stay on the origin that they came to,
//! whether that is this machine, another name of it, a forwarded port or a proxy.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::{HOST, HeaderMap, HeaderValue, LOCATION};
use axum::http::uri::{Authority, PathAndQuery};
use axum::http::{StatusCode, Uri};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::public_url::PublicUrl;

tokio::task_local! {
    /// The address in the request that is being answered.
    static CURRENT: String;
}

/// Headers that proxies add: whoever sends one may have another name for the service than the host in the request.
const FORWARDED: [&str; 3] = ["forwarded", "x-forwarded-for", "x-forwarded-host"];

/// The service's addresses, without a slash at the end.
#[derive(Debug, Clone)]
pub(super) struct OwnAddress {
    public: Arc<[PublicUrl]>,
    /// Where nobody asks, or somebody without saying where.
    usual: Arc<str>,
}

impl OwnAddress {
    /// The addresses of a service that is called so elsewhere, the first of them where nothing else is known, and `local` on
    /// this machine.
    pub(super) fn new(public: &[PublicUrl], local: &str) -> Self {
        let usual = public.first().map_or_else(|| local.to_owned(), ToString::to_string);
        Self { public: public.into(), usual: usual.into() }
    }

    /// The address for links that somebody opens later.
    pub(super) fn usual(&self) -> &str {
        &self.usual
    }

    /// The address for who is being answered.
    pub(super) fn current(&self) -> String {
        CURRENT.try_with(Clone::clone).unwrap_or_else(|_| self.usual.to_string())
    }

    /// The address by which the sender of these headers came. The door has checked that the host is one of the service's.
    fn of(&self, headers: &HeaderMap) -> String {
        let host = headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
        let exactly = self.public.iter().find(|url| url.origin.is_at(host));
        // Some proxies leave the port out. With another one, it is another way here.
        let names = |url: &&PublicUrl| !has_port(host) && url.origin.has_name(host);
        let named = exactly.or_else(|| self.public.iter().find(names));
        let forwarded = || self.public.first().filter(|_| FORWARDED.iter().any(|name| headers.contains_key(*name)));
        match named.or_else(forwarded) {
            Some(url) => url.to_string(),
            None if host.is_empty() => self.usual.to_string(),
            None => format!("http://{host}"),
        }
    }

    /// The path and query of a request without the public path that a proxy may have left there.
    fn below<'a>(&self, asked: &'a str) -> Below<'a> {
        let paths = self.public.iter().map(|url| url.path.as_str()).filter(|path| !path.is_empty());
        for path in paths {
            match asked.strip_prefix(path) {
                Some(rest) if rest.starts_with('/') => return Below::Within(rest),
                Some("") => return Below::Start(path.to_owned()),
                _ => {}
            }
        }
        Below::Within(asked)
    }
}

fn has_port(host: &str) -> bool {
    host.parse::<Authority>().is_ok_and(|host| host.port().is_some())
}

enum Below<'a> {
    Within(&'a str),
    /// The public path itself, under which relative addresses would lead elsewhere.
    Start(String),
}

/// Answers a request as one to the address that its sender knows.
pub(super) async fn answer(State(address): State<OwnAddress>, mut request: Request, next: Next) -> Response {
    let asked = request.uri().path_and_query().map_or("/", PathAndQuery::as_str);
    match address.below(asked) {
        Below::Start(path) => {
            return (StatusCode::PERMANENT_REDIRECT, [(LOCATION, format!("{path}/"))]).into_response();
        }
        Below::Within(rest) if rest.len() < asked.len() => {
            let Ok(uri) = rest.parse::<Uri>() else { return StatusCode::BAD_REQUEST.into_response() };
            *request.uri_mut() = uri;
        }
        Below::Within(_) => {}
    }
    let current = address.of(request.headers());
    let path = path_of(&current).to_owned();
    let mut response = CURRENT.scope(current, next.run(request)).await;
    // The API knows its own paths alone.
    let location = response.headers().get(LOCATION).and_then(|location| location.to_str().ok());
    let below = location.filter(|location| location.starts_with('/')).map(|location| format!("{path}{location}"));
    if let Some(below) = below.and_then(|below| HeaderValue::from_str(&below).ok()) {
        response.headers_mut().insert(LOCATION, below);
    }
    response
}

/// The path of an address, without a slash at its end.
fn path_of(address: &str) -> &str {
    let behind_scheme = address.split_once("://").map_or(address, |(_, rest)| rest);
    behind_scheme.find('/').map_or("", |slash| &behind_scheme[slash..])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(public: &[&str]) -> OwnAddress {
        let public: Vec<_> = public.iter().map(|url| url.parse().expect("an address")).collect();
        OwnAddress::new(&public, "http://127.0.0.1:8080")
    }

    fn headers(given: &[(&'static str, &'static str)]) -> HeaderMap {
        given.iter().map(|(name, value)| (name.parse().expect("a name"), value.parse().expect("a value"))).collect()
    }

    #[test]
    fn everybody_gets_addresses_on_the_origin_that_they_came_to() {
        let alone = address(&[]);
        for host in ["127.0.0.1:8080", "localhost:9090", "192.168.0.2:8080", "[::1]:8080"] {
            assert_eq!(alone.of(&headers(&[("host", host)])), format!("http://{host}"));
        }
        assert_eq!(
            (alone.usual(), alone.of(&HeaderMap::new()).as_str()),
            ("http://127.0.0.1:8080", "http://127.0.0.1:8080")
        );

        let public = address(&["https://example.org:8443/studio/", "https://easel.lan"]);
        for (given, expected) in [
            (&[("host", "example.org:8443")][..], "https://example.org:8443/studio"),
            (&[("host", "EXAMPLE.org")], "https://example.org:8443/studio"),
            (&[("host", "easel.lan")], "https://easel.lan"),
            (&[("host", "easel.lan:9090")], "http://easel.lan:9090"),
            (&[("host", "127.0.0.1:8080")], "http://127.0.0.1:8080"),
            (&[("host", "127.0.0.1:8080"), ("x-forwarded-for", "192.0.2.7")], "https://example.org:8443/studio"),
            (&[("host", "easel.lan"), ("x-forwarded-for", "192.0.2.7")], "https://easel.lan"),
        ] {
            assert_eq!(public.of(&headers(given)), expected, "{given:?}");
        }
        assert_eq!(public.usual(), "https://example.org:8443/studio");
    }

    #[test]
    fn the_path_of_an_address_stands_before_those_of_the_api() {
        for (address, expected) in [
            ("https://example.org/studio", "/studio"),
            ("https://example.org:8443/a/b", "/a/b"),
            ("http://[::1]:8080", ""),
        ] {
            assert_eq!(path_of(address), expected);
        }
    }

    #[test]
    fn a_public_path_may_be_left_in_place_or_taken_away_by_the_proxy() {
        let public = address(&["https://example.org/studio/", "https://easel.lan"]);
        let within = |asked| match public.below(asked) {
            Below::Within(rest) => rest.to_owned(),
            Below::Start(path) => format!("to {path}/"),
        };
        for (asked, expected) in [
            ("/studio/", "/"),
            ("/studio/v1/tasks?limit=1", "/v1/tasks?limit=1"),
            ("/studio", "to /studio/"),
            ("/studious/", "/studious/"),
            ("/v1/tasks", "/v1/tasks"),
            ("/", "/"),
        ] {
            assert_eq!(within(asked), expected);
        }
    }
}
