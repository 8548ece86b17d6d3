//! The messages that a worker understands.

use percent_encoding::percent_decode_str;
use serde::Deserialize;

/// A message that a worker understands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Message {
    /// Objects were created under these keys.
    Created(Vec<String>),
    /// S3 tests whether the queue exists.
    Test,
    /// Deleted tasks whose grace period is over are to be purged.
    Housekeeping,
}

/// A message's body: an event of S3, S3's test event, or `{"housekeeping": true}`.
#[derive(Deserialize)]
struct MessageBody {
    #[serde(rename = "Event")]
    event: Option<String>,
    housekeeping: Option<bool>,
    #[serde(rename = "Records")]
    records: Option<Vec<EventRecord>>,
}

/// The part of an S3 event that a worker needs. `aws_lambda_events::s3::S3Event` requires more than every emulator of
/// S3 sends, and leaves keys encoded.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct EventRecord {
    event_source: String,
    event_name: String,
    s3: EventEntity,
}

#[derive(Deserialize)]
struct EventEntity {
    object: EventObject,
}

#[derive(Deserialize)]
struct EventObject {
    key: String,
}

impl Message {
    /// Reads a message's body.
    ///
    /// # Errors
    /// Says why the body is not a message for workers.
    pub(super) fn read(body: &str) -> Result<Self, String> {
        let body: MessageBody =
            serde_json::from_str(body).map_err(|error| format!("the message is not an event of S3: {error}"))?;
        if body.event.as_deref() == Some("s3:TestEvent") {
            return Ok(Self::Test);
        }
        if body.housekeeping == Some(true) {
            return Ok(Self::Housekeeping);
        }
        let records = body.records.ok_or("the message is not an event of S3: it has no records")?;
        records.into_iter().map(EventRecord::into_key).collect::<Result<_, _>>().map(Self::Created)
    }
}

impl EventRecord {
    /// The key of the created object. S3 encodes keys in events like the fields of a form.
    fn into_key(self) -> Result<String, String> {
        if self.event_source != "aws:s3" || !self.event_name.starts_with("ObjectCreated:") {
            return Err(format!("the message reports {}, not a created object", self.event_name));
        }
        let key = self.s3.object.key.replace('+', " ");
        let decoded = percent_decode_str(&key).decode_utf8();
        decoded.map(std::borrow::Cow::into_owned).map_err(|_| format!("the key {key} is not UTF-8"))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn created(keys: &[&str]) -> String {
        let records = keys.iter().map(
            |key| json!({"eventSource": "aws:s3", "eventName": "ObjectCreated:Put", "s3": {"object": {"key": key}}}),
        );
        json!({"Records": records.collect::<Vec<_>>()}).to_string()
    }

    #[test]
    fn keys_are_decoded() {
        let read = Message::read(&created(&["uploads/a+red%2Bblue+h%C3%A9art.txt", "requests/1.json"]));
        let keys = ["uploads/a red+blue héart.txt".to_owned(), "requests/1.json".to_owned()];
        assert_eq!(read, Ok(Message::Created(keys.to_vec())));
    }

    #[test]
    fn the_test_event_and_housekeeping_are_told_apart() {
        let test = r#"{"Service":"Amazon S3","Event":"s3:TestEvent","Bucket":"b"}"#;
        assert_eq!(Message::read(test), Ok(Message::Test));
        assert_eq!(Message::read(r#"{"housekeeping": true}"#), Ok(Message::Housekeeping));
    }

    #[test]
    fn anything_else_is_refused() {
        let removed = created(&["uploads/a.txt"]).replace("ObjectCreated:Put", "ObjectRemoved:Delete");
        for body in ["", "heart", "[]", "{}", "null", r#"{"Records": 3}"#, r#"{"Records": [{}]}"#, &removed] {
            assert!(Message::read(body).is_err(), "{body}");
        }
        assert!(Message::read(&created(&["uploads/%FF.txt"])).is_err());
    }
}
