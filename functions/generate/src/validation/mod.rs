//! Whether a generator is ready: a report of checks, each passed or failed, with what to do.

mod configuration;
mod drawing;
mod report;
mod services;

pub use configuration::check_configuration;
pub use drawing::check_studio;
pub use report::{Check, Outcome, Report};
pub use services::{check_queue, check_services};
