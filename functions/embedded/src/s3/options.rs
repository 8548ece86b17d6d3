//! What S3 serves, and to whom.

use std::fmt;
use std::sync::Arc;

use crate::access_key::AccessKey;
use crate::notification::ObjectCreated;

/// What S3 serves, and to whom.
#[derive(Clone)]
pub struct S3Options {
    /// The only bucket; other names answer `NoSuchBucket`.
    pub bucket: String,
    /// What requests and URLs are signed with.
    pub key: AccessKey,
    /// Key prefixes whose new objects are reported.
    pub watched_prefixes: Vec<String>,
    /// Called for each new object under a watched prefix, once the object can be read. It must not block.
    pub notifier: Arc<dyn Fn(ObjectCreated) + Send + Sync>,
}

impl fmt::Debug for S3Options {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { bucket, watched_prefixes, .. } = self;
        let mut debug = formatter.debug_struct("S3Options");
        debug.field("bucket", bucket).field("watched_prefixes", watched_prefixes).finish_non_exhaustive()
    }
}
