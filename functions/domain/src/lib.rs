//! Tasks: what can be asked for, their states and moves, and who may make them. Knows no HTTP and no SDK.

mod approvals_needed;
pub mod collection;
pub mod comment;
pub mod error;
pub mod identity;
mod labels;
pub mod limits;
mod permissions;
mod relabelling;
mod rules;
mod style;
pub mod task;
mod task_image;
mod task_request;

pub use approvals_needed::ApprovalsNeeded;
pub use error::{Error, Forbidden, Result};
pub use labels::{LABELS, Labels};
pub use relabelling::{RELABELLING, Relabelling};
pub use rules::Rules;
pub use style::{STYLE, Style};
pub use task_image::TaskImage;
pub use task_request::{TaskRequest, draw_seed, read_changes};
