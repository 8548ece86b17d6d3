//! Which requests a listener is meant for.
//!
//! A browser sends what a page of any site tells it to, also to this machine. Two headers tell such requests apart, and
//! no page can forge them: `Host` is the name that the browser took the listener for, and `Origin` is where the page
//! came from.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;
use std::time::Duration;

use hyper::header::{HOST, HeaderMap, HeaderName, ORIGIN};
use hyper::http::uri::Authority;
use hyper::{Request, Uri};

/// Where a page comes from: scheme, host and port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    scheme: String,
    host: String,
    port: u16,
}

impl FromStr for Origin {
    type Err = String;

    /// Reads `https://easel.example`, with a port where it is not the scheme's own.
    fn from_str(url: &str) -> Result<Self, String> {
        let wrong = || format!("`{url}` is no origin: write it like https://easel.example or http://host:8080");
        let uri: Uri = url.parse().map_err(|_| wrong())?;
        let scheme = uri.scheme_str().filter(|scheme| matches!(*scheme, "http" | "https")).ok_or_else(wrong)?;
        let authority = uri.authority().filter(|authority| !authority.as_str().contains('@')).ok_or_else(wrong)?;
        if !matches!(uri.path(), "" | "/") || uri.query().is_some() || authority.host().is_empty() {
            return Err(wrong());
        }
        let port = authority.port_u16().unwrap_or_else(|| usual_port(scheme));
        Ok(Self { scheme: scheme.to_owned(), host: authority.host().to_ascii_lowercase(), port })
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { scheme, host, port } = self;
        if *port == usual_port(scheme) {
            write!(formatter, "{scheme}://{host}")
        } else {
            write!(formatter, "{scheme}://{host}:{port}")
        }
    }
}

impl Origin {
    /// Whether a request for this host, as the header says it, is for this origin.
    #[must_use]
    pub fn is_at(&self, host: &str) -> bool {
        host.parse().is_ok_and(|host| is_of(self, &host))
    }

    /// The same, whatever the port: some proxies leave it out.
    #[must_use]
    pub fn has_name(&self, host: &str) -> bool {
        host.parse::<Authority>().is_ok_and(|host| host.host().eq_ignore_ascii_case(&self.host))
    }

    /// Whether nobody on the way can read what goes there.
    #[must_use]
    pub fn is_encrypted(&self) -> bool {
        self.scheme == "https"
    }
}

fn usual_port(scheme: &str) -> u16 {
    if scheme == "https" { 443 } else { 80 }
}

/// What a listener is called: its address, and what proxies and other machines call it.
#[derive(Debug, Clone)]
pub struct Names {
    address: SocketAddr,
    public: Vec<Origin>,
}

impl Names {
    /// The names of what listens at `address` and is reached as `public` from elsewhere.
    #[must_use]
    pub fn new(address: SocketAddr, public: Vec<Origin>) -> Self {
        Self { address, public }
    }

    /// Whether a host of an address, in lower case and without its port, is this listener.
    fn has_host(&self, host: &str) -> bool {
        self.is_address(host) || self.public.iter().any(|origin| origin.host == host)
    }

    /// Whether the host is the listener's address itself. No DNS server can make an address lead elsewhere, so any will do
    /// where the listener is on all addresses of the machine.
    fn is_address(&self, host: &str) -> bool {
        let own = self.address.ip();
        match host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>() {
            Ok(ip) => own.is_unspecified() || ip == own || (ip.is_loopback() && own.is_loopback()),
            Err(_) => host == "localhost" && (own.is_loopback() || own.is_unspecified()),
        }
    }

    /// Whether pages of this origin are the listener's own.
    fn has_origin(&self, origin: &Origin) -> bool {
        let served = origin.scheme == "http" && origin.port == self.address.port() && self.is_address(&origin.host);
        served || self.public.contains(origin)
    }
}

/// Whose pages may call a listener.
#[derive(Debug, Clone)]
enum Pages {
    /// The listener's own.
    Own,
    /// Another listener's.
    Of(Names),
    /// No page at all.
    Nobodys,
}

