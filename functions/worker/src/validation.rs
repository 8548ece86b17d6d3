//! Whether a worker is ready: a report of checks, each passed or failed, with what to do.

mod configuration;
mod generation;
mod report;
mod services;

pub use configuration::check_configuration;
pub use generation::check_engine;
pub use report::{CheckOutcome, ReadinessCheck, ReadinessReport};
pub use services::{check_queue, check_services};
