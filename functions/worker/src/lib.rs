//! Generates the images that tasks ask for: from messages of a queue to images in the gallery.
//!
//! An [`engine::Engine`] is the opened model on its device, and a [`worker::Worker`] uses it to do what a message asks
//! for. Messages reach the worker through the [`lambda`] runtime or the [`polling`] loop.

pub mod engine;
mod error;
pub mod lambda;
pub mod polling;
mod price;
pub mod queue;
pub mod sqs;
pub mod validation;
pub mod worker;
mod worker_options;

pub use error::{Error, Result};
