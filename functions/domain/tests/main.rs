//! The domain.

mod state_machine;
