//! Draws what is asked for: from a message of a queue to pictures in the gallery.
//!
//! A [`studio::Studio`] is the opened model on its device, a [`worker::Worker`] does with it what a message says. The
//! [`lambda`] runtime and the [`polling`] loop bring messages to the worker.
//!
//! What pictures' files look like ([`picture`], [`record`]) is the same for the `easel generate` command.

pub mod demo_model;
mod error;
pub mod lambda;
pub mod model_choice;
pub mod parameters_text;
pub mod picture;
pub mod polling;
pub mod pull;
pub mod queue;
pub mod record;
pub mod sqs;
pub mod studio;
pub mod temporary;
pub mod validation;
pub mod worker;

pub use error::{Error, Result};
