//! The device, chosen once before the first image.
//!
//! A choice rests on kernels that ran and agreed with the CPU, not on a table of what a card should be able to do.

#[cfg_attr(not(feature = "wgpu"), allow(dead_code, reason = "without wgpu, only tests have adapters"))]
mod adapter;
mod backend;
mod card;
#[cfg_attr(not(feature = "cuda"), path = "device/no_cuda.rs")]
mod cuda;
mod findings;
mod gpu;
mod ladder;
pub mod memory;
mod on_cuda;
#[cfg_attr(not(feature = "wgpu"), path = "device/no_wgpu.rs")]
mod on_wgpu;
pub(crate) mod panics;
mod preference;
mod probe;
#[cfg_attr(not(feature = "wgpu"), allow(dead_code, reason = "without wgpu, only tests ask other processes"))]
mod probe_process;
mod question;
mod requirement;
#[cfg(feature = "wgpu")]
mod wgpu;

use burn::tensor::{Device, FloatDType};
use easel_kernels::{Arithmetic, Choice, Instructions};

use crate::error::{Error, Result};
use crate::precision::{Precision, WeightFormat};
pub use backend::Backend;
use findings::Findings;
pub use findings::ProbeResult;
use gpu::{Gpu, GpuMemory};
pub use ladder::Rung;
use ladder::{climb, fallback_reason};
pub use on_wgpu::answer_probe;
pub use preference::DevicePreference;
use question::Question;
pub use requirement::Requirement;

/// A device that was chosen, and why.
#[derive(Debug, Clone)]
pub struct DeviceChoice {
    /// The backend behind it.
    pub backend: Backend,
    /// The card's or processor's name.
    pub name: String,
    /// CUDA's compute capability, such as `9.0`.
    pub compute_capability: Option<String>,
    /// Why no faster kind of device is used, where `auto` looked for one.
    pub fallback_reason: Option<String>,
    /// The kinds of devices that were asked in turn, the last of which computes.
    pub ladder: Vec<Rung>,
    /// The precision of weights.
    pub precision: Precision,
    device: Device,
    /// Of a GPU.
    memory: Option<GpuMemory>,
}

impl DeviceChoice {
    /// Chooses the device; the answer holds for the life of the process.
    ///
    /// # Errors
    /// A device or precision that was asked for by name and is not available.
    pub fn select(preference: DevicePreference, requirement: Requirement) -> Result<Self> {
        let (ladder, choice) = survey(preference, requirement, false);
        for Rung { backend, is_used, reason, .. } in &ladder {
            tracing::info!(%backend, is_used, reason, "a kind of device was looked at");
        }
        choice
    }

