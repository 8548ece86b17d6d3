//! What tests of several crates share.
//!
//! [`service`] is the whole service, `easel serve` or a deployment, and [`person`] calls its API. [`embedded`] is DynamoDB and
//! S3 alone, for tests of programs that work on them; [`crashing`] ends such programs at a
//! certain call, [`pausing`] lets them wait there, and [`losing`] keeps an answer from them. [`lambda_runtime`] invokes
//! programs that are Lambda functions.

pub mod addresses;
pub mod clients;
pub mod crashing;
pub mod embedded;
pub mod lambda_runtime;
pub mod losing;
pub mod pausing;
pub mod person;
pub mod program;
pub mod service;
pub mod storage;
pub mod task_requests;
pub mod waiting;
