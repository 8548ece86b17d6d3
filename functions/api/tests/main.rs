//! What the API answers: alone, and on embedded services.

mod claims;
mod comments;
mod decisions;
mod four_eyes;
mod health;
mod history;
mod idempotency;
mod issuer;
mod kept;
mod labels;
mod offers;
mod queue;
mod refusals;
mod routes;
mod sizes;
mod support;
mod uploads;
mod warnings;