    /// Burn's handle of the device.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// The kind of device, as in reports: `cuda`, `vulkan`, `metal` or `cpu`.
    pub fn kind(&self) -> &'static str {
        self.backend.kind()
    }

    /// The number format that activations are computed in.
    pub(crate) fn compute(&self) -> FloatDType {
        match (self.backend, self.precision) {
            (Backend::Cuda | Backend::Vulkan | Backend::Metal, precision) => precision.dtype(),
            (Backend::Flex, Precision::Bf16 | Precision::Int8) => FloatDType::BF16,
            // ndarray has no other format.
            (Backend::Flex | Backend::NdArray, _) => FloatDType::F32,
        }
    }

    /// How weights are held.
    pub(crate) fn weights(&self) -> WeightFormat {
        match self.backend {
            Backend::Cuda | Backend::Vulkan | Backend::Metal => WeightFormat::plain(self.precision.dtype()),
            Backend::Flex => self.precision.cpu_format(),
            Backend::NdArray => WeightFormat { is_widened: true, ..self.precision.cpu_format() },
        }
    }

    /// The same two for the VAE, whose activations are too large for f16.
    pub(crate) fn vae_formats(&self) -> (WeightFormat, FloatDType) {
        match (self.backend, self.precision) {
            (backend, Precision::F16) if backend.is_gpu() => (WeightFormat::plain(FloatDType::F32), FloatDType::F32),
            _ => (self.weights(), self.compute()),
        }
    }

    /// Whether its products are by the CPU's kernels, on packed weights.
    pub(crate) fn has_kernels(&self) -> bool {
        self.weights().packing.is_some()
    }

    /// Waits until everything that the device was given is done.
    pub(crate) fn wait(&self) -> Result<()> {
        let failed = |error: String| Error::Computation { part: "the device", message: error };
        self.device.sync().map_err(|error| failed(error.to_string()))
    }

    /// The instructions that the CPU's kernels use for each kind of product, and why.
    pub fn kernels() -> Vec<(&'static str, Choice)> {
        Arithmetic::ALL.map(|arithmetic| (arithmetic.name(), Instructions::choose(arithmetic))).to_vec()
    }

    /// Bytes of this device's memory that are free.
    pub fn free_memory(&self) -> u64 {
        self.memory.map_or_else(memory::available, |memory| memory.free(&self.device))
    }

    /// The precision of the CPU where none is asked for: bf16 takes half the time and memory of f32 where the processor
    /// multiplies it, and changes an image by less than a level on average; elsewhere it takes longer.
    fn default_precision(backend: Backend) -> Precision {
        if backend == Backend::Flex && Instructions::multiply_bf16() { Precision::Bf16 } else { Precision::F32 }
    }

    fn cpu(backend: Backend, requirement: Requirement, findings: &mut Findings) -> Option<Self> {
        let device = match backend {
            Backend::NdArray => ndarray().map_err(|reason| findings.ask("build", Err(reason))).ok()?,
            _ => Device::flex(),
        };
        Some(Self {
            backend,
            name: processor_name(),
            compute_capability: None,
            fallback_reason: None,
            ladder: Vec::new(),
            precision: requirement.precision.unwrap_or_else(|| Self::default_precision(backend)),
            device,
            memory: None,
        })
    }

    fn gpu(question: Question, findings: &mut Findings) -> Option<Self> {
        let (backend, requirement) = (question.backend, question.requirement);
        let api = backend.described();
        if requirement.precision == Some(Precision::Int8) {
            findings.ask("precision", Err(format!("int8 is computed on the CPU: use 16 bits on {api}")));
            return None;
        }
        if requirement.is_packed {
            let reason = format!("they are packed for the CPU: use the model that they were made from on {api}");
            findings.ask("weights", Err(reason));
            return None;
        }
        let gpu = match backend {
            Backend::Cuda => on_cuda::examine(question.number, requirement, findings),
            _ => on_wgpu::examine(question, findings),
        };
        gpu.map(|Gpu { name, compute_capability, precision, memory, device }| Self {
            backend,
            name,
            compute_capability,
            fallback_reason: None,
            ladder: Vec::new(),
            precision,
            device,
            memory: Some(memory),
        })
    }
}

/// Probes every kind of device that [`DeviceChoice::select`] would, those after the one that computes too, and returns what
/// came of each with the choice.
pub fn examine(preference: DevicePreference, requirement: Requirement) -> (Vec<Rung>, Result<DeviceChoice>) {
    survey(preference, requirement, true)
}

fn survey(preference: DevicePreference, requirement: Requirement, is_whole: bool) -> (Vec<Rung>, Result<DeviceChoice>) {
    let named = preference.gpu();
    let backends = match preference {
        DevicePreference::Flex => vec![Backend::Flex],
        DevicePreference::NdArray => vec![Backend::NdArray],
        _ => named.map_or_else(|| [&Backend::GPUS[..], &[Backend::Flex]].concat(), |(backend, _)| vec![backend]),
    };
    let ask = |backend: Backend, findings: &mut Findings| {
        if !backend.is_gpu() {
            return DeviceChoice::cpu(backend, requirement, findings);
        }
        let number = named.and_then(|(_, number)| number);
        DeviceChoice::gpu(Question { backend, number, is_named: named.is_some(), requirement }, findings)
    };
    let describe = |choice: &DeviceChoice| format!("{} computes in {}", choice.name, choice.precision);
    let (ladder, choice) = climb(&backends, is_whole, ask, describe);
    let choice = match choice {
        Some(choice) => {
            Ok(DeviceChoice { fallback_reason: fallback_reason(&ladder), ladder: ladder.clone(), ..choice })
        }
        None => {
            let reason = ladder.first().map(|rung| rung.reason.as_str()).unwrap_or_default();
            let message = format!("{reason}; use --device auto to fall back to the CPU");
            Err(Error::Device { device: preference.to_string(), message })
        }
    };
    (ladder, choice)
}

/// Burn's handle of its older CPU backend.
#[cfg(feature = "ndarray")]
#[expect(deprecated, reason = "ndarray stays selectable for as long as Burn has it")]
fn ndarray() -> std::result::Result<Device, String> {
    Ok(Device::ndarray())
}

/// Stands in for ndarray in a build without it.
#[cfg(not(feature = "ndarray"))]
fn ndarray() -> std::result::Result<Device, String> {
    Err("this build has no ndarray support: build with the cargo feature `ndarray`, or use --device flex".into())
}

fn processor_name() -> String {
    let unknown = || "CPU".to_owned();
    let Ok(mut system) = sysinfo::System::new() else { return unknown() };
    system.refresh_cpu_list(sysinfo::CpuRefreshKind::nothing());
    system.cpus().first().map_or_else(unknown, |cpu| cpu.brand().trim().to_owned())
}
