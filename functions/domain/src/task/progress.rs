//! How far a running attempt is. Kept beside the task, so that it never changes the task's version.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A worker's last word on the attempt it draws, and its lease on it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    /// The fence of the claim it belongs to.
    pub fence: u64,
    /// Until when nobody else may take the attempt, in milliseconds since 1970.
    pub lease_until: i64,
    /// Steps done.
    pub step: u32,
    /// Steps in all; 0 until the worker knows.
    pub total: u32,
    /// The part of the model at work.
    pub stage: String,
    /// Estimated seconds left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remaining_seconds: Option<f64>,
    /// What went wrong when a worker last tried, if something did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// When this was written.
    pub at: Timestamp,
    /// A small image of what is there so far (JPEG).
    #[serde(default, skip_serializing_if = "Option::is_none", with = "jpeg")]
    pub preview: Option<Vec<u8>>,
}

impl Progress {
    /// Whether the claim that it belongs to still holds the attempt.
    #[must_use]
    pub fn holds(&self, fence: u64, now: Timestamp) -> bool {
        self.fence == fence && self.lease_until > now.as_millisecond()
    }
}

/// Bytes as bytes: serde's own way is a list of numbers.
mod jpeg {
    use serde::{Deserialize, Deserializer, Serializer, de};

    pub(super) fn serialize<S: Serializer>(bytes: &Option<Vec<u8>>, serializer: S) -> Result<S::Ok, S::Error> {
        match bytes {
            Some(bytes) => serializer.serialize_bytes(bytes),
            None => serializer.serialize_none(),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<u8>>, D::Error> {
        struct Bytes(Vec<u8>);
        impl<'de> Deserialize<'de> for Bytes {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Visitor;
                impl de::Visitor<'_> for Visitor {
                    type Value = Bytes;
                    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        formatter.write_str("bytes")
                    }
                    fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Bytes, E> {
                        Ok(Bytes(bytes.to_vec()))
                    }
                    fn visit_byte_buf<E>(self, bytes: Vec<u8>) -> Result<Bytes, E> {
                        Ok(Bytes(bytes))
                    }
                }
                deserializer.deserialize_byte_buf(Visitor)
            }
        }
        Ok(Option::<Bytes>::deserialize(deserializer)?.map(|bytes| bytes.0))
    }
}
