//! Models: fetched from the Hugging Face hub or from S3 ([`pull`]), the demo model that is embedded in the
//! program ([`demo_model`]), the choice of the model to generate with ([`model_choice`]), what a service offers by name
//! ([`offers`]), and the settings of distilled ones ([`recipes`]).

mod cache;
pub mod demo_model;
mod error;
pub mod model_choice;
pub mod offers;
pub mod pull;
pub mod recipes;

pub use cache::packed_weights;
pub use error::{Error, Result};
