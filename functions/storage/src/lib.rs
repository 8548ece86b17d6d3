//! Where tasks and images are: [`store`] keeps tasks in DynamoDB, [`gallery`] keeps images in S3, [`workflow`] moves tasks
//! with both. [`uploads`] makes tasks of dropped files, [`reconciling`] sees to it that none is forgotten, and [`message`]
//! reads what S3 announces.

mod configuration;
pub mod error;
pub mod gallery;
pub mod message;
mod offer;
pub mod offers;
pub mod reconciling;
pub mod rights;
pub mod store;
pub mod uploads;
pub mod workflow;

pub use configuration::{approvals_needed, configuration, limits, object_client};
pub use error::{Error, Result};
