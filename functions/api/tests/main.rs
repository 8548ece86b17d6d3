//! What the API refuses, and what is written down about it elsewhere.

mod refusals;
mod routes;
