//! The store and the gallery against real services: DynamoDB and S3 in this process.

mod attempts;
mod counters;
mod publishing;
mod purging;
mod support;
