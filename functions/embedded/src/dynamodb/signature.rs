//! Checks AWS's signatures, version 4: signs the request again with the secret, and compares.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use hyper::http::request::Parts;
use jiff::civil::DateTime;
use jiff::tz::Offset;
use subtle::ConstantTimeEq;

use crate::access_key::AccessKey;

const SERVICE: &str = "dynamodb";
const ALGORITHM: &str = "AWS4-HMAC-SHA256";
/// How old a signature may be, or how far ahead its clock; AWS's limit.
const CLOCK_SKEW: Duration = Duration::from_secs(15 * 60);
/// Headers that every signature covers: without them it could be used elsewhere, or later.
const ALWAYS_SIGNED: [&str; 2] = ["host", "x-amz-date"];

/// Why a request's signature does not let it in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unsigned {
    #[error("the request is not signed: sign it with the service's access key")]
    Missing,
    #[error("the signature is incomplete: it has a credential, signed headers with host and x-amz-date, and a date")]
    Incomplete,
    #[error("the access key is not this service's")]
    UnknownKey,
    #[error("the signature is older than 15 minutes, or from the future: sign the request again")]
    Expired,
    #[error("the signature is not one of this request with this service's secret")]
    Wrong,
}

/// Whether `key` has signed the request.
///
/// # Errors
/// Returns why it has not.
pub(super) fn check(key: &AccessKey, request: &Parts, body: &[u8], now: SystemTime) -> Result<(), Unsigned> {
    let header = |name: &str| request.headers.get(name).and_then(|value| value.to_str().ok());
    let authorization = header("authorization").ok_or(Unsigned::Missing)?;
    let given = Authorization::read(authorization).ok_or(Unsigned::Incomplete)?;
    let time = header("x-amz-date").and_then(time).ok_or(Unsigned::Incomplete)?;
    if !ALWAYS_SIGNED.iter().all(|name| given.signed_headers.contains(name)) {
        return Err(Unsigned::Incomplete);
    }
    if given.key_id != key.id || given.service != SERVICE {
        return Err(Unsigned::UnknownKey);
    }
    let away = now.duration_since(time).unwrap_or_else(|future| future.duration());
    if away > CLOCK_SKEW {
        return Err(Unsigned::Expired);
    }
    let expected = signature(key, &given, request, body, time).ok_or(Unsigned::Wrong)?;
    if bool::from(expected.as_bytes().ct_eq(given.signature.as_bytes())) { Ok(()) } else { Err(Unsigned::Wrong) }
}

/// What the header `Authorization` says.
struct Authorization<'a> {
    key_id: &'a str,
    region: &'a str,
    service: &'a str,
    signed_headers: Vec<&'a str>,
    signature: &'a str,
}

impl<'a> Authorization<'a> {
    /// Reads `AWS4-HMAC-SHA256 Credential=ID/DATE/REGION/SERVICE/aws4_request, SignedHeaders=A;B, Signature=HEX`.
    fn read(text: &'a str) -> Option<Self> {
        let parts = text.strip_prefix(ALGORITHM)?.strip_prefix(' ')?;
        let mut parts = parts.split(',').map(str::trim);
        let mut part = |name: &str| parts.next()?.strip_prefix(name)?.strip_prefix('=');
        let (credential, signed_headers, signature) = (part("Credential")?, part("SignedHeaders")?, part("Signature")?);
        let mut scope = credential.split('/');
        let (key_id, _date, region) = (scope.next()?, scope.next()?, scope.next()?);
        let (service, end) = (scope.next()?, scope.next()?);
        let whole = end == "aws4_request" && scope.next().is_none() && parts.next().is_none();
        whole.then(|| Self { key_id, region, service, signed_headers: signed_headers.split(';').collect(), signature })
    }
}

/// The time in `20261231T235959Z`.
fn time(text: &str) -> Option<SystemTime> {
    let time = DateTime::strptime("%Y%m%dT%H%M%SZ", text).ok()?;
    let since_1970 = Offset::UTC.to_timestamp(time).ok()?.as_second();
    Some(UNIX_EPOCH + Duration::from_secs(u64::try_from(since_1970).ok()?))
}

