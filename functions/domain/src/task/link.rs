//! What ties the events of a history together.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

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
