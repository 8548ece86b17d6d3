//! A GPU that passed every probe.

use burn::tensor::Device;

use super::cuda;
use super::memory;
use crate::precision::Precision;

/// A GPU that passed every probe.
pub(super) struct Gpu {
    pub(super) name: String,
    /// CUDA's compute capability, such as `9.0`.
    pub(super) compute_capability: Option<String>,
    /// The precision asked for, or the device's own.
    pub(super) precision: Precision,
    pub(super) memory: GpuMemory,
    pub(super) device: Device,
}

/// Who knows how much of a GPU's memory is free.
#[derive(Debug, Clone, Copy)]
#[cfg_attr(not(feature = "wgpu"), allow(dead_code, reason = "without wgpu, there is CUDA alone"))]
pub(super) enum GpuMemory {
    /// CUDA's driver, of the card with this number.
    Cuda(usize),
    /// The system: the GPU computes in the host's memory.
    Host,
    /// Nobody, but these bytes were granted when the GPU was probed, and what was taken since is counted.
    Granted(u64),
}

impl GpuMemory {
    /// Bytes that are free on `device`.
    pub(super) fn free(self, device: &Device) -> u64 {
        match self {
            Self::Cuda(ordinal) => cuda::devices().get(ordinal).map_or(0, |card| card.free_memory),
            Self::Host => memory::available(),
            Self::Granted(bytes) => {
                bytes.saturating_sub(device.memory_pool_usage().map_or(0, |usage| usage.bytes_in_use))
            }
        }
    }
}

/// A number of bytes, for people.
pub(super) fn sized(bytes: u64) -> String {
    const GIBIBYTE: u64 = 1 << 30;
    if bytes < GIBIBYTE { format!("{} MiB", bytes >> 20) } else { format!("{:.1} GiB", bytes as f64 / GIBIBYTE as f64) }
}
