//! Where tasks and images are: [`store`] keeps tasks in DynamoDB, [`gallery`] keeps images in S3, [`workflow`] moves tasks
//! with both.

mod configuration;
pub mod error;
pub mod gallery;
pub mod rights;
pub mod store;
pub mod workflow;

pub use configuration::{configuration, object_client};
pub use error::{Error, Result};