/// What a listener lets in: which requests, and how many connections for how long.
#[derive(Debug, Clone)]
pub struct Door {
    names: Names,
    pages: Pages,
    /// Connections at the same time; more of them wait.
    pub connections: usize,
    /// How long a connection may take for the head of a request, from the moment that one is waited for.
    pub head_within: Duration,
}

impl Door {
    /// A listener that only its own pages may call.
    #[must_use]
    pub fn for_own_pages(names: Names) -> Self {
        Self::new(names, Pages::Own)
    }

    /// A listener that pages of another one may call.
    #[must_use]
    pub fn for_pages_of(names: Names, pages: Names) -> Self {
        Self::new(names, Pages::Of(pages))
    }

    /// A listener that no page may call, only programs.
    #[must_use]
    pub fn for_programs(names: Names) -> Self {
        Self::new(names, Pages::Nobodys)
    }

    fn new(names: Names, pages: Pages) -> Self {
        Self { names, pages, connections: 512, head_within: Duration::from_secs(60) }
    }

    /// Whether a request may come in.
    ///
    /// # Errors
    /// Returns [`Refused`] if it is meant for another service, or comes from another's page.
    pub fn check<B>(&self, request: &Request<B>) -> Result<(), Refused> {
        let header = only(request.headers(), &HOST).map_err(|Several| Refused::Host)?;
        let authority: Authority = header.and_then(|host| host.parse().ok()).ok_or(Refused::Host)?;
        let target = request.uri().authority();
        let named = |authority: &Authority| self.names.has_host(&authority.host().to_ascii_lowercase());
        if authority.as_str().contains('@') || !named(&authority) || !target.is_none_or(named) {
            return Err(Refused::Host);
        }
        let Some(origin) = only(request.headers(), &ORIGIN).map_err(|Several| Refused::Origin)? else { return Ok(()) };
        let origin: Origin = origin.parse().map_err(|_| Refused::Origin)?;
        let allowed = match &self.pages {
            // A proxy or a forwarded port keeps the name that the browser used, whatever it is here.
            Pages::Own => self.names.has_origin(&origin) || is_of(&origin, &authority),
            Pages::Of(names) => names.has_origin(&origin),
            Pages::Nobodys => false,
        };
        if allowed { Ok(()) } else { Err(Refused::Origin) }
    }
}

/// Whether a page of this origin calls the host that it was loaded from.
fn is_of(origin: &Origin, host: &Authority) -> bool {
    let port = host.port_u16().unwrap_or_else(|| usual_port(&origin.scheme));
    origin.host == host.host().to_ascii_lowercase() && origin.port == port
}

struct Several;

/// The only value of a header, if there is any.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>, Several> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => value.to_str().map(Some).map_err(|_| Several),
        (Some(_), Some(_)) => Err(Several),
    }
}

