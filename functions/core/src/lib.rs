//! What Easel's functions share.
//!
//! The domain ([`task`], [`identity`], [`order`], [`error`]) knows neither HTTP nor an SDK. [`store`] keeps tasks in
//! DynamoDB, [`gallery`] keeps pictures in S3, [`workflow`] moves tasks with both.

pub mod error;
pub mod fields;
pub mod gallery;
pub mod http;
pub mod identity;
pub mod order;
pub mod rights;
pub mod services;
pub mod store;
pub mod task;
pub mod telemetry;
pub mod workflow;

pub use error::{Error, Result};
