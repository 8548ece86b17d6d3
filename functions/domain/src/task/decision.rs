//! What people decide on a task or its images.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::remark::{ImageNote, Region};

/// What a person decided, and why.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Decision {
    /// Who decided, according to the token.
    pub by: String,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// The note or reason given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub note: Option<String>,
    /// Notes to single images.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub notes: Vec<ImageNote>,
    /// Where in the images something is wrong.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub regions: Vec<Region>,
}

/// Who approved a task, and which of its images. Where it takes several approvals, this is the last of them, and its images
/// are those that every one of them names: an image is approved only by all.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Approval {
    /// Who decided, when, and what they added.
    #[serde(flatten)]
    pub decision: Decision,
    /// The indexes of the images that are approved; all of them if absent. The others stay with the task and are never
    /// published.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub images: Option<Vec<u32>>,
}