/// Why a request does not come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// It names another host.
    #[error(
        "the request is for another host: use the address that `easel serve` printed, or name yours with --public-url"
    )]
    Host,
    /// It comes from a page of another origin.
    #[error("pages of another origin may not call this: name the origin with --public-url if it is yours")]
    Origin,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(address: &str, public: &[&str]) -> Names {
        let public = public.iter().map(|url| url.parse().expect("an origin")).collect();
        Names::new(address.parse().expect("an address"), public)
    }

    fn checked(door: &Door, headers: &[(&str, &str)]) -> Result<(), Refused> {
        let request = headers.iter().fold(Request::builder(), |request, (name, value)| request.header(*name, *value));
        door.check(&request.body(()).expect("a request"))
    }

    #[test]
    fn only_the_listeners_own_names_come_in() {
        let loopback = Door::for_own_pages(names("127.0.0.1:8080", &["https://easel.example"]));
        for host in ["127.0.0.1:8080", "localhost:8080", "LOCALHOST", "[::1]:8080", "127.0.0.1:9", "easel.example"] {
            assert_eq!(checked(&loopback, &[("host", host)]), Ok(()), "{host}");
        }
        for host in [
            "evil.example",
            "evil.example:8080",
            "localhost.evil.example",
            "192.168.0.2:8080",
            "a@localhost",
            "",
            "a b",
        ] {
            assert_eq!(checked(&loopback, &[("host", host)]), Err(Refused::Host), "{host}");
        }
        assert_eq!(checked(&loopback, &[]), Err(Refused::Host));
        let both = [("host", "localhost:8080"), ("host", "evil.example")];
        assert_eq!(checked(&loopback, &both), Err(Refused::Host));

        let everywhere = Door::for_own_pages(names("0.0.0.0:8080", &[]));
        for (host, expected) in [
            ("192.168.0.2:8080", Ok(())),
            ("[fd00::2]:8080", Ok(())),
            ("localhost:8080", Ok(())),
            ("nas.local:8080", Err(Refused::Host)),
        ] {
            assert_eq!(checked(&everywhere, &[("host", host)]), expected, "{host}");
        }
        let one = Door::for_own_pages(names("192.168.0.2:8080", &[]));
        for (host, expected) in
            [("192.168.0.2:8080", Ok(())), ("192.168.0.3:8080", Err(Refused::Host)), ("localhost", Err(Refused::Host))]
        {
            assert_eq!(checked(&one, &[("host", host)]), expected, "{host}");
        }
    }

    #[test]
    fn the_target_of_a_request_counts_as_well_as_its_host() {
        let door = Door::for_own_pages(names("127.0.0.1:8080", &[]));
        let request = Request::builder().uri("http://evil.example/v1/tasks").header("host", "127.0.0.1:8080");
        assert_eq!(door.check(&request.body(()).expect("a request")), Err(Refused::Host));
    }

    #[test]
    fn only_the_pages_that_may_come_in() {
        let api = names("127.0.0.1:8080", &["https://easel.example"]);
        let own = Door::for_own_pages(api.clone());
        let images = Door::for_pages_of(names("127.0.0.1:9000", &[]), api.clone());
        let rows = Door::for_programs(names("127.0.0.1:9000", &[]));
        let good =
            ["http://127.0.0.1:8080", "http://localhost:8080", "https://easel.example", "https://easel.example:443"];
        let bad = [
            "https://evil.example",
            "http://localhost:3000",
            "http://127.0.0.1",
            "http://easel.example",
            "http://localhost.evil.example:8080",
            "http://evil@localhost:8080",
            "http://localhost:8080/page",
            "null",
            "",
        ];
        for (door, host) in [(&own, "127.0.0.1:8080"), (&images, "127.0.0.1:9000")] {
            for origin in good {
                assert_eq!(checked(door, &[("host", host), ("origin", origin)]), Ok(()), "{host}, {origin}");
            }
            for origin in bad {
                assert_eq!(
                    checked(door, &[("host", host), ("origin", origin)]),
                    Err(Refused::Origin),
                    "{host}, {origin}"
                );
            }
        }
        for origin in good.into_iter().chain(bad) {
            let refused = checked(&rows, &[("host", "127.0.0.1:9000"), ("origin", origin)]);
            assert_eq!(refused, Err(Refused::Origin), "{origin}");
        }
        // A port that is forwarded.
        let forwarded = [("host", "localhost:9090"), ("origin", "http://localhost:9090")];
        assert_eq!(checked(&own, &forwarded), Ok(()));
    }

    #[test]
    fn an_origin_is_written_as_browsers_write_it() {
        for (url, expected) in [
            ("https://Easel.example/", "https://easel.example"),
            ("http://nas:8080", "http://nas:8080"),
            ("http://[::1]:80", "http://[::1]"),
        ] {
            assert_eq!(url.parse::<Origin>().expect("an origin").to_string(), expected);
        }
        for url in ["nas", "ftp://nas", "https://nas/easel", "https://a@nas", "https://nas?x"] {
            assert!(url.parse::<Origin>().expect_err("no origin").contains(url));
        }
    }
}
