//! What is answered at one address, as often as it is asked for.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use lambda_http::http::HeaderMap;
use lambda_http::http::header::{ACCEPT_ENCODING, IF_NONE_MATCH};
use sha2::{Digest, Sha256};

use crate::options::Result;

/// For what always lies at the same address, whatever it says.
pub(crate) const ASK_AGAIN: &str = "no-cache";
/// For what has its content in its address.
pub(crate) const KEEP: &str = "public, max-age=31536000, immutable";

/// Content with everything that is known of it before anybody asks.
pub(crate) struct Content {
    pub(crate) media_type: &'static str,
    pub(crate) cache_control: &'static str,
    /// Weak: compressed or not, it is the same.
    pub(crate) etag: String,
    plain: Vec<u8>,
    compressed: Vec<u8>,
}

impl Content {
    pub(crate) fn new(media_type: &'static str, cache_control: &'static str, plain: Vec<u8>) -> Result<Self> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(&plain)?;
        let etag = format!("W/\"{}\"", hexadecimal(&Sha256::digest(&plain)));
        Ok(Self { media_type, cache_control, etag, plain, compressed: encoder.finish()? })
    }

    /// The bytes that a caller takes, and whether they are compressed.
    pub(crate) fn bytes_for(&self, headers: &HeaderMap) -> (&[u8], bool) {
        if takes_gzip(headers) { (&self.compressed, true) } else { (&self.plain, false) }
    }

    /// Whether a caller has it already.
    pub(crate) fn is_had(&self, headers: &HeaderMap) -> bool {
        let opaque = self.etag.trim_start_matches("W/");
        listed(headers, &IF_NONE_MATCH).any(|tag| tag == "*" || tag.trim_start_matches("W/") == opaque)
    }
}

/// The first bytes of a hash, enough to tell contents apart.
pub(crate) fn hexadecimal(hash: &[u8]) -> String {
    hash.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

fn takes_gzip(headers: &HeaderMap) -> bool {
    listed(headers, &ACCEPT_ENCODING).any(|offer| {
        let mut parts = offer.split(';').map(str::trim);
        let gzip = parts.next().is_some_and(|name| name.eq_ignore_ascii_case("gzip"));
        let quality = parts.find_map(|part| part.strip_prefix("q=")?.parse::<f32>().ok());
        gzip && quality != Some(0.0)
    })
}

/// Everything in a header that is a list.
fn listed<'a>(
    headers: &'a HeaderMap,
    name: &lambda_http::http::header::HeaderName,
) -> impl Iterator<Item = &'a str> + use<'a> {
    headers
        .get_all(name)
        .into_iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use flate2::read::GzDecoder;
    use lambda_http::http::HeaderValue;

    use super::*;

    fn headers(name: lambda_http::http::header::HeaderName, values: &[&'static str]) -> HeaderMap {
        values.iter().map(|value| (name.clone(), HeaderValue::from_static(value))).collect()
    }

    #[test]
    fn it_is_compressed_for_those_who_take_it() {
        let content = Content::new("text/css", KEEP, b"a { } ".repeat(100)).expect("compressed");
        for (values, expected) in [
            (&[][..], false),
            (&["gzip"][..], true),
            (&["br, GZIP ; q=0.5"][..], true),
            (&["br", "deflate, gzip"][..], true),
            (&["identity, gzip;q=0"][..], false),
            (&["x-gzip, br"][..], false),
        ] {
            let (bytes, compressed) = content.bytes_for(&headers(ACCEPT_ENCODING, values));
            assert_eq!(compressed, expected, "{values:?}");
            let mut plain = Vec::new();
            match compressed {
                true => GzDecoder::new(bytes).read_to_end(&mut plain).map(drop).expect("gzip"),
                false => plain.extend(bytes),
            }
            assert_eq!(plain, b"a { } ".repeat(100));
        }
    }

    #[test]
    fn a_tag_is_known_again_weak_or_strong_and_among_others() {
        let content = Content::new("text/css", KEEP, b"a".to_vec()).expect("compressed");
        let other = Content::new("text/css", KEEP, b"b".to_vec()).expect("compressed");
        let asked =
            |value: &str| HeaderMap::from_iter([(IF_NONE_MATCH, HeaderValue::from_str(value).expect("a value"))]);
        let strong = content.etag.trim_start_matches("W/").to_owned();
        for value in [content.etag.clone(), strong, format!("{}, {}", other.etag, content.etag), "*".to_owned()] {
            assert!(content.is_had(&asked(&value)), "{value}");
        }
        assert!(!content.is_had(&asked(&other.etag)));
        assert!(!content.is_had(&HeaderMap::new()));
    }
}
