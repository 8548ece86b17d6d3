//! Conditional requests (RFC 9110, section 13): what the caller has is not sent again, and what has changed since the caller
//! looked is not changed by mistake.

use axum::Json;
use axum::extract::{FromRequestParts, OptionalFromRequestParts};
use axum::http::StatusCode;
use axum::http::header::IF_MATCH;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use axum_extra::TypedHeader;
use easel_settings::FieldError;
use headers::{ETag, IfNoneMatch};
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::error::{ApiError, Result};

/// Bytes of the hash in a weak tag.
const HASH: usize = 16;

/// The tag of a task at this version, `"7"`, which `If-Match` takes too.
///
/// # Errors
/// Returns [`ApiError::Internal`] if it is not a tag, which it always is.
pub(crate) fn version_tag(version: u64) -> Result<ETag> {
    tag(&format!("\"{version}\""))
}

/// The weak tag, `W/"…"`, of everything that `state` holds. URLs of images should not be part of it: they are new in every
/// answer, and those who need fresh ones ask without `If-None-Match`.
///
/// # Errors
/// Returns [`ApiError::Internal`] if the state cannot be written as JSON.
pub(crate) fn state_tag(state: &impl Serialize) -> Result<ETag> {
    let state = serde_json::to_vec(state).map_err(|error| ApiError::Internal(format!("tagging: {error}")))?;
    let hash = Sha256::digest(state);
    tag(&format!("W/\"{}\"", hex::encode(&hash[..HASH])))
}

fn tag(text: &str) -> Result<ETag> {
    text.parse().map_err(|_| ApiError::Internal(format!("{text} is not an entity tag")))
}

/// The states that the caller has, as `If-None-Match` names them.
pub(crate) struct Known(Option<IfNoneMatch>);

impl<S: Send + Sync> FromRequestParts<S> for Known {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self> {
        type Header = TypedHeader<IfNoneMatch>;
        let header = <Header as OptionalFromRequestParts<S>>::from_request_parts(parts, state).await;
        Ok(Self(header.ok().flatten().map(|TypedHeader(known)| known)))
    }
}

impl Known {
    fn has(&self, tag: &ETag) -> bool {
        self.0.as_ref().is_some_and(|known| !known.precondition_passes(tag))
    }

    /// Answers with the body and the tag of its state, or with 304 and without making the body if the caller has that state.
    ///
    /// # Errors
    /// Returns what keeps the body from being made.
    pub(crate) async fn show<B: Serialize>(self, tag: ETag, body: impl Future<Output = Result<B>>) -> Result<Response> {
        if self.has(&tag) {
            return Ok((StatusCode::NOT_MODIFIED, TypedHeader(tag)).into_response());
        }
        Ok((TypedHeader(tag), Json(body.await?)).into_response())
    }
}

/// The version in `If-Match` that the task has to be at; `None` if any version is right.
pub(crate) struct ExpectedVersion(pub(crate) Option<u64>);

impl<S: Send + Sync> FromRequestParts<S> for ExpectedVersion {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self> {
        let Some(header) = parts.headers.get(IF_MATCH) else { return Ok(Self(None)) };
        expected_version(header.to_str().unwrap_or_default().trim()).map(Self)
    }
}

fn expected_version(header: &str) -> Result<Option<u64>> {
    if header == "*" {
        return Ok(None);
    }
    let version = header.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')?.parse().ok());
    let message = "is not a version of a task: send the `ETag` that came with it";
    version.map(Some).ok_or_else(|| ApiError::InvalidParameters(vec![FieldError::new("If-Match", message)]))
}

#[cfg(test)]
mod tests {
    use axum::http::Request;
    use axum::http::header::IF_NONE_MATCH;

    use super::*;

    async fn known(lines: &[&str]) -> Known {
        let mut request = Request::builder();
        for line in lines {
            request = request.header(IF_NONE_MATCH, *line);
        }
        let (mut parts, ()) = request.body(()).expect("a request").into_parts();
        Known::from_request_parts(&mut parts, &()).await.expect("it never fails")
    }

    #[tokio::test]
    async fn a_tag_is_found_among_others_and_compared_weakly() {
        let tag = version_tag(7).expect("a tag");
        for header in ["\"7\"", "W/\"7\"", "\"6\" ,\t\"7\"", "\"6\",W/\"7\"", "\"a,b\", \"7\"", "\"a b\",\"7\"", "*"] {
            assert!(known(&[header]).await.has(&tag), "{header}");
        }
        for header in ["", "7", "\"6\"", "\"77\"", "\"a,7\"", "\"7", "w/\"7\"", "W/7", "\"*\"", "heart", "\"a b\""] {
            assert!(!known(&[header]).await.has(&tag), "{header}");
        }
        assert!(known(&["\"6\"", "\"7\""]).await.has(&tag), "several lines");
        assert!(!known(&[]).await.has(&tag), "no line");
    }

    #[test]
    fn another_state_has_another_weak_tag() {
        let tag = |ids: &[u8], next: Option<u8>| state_tag(&(ids, next)).expect("a tag");
        assert_eq!(tag(&[1, 2], Some(3)), tag(&[1, 2], Some(3)));
        assert_ne!(tag(&[1, 2], Some(3)), tag(&[2, 1], Some(3)));
        assert_ne!(tag(&[1, 2], Some(3)), tag(&[1, 2], None));
    }

    #[test]
    fn only_versions_are_expected() {
        assert!(matches!(expected_version("\"7\""), Ok(Some(7))));
        assert!(matches!(expected_version("*"), Ok(None)));
        for header in ["", "heart", "1", "\"1", "\"\"", "W/\"1\"", "\"1.2\"", "\"1\", \"2\""] {
            assert!(expected_version(header).is_err(), "{header}");
        }
    }
}
