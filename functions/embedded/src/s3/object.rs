//! An object as the index has it, and its attributes.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// An object as the index has it.
#[derive(Debug, Clone)]
pub(super) struct IndexedObject {
    pub(super) key: String,
    /// The name of the file with its bytes.
    pub(super) file: String,
    /// Bytes.
    pub(super) size: u64,
    /// Without quotes.
    pub(super) e_tag: String,
    /// Whole seconds, as HTTP has them.
    pub(super) last_modified: Timestamp,
    pub(super) attributes: ObjectAttributes,
}

/// What a client stored with an object and gets back with it.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct ObjectAttributes {
    pub(super) content_type: Option<String>,
    pub(super) content_encoding: Option<String>,
    pub(super) content_language: Option<String>,
    pub(super) content_disposition: Option<String>,
    pub(super) cache_control: Option<String>,
    /// `x-amz-meta-*`.
    pub(super) metadata: BTreeMap<String, String>,
    /// For lifecycle rules, which this S3 does not have.
    #[serde(default)]
    pub(super) tags: BTreeMap<String, String>,
}