/// The signature that the request would have from `key`.
fn signature(
    key: &AccessKey,
    given: &Authorization<'_>,
    request: &Parts,
    body: &[u8],
    time: SystemTime,
) -> Option<String> {
    let mut settings = SigningSettings::default();
    // The client says which headers it signed.
    settings.excluded_headers = None;
    let identity = Credentials::new(&key.id, &key.secret, None, None, "easel").into();
    let parameters = v4::SigningParams::builder()
        .identity(&identity)
        .region(given.region)
        .name(SERVICE)
        .time(time)
        .settings(settings)
        .build()
        .ok()?;
    let mut headers = Vec::new();
    for name in &given.signed_headers {
        for value in request.headers.get_all(*name) {
            headers.push((*name, value.to_str().ok()?));
        }
    }
    let uri = request.uri.path_and_query().map_or("/", |uri| uri.as_str());
    let signable =
        SignableRequest::new(request.method.as_str(), uri, headers.into_iter(), SignableBody::Bytes(body)).ok()?;
    Some(sign(signable, &parameters.into()).ok()?.into_parts().1)
}

#[cfg(test)]
mod tests {
    use hyper::Request;

    use super::*;

    const SIGNED: &str = "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/dynamodb/aws4_request, \
                          SignedHeaders=host;x-amz-date, Signature=";

    fn key() -> AccessKey {
        AccessKey { id: "AKIDEXAMPLE".to_owned(), secret: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".to_owned() }
    }

    fn request(authorization: &str) -> Parts {
        let request = Request::builder().method("POST").uri("/").header("host", "example.amazonaws.com");
        let request = request.header("x-amz-date", "20150830T123600Z").header("authorization", authorization);
        request.body(()).expect("a request").into_parts().0
    }

    fn at(text: &str) -> SystemTime {
        time(text).expect("a time")
    }

    #[test]
    fn only_the_secret_makes_the_signature() {
        let now = at("20150830T124000Z");
        let unsigned = request(&format!("{SIGNED}0"));
        let given = Authorization::read(unsigned.headers["authorization"].to_str().expect("text")).expect("complete");
        let right = signature(&key(), &given, &unsigned, b"{}", at("20150830T123600Z")).expect("a signature");
        let signed = request(&format!("{SIGNED}{right}"));
        assert_eq!(check(&key(), &signed, b"{}", now), Ok(()));

        assert_eq!(check(&key(), &signed, b"{ }", now), Err(Unsigned::Wrong), "another body");
        let other = AccessKey { secret: "another".to_owned(), ..key() };
        assert_eq!(check(&other, &signed, b"{}", now), Err(Unsigned::Wrong), "another secret");
        let other = AccessKey { id: "ANOTHER".to_owned(), ..key() };
        assert_eq!(check(&other, &signed, b"{}", now), Err(Unsigned::UnknownKey));
        assert_eq!(check(&key(), &unsigned, b"{}", now), Err(Unsigned::Wrong), "a forged signature");
        for late in ["20150830T125101Z", "20150830T122059Z"] {
            assert_eq!(check(&key(), &signed, b"{}", at(late)), Err(Unsigned::Expired), "{late}");
        }
    }

    #[test]
    fn what_is_not_whole_is_refused() {
        let now = at("20150830T123600Z");
        for authorization in [
            "Bearer abc",
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE",
            "AWS4-HMAC-SHA256 Credential=a/b/c, SignedHeaders=host;x-amz-date, Signature=0",
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/dynamodb/aws4_request, SignedHeaders=host, \
             Signature=0",
        ] {
            assert_eq!(check(&key(), &request(authorization), b"", now), Err(Unsigned::Incomplete), "{authorization}");
        }
        let s3 = SIGNED.replace("/dynamodb/", "/s3/");
        assert_eq!(check(&key(), &request(&s3), b"", now), Err(Unsigned::UnknownKey));
        let mut without = request(SIGNED);
        without.headers.remove("authorization");
        assert_eq!(check(&key(), &without, b"", now), Err(Unsigned::Missing));
    }
}
