//! The event S3 sends when an object was created, as JSON.

use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

/// One created object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectCreated {
    /// The operation that created it.
    pub by: Creation,
    /// The bucket's name.
    pub bucket: String,
    /// The object's key, as it is and not encoded.
    pub key: String,
    /// Bytes.
    pub size: u64,
    /// The entity tag, without quotes.
    pub e_tag: String,
    /// When the object was created.
    pub time: Timestamp,
    /// Increases with each creation, so that two events about one key can be ordered.
    pub sequencer: u64,
}

/// The operation that created an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Creation {
    /// PutObject.
    Put,
    /// CopyObject.
    Copy,
}

impl ObjectCreated {
    /// The event that S3 sends to a queue or a function: a list of one record.
    pub fn to_event(&self, region: &str) -> Value {
        let Self { bucket, key, size, e_tag, time, .. } = self;
        let event_name = match self.by {
            Creation::Put => "ObjectCreated:Put",
            Creation::Copy => "ObjectCreated:Copy",
        };
        json!({ "Records": [{
            "eventVersion": "2.1",
            "eventSource": "aws:s3",
            "awsRegion": region,
            "eventTime": format!("{time:.3}"),
            "eventName": event_name,
            "userIdentity": { "principalId": "AWS:EASEL" },
            "requestParameters": { "sourceIPAddress": "127.0.0.1" },
            "responseElements": { "x-amz-request-id": Uuid::new_v4().simple().to_string(), "x-amz-id-2": "" },
            "s3": {
                "s3SchemaVersion": "1.0",
                "configurationId": "easel",
                "bucket": {
                    "name": bucket,
                    "ownerIdentity": { "principalId": "EASEL" },
                    "arn": format!("arn:aws:s3:::{bucket}"),
                },
                "object": {
                    "key": encoded(key),
                    "size": size,
                    "eTag": e_tag,
                    "sequencer": format!("{:016X}", self.sequencer),
                },
            },
        }] })
    }
}

/// A key as S3 puts it into events: as in a form, but with slashes left alone.
fn encoded(key: &str) -> String {
    let mut encoded = String::with_capacity(key.len());
    for byte in key.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'*' | b'/' => encoded.push(byte.into()),
            b' ' => encoded.push('+'),
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}
