//! The embedded services through the AWS SDK.

mod browser;
mod doors;
mod dynamodb;
mod folder;
#[cfg(unix)]
mod kill;
mod notification;
mod queue;
mod s3;
