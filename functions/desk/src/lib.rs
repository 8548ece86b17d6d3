//! The review desk: static files, part of this program, that a browser makes a page of. They know the API alone; nothing
//! here does.

mod bundle;
mod configuration;
mod content;
mod desk;
mod files;
mod options;
mod policy;
mod problem;

pub use desk::Desk;
pub use options::{DeskOptions, Error, PICTURES_ORIGIN, Result, SignIn};
