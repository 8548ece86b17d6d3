//! Easel through the doors that its users have: HTTP, S3 and the command line.
//!
//! The service is `easel serve` on a fresh folder and free ports, or the deployment that the JSON file named by
//! `EASEL_TEST_DEPLOYMENT` describes (see `easel_test_support::service`), so that the same tests run against functions on other
//! services. `EASEL_TEST_KILLS` says how often `faults.rs` kills the service.

mod authorization;
mod backup;
mod commands;
mod conditional;
mod desk;
mod doors;
mod drawing;
mod events;
mod fairness;
mod faults;
mod finding;
mod flow;
mod four_eyes;
mod health;
mod idempotency;
mod init_image;
mod interrupted;
mod listing;
mod offers;
mod one_origin;
mod outages;
#[path = "../../model/tests/overlay.rs"]
mod overlay;
mod races;
mod refusals;
mod second_thoughts;
mod sequences;
mod storage;
mod terminal;
mod tokens;
mod uploads;
mod validation;
