//! Something that a service offers by name.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Something that can be asked for by name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Offer {
    /// The name.
    pub name: String,
    /// The SHA-256 of its file, in hexadecimal, where a worker knows it already.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub sha256: Option<String>,
}
