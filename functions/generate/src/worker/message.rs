//! What a message says.

use percent_encoding::percent_decode_str;
use serde_json::Value;

/// A message that a worker understands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Message {
    /// Objects were created under these keys.
    Created(Vec<String>),
    /// S3 tries whether the queue is there.
    Test,
    /// Remove what is to be removed.
    Housekeeping,
}

impl Message {
    /// Reads a message's body; the error says why nobody can.
    pub(super) fn read(body: &str) -> Result<Self, String> {
        let body: Value = serde_json::from_str(body).map_err(|error| format!("it is not JSON: {error}"))?;
        if body["Event"] == "s3:TestEvent" {
            return Ok(Self::Test);
        }
        if body["housekeeping"] == true {
            return Ok(Self::Housekeeping);
        }
        let records = body["Records"].as_array().ok_or("it is no event of S3")?;
        let mut keys = Vec::new();
        for record in records {
            let name = record["eventName"].as_str().unwrap_or_default();
            if record["eventSource"] != "aws:s3" || !name.starts_with("ObjectCreated:") {
                return Err("it holds something else than created objects".to_owned());
            }
            let key = record["s3"]["object"]["key"].as_str().ok_or("it names no object")?;
            keys.push(decoded(key)?);
        }
        Ok(Self::Created(keys))
    }
}

/// S3 writes keys into events as a form's fields are written.
fn decoded(key: &str) -> Result<String, String> {
    let spaced = key.replace('+', " ");
    let decoded = percent_decode_str(&spaced).decode_utf8();
    decoded.map(std::borrow::Cow::into_owned).map_err(|_| format!("the key {key} is not UTF-8"))
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
