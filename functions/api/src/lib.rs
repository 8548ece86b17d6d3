//! The HTTP API: axum routers that are the same on Lambda and on one machine.
//!
//! Each function has its router ([`create`], [`review`], [`read`]); [`router`] is all of them. The handlers describe
//! themselves in OpenAPI ([`document`]).

mod body;
mod caller;
mod collection_view;
mod comments;
mod conditional;
pub mod create;
mod error;
mod fields;
mod health;
mod idempotency;
mod identification;
mod issuer;
mod kept_view;
mod lambda;
mod layers;
mod openapi;
mod parameters;
mod queue_view;
pub mod read;
mod request_id;
pub mod review;
mod role_claim;
mod routers;
mod schemas;
mod services;
mod task_id;
mod task_summary;
mod task_view;
mod token_register;
mod tokens;
mod views;

pub use error::{ApiError, Result};
pub use fields::MAX_NAME;
pub use identification::Identification;
pub use issuer::{Issuer, IssuerKeys, IssuerOptions, KeySource};
pub use lambda::serve;
pub use openapi::document;
pub use parameters::NoParameters;
pub use read::DESCRIPTION;
pub use role_claim::RoleClaim;
pub use routers::router;
pub use services::{DiskUsage, DiskView, Services};
pub use token_register::{IssuedToken, TokenRegister};
pub use tokens::{LONGEST_LIFETIME, Revocations, Token, TokenKey};
