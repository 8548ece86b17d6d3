//! Easel through the doors that its users have: HTTP, S3 and the command line.
//!
//! The service is `easel serve` on a fresh folder and free ports, or the deployment that the JSON file named by
//! `EASEL_TEST_DEPLOYMENT` describes (see `service.rs`), so that the same tests run against functions on other
//! services. `EASEL_TEST_KILLS` says how often `faults.rs` kills the service.

mod authorization;
mod commands;
mod conditional;
mod desk;
mod drawing;
mod events;
mod faults;
mod flow;
mod health;
mod idempotency;
mod init_image;
mod listing;
mod orders;
mod outages;
mod patience;
mod person;
mod process;
mod races;
mod refusals;
mod sequences;
mod service;
mod storage;
mod uploads;
mod validation;
