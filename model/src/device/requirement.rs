//! What a model needs of a device.

use serde::{Deserialize, Serialize};

use crate::precision::Precision;

/// What a model needs of a device.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub struct Requirement {
    /// Bytes of device memory that must be free.
    pub memory: u64,
    /// Bytes of the largest tensor, weights and activations of an image of the model's own size.
    pub largest_tensor: u64,
    /// The precision asked for, or the device's own choice.
    pub precision: Option<Precision>,
    /// Whether the weights are packed for the CPU's kernels.
    pub is_packed: bool,
}
