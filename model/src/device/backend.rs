//! What computes.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The Burn backend that computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Backend {
    /// NVIDIA GPUs.
    Cuda,
    /// GPUs by their Vulkan driver, of every maker.
    Vulkan,
    /// Apple's GPUs.
    Metal,
    /// The CPU.
    Flex,
    /// The CPU, older backend.
    NdArray,
}

impl Backend {
    /// The backends for GPUs that a device is looked for on, in turn.
    pub(super) const GPUS: [Self; 2] = [Self::Cuda, if cfg!(target_os = "macos") { Self::Metal } else { Self::Vulkan }];

    /// Whether it computes on a GPU, or on a driver that says it is one.
    pub fn is_gpu(self) -> bool {
        matches!(self, Self::Cuda | Self::Vulkan | Self::Metal)
    }

    /// The kind of device, as in reports: `cuda`, `vulkan`, `metal` or `cpu`.
    pub fn kind(self) -> &'static str {
        match self {
            Self::Cuda => "cuda",
            Self::Vulkan => "vulkan",
            Self::Metal => "metal",
            Self::Flex | Self::NdArray => "cpu",
        }
    }

    /// What it is, for people.
    pub fn described(self) -> &'static str {
        match self {
            Self::Cuda => "CUDA",
            Self::Vulkan => "Vulkan",
            Self::Metal => "Metal",
            Self::Flex => "CPU (flex)",
            Self::NdArray => "CPU (ndarray)",
        }
    }
}

impl fmt::Display for Backend {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Flex => "flex",
            Self::NdArray => "ndarray",
            gpu => gpu.kind(),
        })
    }
}
