//! What a proxy or other machines call the service: an origin and, below it, a path.

use std::fmt;
use std::str::FromStr;

use easel_embedded::door::Origin;

/// First parts of the service's own paths: a public path that began like these could not be told from them.
const OWN_PATHS: [&str; 6] = ["desk", "health", "objects", "openapi.json", "public", "v1"];

/// An address such as `https://example.org/studio`, without a slash at its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PublicUrl {
    pub(super) origin: Origin,
    /// Empty, or parts that each have a slash before them.
    pub(super) path: String,
}

impl FromStr for PublicUrl {
    type Err = String;

    fn from_str(url: &str) -> Result<Self, String> {
        let (scheme, rest) = url.split_once("://").unwrap_or((url, ""));
        let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
        let origin = format!("{scheme}://{host}").parse().map_err(|_| {
            format!(
                "`{url}` is no address of a service: write it like https://easel.example or https://example.org/studio/"
            )
        })?;
        let parts: Vec<_> = path.trim_end_matches('/').split('/').filter(|_| !path.is_empty()).collect();
        if let Some(wrong) = parts.iter().find(|part| !is_plain(part)) {
            return Err(format!(
                "`{url}`: the path has the part `{wrong}`: use letters, digits and - . _ ~, and a slash between parts"
            ));
        }
        if let Some(first) = parts.first().filter(|first| OWN_PATHS.contains(first)) {
            return Err(format!("`{url}`: the service has a path /{first} of its own: choose another one before it"));
        }
        Ok(Self { origin, path: parts.iter().map(|part| format!("/{part}")).collect() })
    }
}

impl fmt::Display for PublicUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}{}", self.origin, self.path)
    }
}

/// Whether a part of a path means the same to everybody: neither encoded, nor a step up or on the spot.
fn is_plain(part: &str) -> bool {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "-._~".contains(letter);
    !matches!(part, "" | "." | "..") && part.chars().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_an_origin_and_perhaps_a_path() {
        for (url, expected) in [
            ("https://Easel.example", "https://easel.example"),
            ("https://easel.example/", "https://easel.example"),
            ("https://example.org/studio", "https://example.org/studio"),
            ("https://example.org:8443/a/b-1/", "https://example.org:8443/a/b-1"),
            ("http://192.0.2.1:8080", "http://192.0.2.1:8080"),
        ] {
            assert_eq!(url.parse::<PublicUrl>().expect(url).to_string(), expected);
        }
    }

    #[test]
    fn what_is_no_address_of_a_service_is_refused() {
        for url in [
            "easel.example",
            "ftp://easel.example/",
            "https://",
            "https:///studio",
            "https://a@easel.example/studio",
            "https://easel.example?x",
            "https://easel.example/studio?x",
            "https://easel.example/studio#x",
            "https://easel.example//studio",
            "https://easel.example/a//b",
            "https://easel.example/a/../b",
            "https://easel.example/%2e%2e",
            "https://easel.example/my studio",
            "https://easel.example/v1",
            "https://easel.example/public/studio/",
        ] {
            assert!(url.parse::<PublicUrl>().is_err_and(|error| error.contains(url)), "{url}");
        }
    }
}
