//! Tasks: what can be asked for, their states and moves, and who may make them. Knows no HTTP and no SDK.

pub mod error;
pub mod identity;
mod labels;
pub mod limits;
mod permissions;
mod rules;
pub mod task;
mod task_image;
mod task_request;

pub use error::{Error, Forbidden, Result};
pub use labels::{LABELS, Labels};
pub use rules::Rules;
pub use task_image::TaskImage;
pub use task_request::{TaskRequest, draw_seed, read_changes};
