//! What a reviewer says of single images: notes, and regions that show where something is wrong.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Most characters of a note to one image or region.
pub const MAX_REMARK: usize = 200;
/// Most regions of one rejection.
pub const MAX_REGIONS: usize = 24;

/// A note to one image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ImageNote {
    /// The image's index, from 0.
    pub image: u32,
    /// What is said of it.
    pub note: String,
}

/// A place in one image, and what is said of it. Fractions are of the image's width and height, from its top left corner.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Region {
    /// The image's index, from 0.
    pub image: u32,
    /// The place.
    #[serde(flatten)]
    pub area: Area,
    /// What is said of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub note: Option<String>,
}

/// A point or a box in an image, in fractions of its width and height from the top left corner.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Area {
    /// From the left, 0 to 1.
    pub x: f64,
    /// From the top, 0 to 1.
    pub y: f64,
    /// The width of a box; a point has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub width: Option<f64>,
    /// The height of a box; a point has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub height: Option<f64>,
}
