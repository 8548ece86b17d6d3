//! The review desk: static files, part of this program, that make a web page. They know the API alone; nothing here does.

mod assets;
#[cfg(test)]
#[path = "../build/bundle.rs"]
mod bundle;
mod configuration;
mod content;
mod options;
mod policy;
mod router;

pub use options::{DeskOptions, Error, Result, SignIn};
pub use router::{not_found, router};
