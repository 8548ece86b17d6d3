//! The domain, and what is written down about it elsewhere.

mod routes;
mod state_machine;
