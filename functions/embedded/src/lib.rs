//! The services `easel serve` runs in its own process instead of AWS's: DynamoDB and S3, which the AWS SDK talks to
//! over loopback, and a queue with the semantics of SQS.
//!
//! Each service takes its listener and a [`CancellationToken`](tokio_util::sync::CancellationToken) from the caller,
//! keeps its data in a folder, and finds it there again when it is started anew.

mod access_key;
pub mod door;
pub mod dynamodb;
mod error;
mod folder;
pub mod http;
pub mod notification;
pub mod queue;
pub mod s3;
pub mod snapshot;

pub use access_key::AccessKey;
pub use error::{Error, Result};
