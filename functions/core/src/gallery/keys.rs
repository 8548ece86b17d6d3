//! The names of objects. All follow from the task, so that whoever does a thing twice does it in the same place.

use uuid::Uuid;

/// Files that people and programs drop.
pub const UPLOADS: &str = "uploads/";
/// Init images.
pub const INPUTS: &str = "inputs/";
/// Where running attempts stand.
pub const CHECKPOINTS: &str = "checkpoints/";
/// Pictures.
pub const IMAGES: &str = "images/";
/// What tells a worker to draw.
pub const REQUESTS: &str = "requests/";
/// The longest key that every S3 service takes.
pub const MAX_KEY: usize = 120;

/// What tells a worker to draw the task.
#[must_use]
pub fn request(task: Uuid) -> String {
    format!("{REQUESTS}{task}.json")
}

/// Where an attempt stands.
#[must_use]
pub fn checkpoint(task: Uuid, attempt: u32) -> String {
    format!("{}{attempt}", checkpoints(task))
}

/// The start of all of a task's checkpoints.
#[must_use]
pub fn checkpoints(task: Uuid) -> String {
    format!("{CHECKPOINTS}{task}/")
}

/// A picture.
#[must_use]
pub fn picture(task: Uuid, attempt: u32, index: u32) -> String {
    format!("{}{attempt}-{index}.png", pictures(task))
}

/// The small version of a picture.
#[must_use]
pub fn thumbnail(task: Uuid, attempt: u32, index: u32) -> String {
    format!("{}{attempt}-{index}-small.jpg", pictures(task))
}

/// The start of all of a task's pictures.
#[must_use]
pub fn pictures(task: Uuid) -> String {
    format!("{IMAGES}{task}/")
}

/// A published picture.
#[must_use]
pub fn published(task: Uuid, index: u32) -> String {
    format!("{}{index}.png", all_published(task))
}

/// The start of all that is published of a task.
#[must_use]
pub fn all_published(task: Uuid) -> String {
    format!("published/{task}/")
}
