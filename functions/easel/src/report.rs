//! What `--json` prints about a generation.

use std::collections::BTreeMap;

use easel_images::LoraRecord;
use easel_model::{Backend, Precision, SchedulerName};
use serde::Serialize;

/// One JSON object; times in seconds, memory in bytes.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) files: Vec<String>,
    pub(crate) seed: u64,
    /// `cpu`, `cuda`, `vulkan` or `metal`.
    pub(crate) device: &'static str,
    pub(crate) device_name: String,
    pub(crate) compute_capability: Option<String>,
    pub(crate) backend: Backend,
    pub(crate) precision: Precision,
    /// Why faster kinds of devices are not used, where they were looked for.
    pub(crate) fallback_reason: Option<String>,
    pub(crate) model: String,
    pub(crate) refiner: Option<String>,
    pub(crate) vae: Option<String>,
    pub(crate) tiny_vae: Option<String>,
    pub(crate) loras: Vec<LoraRecord>,
    pub(crate) refiner_loras: Vec<LoraRecord>,
    pub(crate) width: Option<u32>,
    pub(crate) height: Option<u32>,
    pub(crate) steps: u32,
    pub(crate) guidance_scale: f64,
    pub(crate) scheduler: Option<SchedulerName>,
    /// Such as words of the prompt that did not fit.
    pub(crate) warnings: Vec<String>,
    /// By stage; `total` is from the start of the command.
    pub(crate) timings: BTreeMap<&'static str, f64>,
    pub(crate) peak_memory_bytes: u64,
    /// The file of intermediate tensors.
    pub(crate) trace: Option<String>,
    pub(crate) version: &'static str,
}
