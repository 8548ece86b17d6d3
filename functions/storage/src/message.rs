//! What S3 announces, as queues deliver it.

use percent_encoding::percent_decode_str;
use serde::Deserialize;

const CREATED: &str = "ObjectCreated:";
const REMOVED: &str = "ObjectRemoved:";

/// What happened to objects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// Objects were created under these keys.
    Created(Vec<String>),
    /// The objects under these keys are gone.
    Removed(Vec<String>),
    /// S3 tests whether the queue exists.
    Test,
}

/// A message's body: an event of S3, or S3's test event.
#[derive(Deserialize)]
struct MessageBody {
    #[serde(rename = "Event")]
    event: Option<String>,
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
    /// Says why the body is no such message.
    pub fn read(body: &str) -> Result<Self, String> {
        let body: MessageBody =
            serde_json::from_str(body).map_err(|error| format!("the message is not an event of S3: {error}"))?;
        if body.event.as_deref() == Some("s3:TestEvent") {
            return Ok(Self::Test);
        }
        let records = body.records.ok_or("the message is not an event of S3: it has no records")?;
        let removed = records.first().is_some_and(|record| record.event_name.starts_with(REMOVED));
        let kind = if removed { REMOVED } else { CREATED };
        let keys = records.into_iter().map(|record| record.into_key(kind)).collect::<Result<_, _>>()?;
        Ok(if removed { Self::Removed(keys) } else { Self::Created(keys) })
    }
}

impl EventRecord {
    /// The object's key, if the event is of this kind. S3 encodes keys in events like the fields of a form.
    fn into_key(self, kind: &str) -> Result<String, String> {
        if self.event_source != "aws:s3" || !self.event_name.starts_with(kind) {
            return Err(format!("the message reports {}, not {kind}…", self.event_name));
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
    fn what_is_gone_and_the_test_event_are_told_apart() {
        let test = r#"{"Service":"Amazon S3","Event":"s3:TestEvent","Bucket":"b"}"#;
        assert_eq!(Message::read(test), Ok(Message::Test));
        let removed = created(&["published/1/0.png"]).replace("ObjectCreated:Put", "ObjectRemoved:DeleteMarkerCreated");
        assert_eq!(Message::read(&removed), Ok(Message::Removed(vec!["published/1/0.png".to_owned()])));
    }

    #[test]
    fn anything_else_is_refused() {
        let restored = created(&["uploads/a.txt"]).replace("ObjectCreated:Put", "ObjectRestore:Post");
        let mixed =
            created(&["uploads/a.txt", "uploads/b.txt"]).replacen("ObjectCreated:Put", "ObjectRemoved:Delete", 1);
        for body in ["", "heart", "[]", "{}", "null", r#"{"Records": 3}"#, r#"{"Records": [{}]}"#, &restored, &mixed] {
            assert!(Message::read(body).is_err(), "{body}");
        }
        assert!(Message::read(&created(&["uploads/%FF.txt"])).is_err());
    }
}
