//! Who may call the embedded services.

use std::fmt;

/// The access key that requests and URLs are signed with.
#[derive(Clone)]
pub struct AccessKey {
    /// Names the key.
    pub id: String,
    /// Its secret.
    pub secret: String,
}

impl fmt::Debug for AccessKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("AccessKey").field("id", &self.id).finish_non_exhaustive()
    }
}
