//! What is asked of a backend for GPUs.

use serde::{Deserialize, Serialize};

use super::backend::Backend;
use super::requirement::Requirement;

/// What is asked of a backend for GPUs.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(super) struct Question {
    pub(super) backend: Backend,
    /// Which of its devices, or the first that passes.
    pub(super) number: Option<usize>,
    /// Whether the backend was asked for by name.
    pub(super) is_named: bool,
    pub(super) requirement: Requirement,
}
