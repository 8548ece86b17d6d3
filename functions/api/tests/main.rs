//! What the API answers: alone, and on embedded services.

mod four_eyes;
mod health;
mod history;
mod idempotency;
mod issuer;
mod offers;
mod refusals;
mod routes;
mod sizes;
mod support;
mod uploads;
mod warnings;
