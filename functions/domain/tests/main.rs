//! The domain.

mod chain;
mod state_machine;
