//! The chain that a history is: each event holds a hash over itself and the hash of the event before, so that none can be
//! changed, left out or put in between without the hashes after it being wrong.
//!
//! - `digest` is the SHA-256 of what the event brought, its `details`, in canonical JSON.
//! - `hash` is the SHA-256 of this list in canonical JSON: `"easel history 1"`, the task's id, `version`, `at`, the name and
//!   the role of `by`, the ids of its token and its request, `from`, `to`, `change`, `digest`, `previous`. What is not there
//!   is null.
//! - `previous` is the `hash` of the event before; the first event of a chain has none.
//!
//! Canonical JSON has no spaces, its names are sorted, and numbers that are not whole have twelve significant digits
//! (`1.23456789012e-1`), so that whoever reads and writes them anew gets the same text.
//!
//! Details can be erased: the chain then still says who did what and when. Whoever may write all rows can write a whole
//! chain anew; what shows that is a hash that was kept elsewhere.

use std::fmt::Write;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use utoipa::ToSchema;
use uuid::Uuid;

use super::event::{Change, Event};
use super::status::{Move, Status};
use crate::identity::Identity;

/// What ties an event to the one before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Link {
    /// The hash of the event before; none of the first event of a chain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub previous: Option<String>,
    /// The hash of what the event brought.
    pub digest: String,
    /// The hash of the event.
    pub hash: String,
}

/// An event as it is hashed, which is how the API shows it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EventRecord {
    /// The task's version after it.
    pub version: u64,
    /// When.
    pub at: Timestamp,
    /// Who.
    pub by: Identity,
    /// What was done: `create` or a move.
    pub change: String,
    /// The state before.
    pub from: Option<Status>,
    /// The state after.
    pub to: Status,
    /// All that it brought.
    pub details: Value,
    /// Whether the details were erased.
    #[serde(default)]
    pub erased: bool,
    /// What ties it to the event before; none of events from before there was a chain.
    #[serde(default)]
    pub link: Option<Link>,
}

/// Where a chain is broken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the history is not as it was written: at version {version}, {what}; compare it with a copy that was kept elsewhere"
)]
pub struct BrokenChain {
    /// The version of the first event that is wrong.
    pub version: u64,
    /// What is wrong with it.
    pub what: &'static str,
}

impl Event {
    /// The event, tied to the one with the hash `previous`.
    pub(super) fn linked(mut self, previous: Option<String>) -> Self {
        let record = self.record();
        let digest = digest(&record.details);
        let hash = hash(self.task, &record, &digest, previous.as_deref());
        self.link = Some(Link { previous, digest, hash });
        self
    }

    /// The event as it is hashed.
    #[must_use]
    pub fn record(&self) -> EventRecord {
        EventRecord {
            version: self.version,
            at: self.at,
            by: self.by.clone(),
            change: self.change.action().map_or("create", Move::as_str).to_owned(),
            from: self.from,
            to: self.to,
            details: self.change.details(),
            erased: matches!(self.change, Change::Erased { .. }),
            link: self.link.clone(),
        }
    }
}

/// Checks that `events`, which are the whole history of a task, are as they were written; how many of them are tied
/// together. `newest` is the version and the hash that the task itself has, where it is still there.
///
/// # Errors
/// Returns [`BrokenChain`] with the first event that is wrong.
pub fn verify(task: Uuid, events: &[EventRecord], newest: Option<(u64, &str)>) -> Result<usize, BrokenChain> {
    let (mut before, mut tied): (Option<&str>, usize) = (None, 0);
    for (version, event) in (1..).zip(events) {
        let broken = |what| Err(BrokenChain { version, what });
        if event.version != version {
            return broken("an event is missing");
        }
        match &event.link {
            None if before.is_some() => return broken("the event has no hash, though the one before has"),
            None => {}
            Some(link) if link.previous.as_deref() != before => {
                return broken("the event does not follow the one before");
            }
            Some(link) if !event.erased && link.digest != digest(&event.details) => {
                return broken("what the event brought has been changed");
            }
            Some(link) if link.hash != hash(task, event, &link.digest, before) => {
                return broken("who did what, or when, has been changed");
            }
            Some(link) => {
                before = Some(&link.hash);
                tied += 1;
            }
        }
    }
    let Some((version, expected)) = newest else { return Ok(tied) };
    let last = usize::try_from(version).ok().and_then(|version| events.get(version.checked_sub(1)?));
    match last.map(|event| event.link.as_ref()) {
        Some(Some(link)) if link.hash == expected => Ok(tied),
        Some(_) => Err(BrokenChain { version, what: "the event is not the one that the task itself has" }),
        None => Err(BrokenChain { version, what: "the newest events are missing" }),
    }
}

fn digest(details: &Value) -> String {
    hex::encode(Sha256::digest(canonical(details)))
}

fn hash(task: Uuid, event: &EventRecord, digest: &str, previous: Option<&str>) -> String {
    let EventRecord { version, at, by, change, from, to, .. } = event;
    let Identity { name, role, token_id, request_id } = by;
    let said = json!([
        "easel history 1",
        task,
        version,
        at,
        name,
        role,
        token_id,
        request_id,
        from,
        to,
        change,
        digest,
        previous
    ]);
    hex::encode(Sha256::digest(canonical(&said)))
}

/// The value as text that everybody writes in the same way.
fn canonical(value: &Value) -> String {
    let mut text = String::new();
    write(value, &mut text);
    text
}

fn write(value: &Value, text: &mut String) {
    match value {
        Value::Array(values) => {
            text.push('[');
            for (place, value) in values.iter().enumerate() {
                text.push_str(if place == 0 { "" } else { "," });
                write(value, text);
            }
            text.push(']');
        }
        Value::Object(values) => {
            let mut values: Vec<_> = values.iter().collect();
            values.sort_unstable_by_key(|(name, _)| *name);
            text.push('{');
            for (place, (name, value)) in values.into_iter().enumerate() {
                text.push_str(if place == 0 { "" } else { "," });
                write(&Value::String(name.clone()), text);
                text.push(':');
                write(value, text);
            }
            text.push('}');
        }
        // Writing to a string never fails.
        Value::Number(number) if number.is_f64() => {
            let _ = write!(text, "{:.11e}", number.as_f64().unwrap_or_default());
        }
        other => {
            let _ = write!(text, "{other}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_content_has_the_same_text_whoever_wrote_it() {
        let value = json!({"b": [1, 0.1 + 0.2, -2.5e300], "a": {"d": null, "c": "ü\"\n"}, "u": u64::MAX});
        let text =
            r#"{"a":{"c":"ü\"\n","d":null},"b":[1,3.00000000000e-1,-2.50000000000e300],"u":18446744073709551615}"#;
        assert_eq!(canonical(&value), text);
        let again: Value = serde_json::from_str(&value.to_string()).expect("JSON");
        assert_eq!(canonical(&again), text);
    }
}
