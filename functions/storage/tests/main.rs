//! The store and the gallery against real services: DynamoDB and S3 in this process.

mod attempts;
mod comments;
mod counters;
mod creation;
mod publishing;
mod purging;
mod reopening;
mod support;
mod tags;
