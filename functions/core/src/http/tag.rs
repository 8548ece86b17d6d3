//! Conditional reading: whoever knows the state that is shown gets 304 and no body.

use serde::Serialize;
use sha2::{Digest, Sha256};

use super::answer::Answer;
use super::call::Call;
use crate::error::{Error, Result};

/// Bytes of the hash in a weak tag.
const HASH: usize = 16;

/// An `ETag`: names a state of what is shown. URLs of pictures are no part of it: they are new in every answer, and who
/// needs fresh ones asks without `If-None-Match`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tag(String);

impl Tag {
    /// The tag of a task at this version, `"7"`, which `If-Match` takes too.
    #[must_use]
    pub fn version(version: u64) -> Self {
        Self(format!("\"{version}\""))
    }

    /// The weak tag, `W/"…"`, of everything that `state` holds.
    ///
    /// # Errors
    /// [`Error::Internal`] if it cannot be written as JSON.
    pub fn weak(state: &impl Serialize) -> Result<Self> {
        let state = serde_json::to_vec(state).map_err(|error| Error::Internal(format!("tagging: {error}")))?;
        let hash: String = Sha256::digest(state).iter().take(HASH).map(|byte| format!("{byte:02x}")).collect();
        Ok(Self(format!("W/\"{hash}\"")))
    }

    /// Whether the value of an `If-None-Match` names it: `*`, or tags with commas between them, weak or not (RFC 9110).
    /// No tag of ours holds a comma, so tags of others that do are no trouble.
    fn is_in(&self, header: &str) -> bool {
        let opaque = |tag: &str| tag.strip_prefix("W/").unwrap_or(tag).to_owned();
        header.trim() == "*" || header.split(',').any(|tag| opaque(tag.trim()) == opaque(&self.0))
    }
}

impl From<Tag> for String {
    fn from(tag: Tag) -> Self {
        tag.0
    }
}

impl Call {
    /// Answers 200 with the body and the tag of its state; 304, without making the body, if `If-None-Match` says that
    /// the caller has that state.
    ///
    /// # Errors
    /// Those of making the body.
    pub async fn show<Body: Serialize>(&self, tag: Tag, body: impl Future<Output = Result<Body>>) -> Result<Answer> {
        let answer = if self.headers("if-none-match").any(|header| tag.is_in(header)) {
            Answer::plain(304)
        } else {
            Answer::json(200, &body.await?)?
        };
        Ok(answer.with("etag", tag))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_found_among_others_and_compared_weakly() {
        let tag = Tag::version(7);
        for header in ["\"7\"", "W/\"7\"", " \"6\" ,\t\"7\"", "\"6\",W/\"7\"", "\"a,b\", \"7\"", "*", " * "] {
            assert!(tag.is_in(header), "{header}");
        }
        for header in ["", "7", "\"6\"", "\"77\"", "\"a,7\"", "\"7", "w/\"7\"", "W/7", "\"*\"", "heart"] {
            assert!(!tag.is_in(header), "{header}");
        }
        let weak = Tag::weak(&("a", 1)).expect("a tag");
        let strong = weak.0.strip_prefix("W/").expect("a weak one");
        assert!(weak.is_in(&weak.0) && weak.is_in(strong), "{weak:?}");
    }

    #[test]
    fn another_state_has_another_weak_tag() {
        let tag = |ids: &[u8], next: Option<u8>| Tag::weak(&(ids, next)).expect("a tag");
        assert_eq!(tag(&[1, 2], Some(3)), tag(&[1, 2], Some(3)));
        assert_ne!(tag(&[1, 2], Some(3)), tag(&[2, 1], Some(3)));
        assert_ne!(tag(&[1, 2], Some(3)), tag(&[1, 2], None));
    }
}
