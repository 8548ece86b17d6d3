//! The device, chosen once before the first image.
//!
//! A choice rests on kernels that ran and agreed with the CPU, not on a table of what a card should be able to do.

mod card;
#[cfg(feature = "cuda")]
mod cuda;
pub mod memory;
#[cfg(not(feature = "cuda"))]
mod no_cuda;
pub(crate) mod panics;
mod probe;

use std::fmt;
use std::str::FromStr;

use burn::tensor::{Device, FloatDType};
use easel_kernels::{Arithmetic, Choice, Instructions};
use serde::Serialize;

use crate::error::{Error, Result};
use crate::precision::{Precision, WeightFormat};
#[cfg(not(feature = "cuda"))]
use no_cuda as cuda;

/// What the user asks for (`EASEL_DEVICE`, `--device`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DevicePreference {
    /// CUDA if it passes every probe, else flex, with the reason.
    #[default]
    Auto,
    /// A CUDA device, by number or the first; not getting it is an error.
    Cuda(Option<usize>),
    /// Burn's CPU backend.
    Flex,
    /// Burn's older CPU backend.
    NdArray,
}

/// The Burn backend that computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Backend {
    /// NVIDIA GPUs.
    Cuda,
    /// The CPU.
    Flex,
    /// The CPU, older backend.
    NdArray,
}

/// What a model needs of a device.
#[derive(Debug, Clone, Copy, Default)]
pub struct Requirement {
    /// Bytes of device memory that must be free.
    pub memory: u64,
    /// The precision asked for, or the device's own choice.
    pub precision: Option<Precision>,
    /// Whether the weights are packed for the CPU's kernels.
    pub is_packed: bool,
}

/// A device that was chosen, and why.
#[derive(Debug, Clone)]
pub struct DeviceChoice {
    /// The backend behind it.
    pub backend: Backend,
    /// The card's or processor's name.
    pub name: String,
    /// CUDA's compute capability, such as `9.0`.
    pub compute_capability: Option<String>,
    /// Why CUDA was not used, where `auto` fell back to the CPU.
    pub fallback_reason: Option<String>,
    /// The precision of weights.
    pub precision: Precision,
    device: Device,
    /// The card's place in CUDA's list.
    ordinal: usize,
}

/// The result of one probe of a device, for `easel doctor`.
#[derive(Debug, Clone, Serialize)]
pub struct ProbeResult {
    /// What was probed.
    pub probe: String,
    /// Whether the device may be used as far as this probe goes.
    pub passed: bool,
    /// What was found, or what is wrong.
    pub detail: String,
}

impl DeviceChoice {
    /// Chooses the device; the answer holds for the life of the process.
    ///
    /// # Errors
    /// A device or precision that was asked for by name and is not available.
    pub fn select(preference: DevicePreference, requirement: Requirement) -> Result<Self> {
        match preference {
            DevicePreference::Auto => Ok(match Self::cuda(None, requirement) {
                Ok(choice) => choice,
                Err(reason) => {
                    tracing::info!(%reason, "computing on the CPU");
                    Self { fallback_reason: Some(reason), ..Self::cpu(Backend::Flex, requirement)? }
                }
            }),
            DevicePreference::Cuda(ordinal) => Self::cuda(ordinal, requirement).map_err(|reason| Error::Device {
                device: preference.to_string(),
                message: format!("{reason}; use --device auto to fall back to the CPU"),
            }),
            DevicePreference::Flex => Self::cpu(Backend::Flex, requirement),
            DevicePreference::NdArray => Self::cpu(Backend::NdArray, requirement),
        }
    }

    /// Burn's handle of the device.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// The kind of device, as in reports: `cuda` or `cpu`.
    pub fn kind(&self) -> &'static str {
        match self.backend {
            Backend::Cuda => "cuda",
            Backend::Flex | Backend::NdArray => "cpu",
        }
    }

    /// The number format that activations are computed in.
    pub(crate) fn compute(&self) -> FloatDType {
        match (self.backend, self.precision) {
            (Backend::Cuda, precision) => precision.dtype(),
            (Backend::Flex, Precision::Bf16 | Precision::Int8) => FloatDType::BF16,
            // ndarray has no other format.
            (Backend::Flex | Backend::NdArray, _) => FloatDType::F32,
        }
    }

    /// How weights are held.
    pub(crate) fn weights(&self) -> WeightFormat {
        match self.backend {
            Backend::Cuda => WeightFormat::plain(self.precision.dtype()),
            Backend::Flex => self.precision.cpu_format(),
            Backend::NdArray => WeightFormat { is_widened: true, ..self.precision.cpu_format() },
        }
    }

    /// The same two for the VAE, whose activations are too large for f16.
    pub(crate) fn vae_formats(&self) -> (WeightFormat, FloatDType) {
        match (self.backend, self.precision) {
            (Backend::Cuda, Precision::F16) => (WeightFormat::plain(FloatDType::F32), FloatDType::F32),
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
        match self.backend {
            Backend::Cuda => cuda::devices().get(self.ordinal).map_or(0, |card| card.free_memory),
            Backend::Flex | Backend::NdArray => memory::available(),
        }
    }

    /// The precision of the CPU where none is asked for: bf16 takes half the time and memory of f32 where the processor
    /// multiplies it, and changes an image by less than a level on average; elsewhere it takes longer.
    fn default_precision(backend: Backend) -> Precision {
        if backend == Backend::Flex && Instructions::multiply_bf16() { Precision::Bf16 } else { Precision::F32 }
    }

    fn cpu(backend: Backend, requirement: Requirement) -> Result<Self> {
        let precision = requirement.precision.unwrap_or_else(|| Self::default_precision(backend));
        let device = match backend {
            Backend::NdArray => ndarray()?,
            _ => Device::flex(),
        };
        Ok(Self {
            backend,
            name: processor_name(),
            compute_capability: None,
            fallback_reason: None,
            precision,
            device,
            ordinal: 0,
        })
    }

    /// The first probe that fails is the error.
    fn cuda(ordinal: Option<usize>, requirement: Requirement) -> std::result::Result<Self, String> {
        let mut refused = None;
        let choice = examine_cuda(ordinal, requirement, |result| {
            if !result.passed {
                refused.get_or_insert(result.detail);
            }
        });
        choice.ok_or_else(|| refused.unwrap_or_else(|| "no CUDA device passed the probe".into()))
    }
}

/// Runs every probe of CUDA that [`DeviceChoice::select`] would, and returns all results; with a preference that names no
/// CUDA device, those of the first.
pub fn examine(preference: DevicePreference, requirement: Requirement) -> Vec<ProbeResult> {
    let mut results = Vec::new();
    let ordinal = if let DevicePreference::Cuda(ordinal) = preference { ordinal } else { None };
    examine_cuda(ordinal, requirement, |result| results.push(result));
    results
}

/// Probes until the first failure; `report` is called with every result.
fn examine_cuda(
    ordinal: Option<usize>,
    requirement: Requirement,
    mut report: impl FnMut(ProbeResult),
) -> Option<DeviceChoice> {
    let mut ask = |probe: &str, answer: std::result::Result<String, String>| {
        let passed = answer.is_ok();
        let detail = answer.unwrap_or_else(|reason| reason);
        report(ProbeResult { probe: probe.into(), passed, detail });
        passed
    };
    if requirement.precision == Some(Precision::Int8) {
        ask("precision", Err("int8 is computed on the CPU: use bf16 or f16 on CUDA".into()));
        return None;
    }
    if requirement.is_packed {
        ask("weights", Err("they are packed for the CPU: use the model that they were made from on CUDA".into()));
        return None;
    }
    if !ask("build", cuda::built_in()) || !ask("driver", cuda::driver()) {
        return None;
    }
    let devices = cuda::devices();
    let ordinal = ordinal.unwrap_or(0);
    let Some(card) = devices.get(ordinal) else {
        ask("device", Err(format!("there is no CUDA device {ordinal}; {} found", devices.len())));
        return None;
    };
    ask("device", Ok(format!("{} (compute capability {})", card.name, card.compute_capability)));
    let gibibytes = |bytes: u64| bytes as f64 / f64::from(1 << 30);
    let memory = format!(
        "{} has {:.1} GiB free, {:.1} GiB needed",
        card.name,
        gibibytes(card.free_memory),
        gibibytes(requirement.memory)
    );
    if !ask("memory", if card.free_memory >= requirement.memory { Ok(memory) } else { Err(memory) }) {
        return None;
    }
    let device = cuda::open(ordinal);
    let precision = requirement
        .precision
        .unwrap_or_else(|| if device.supports_dtype(FloatDType::BF16) { Precision::Bf16 } else { Precision::F16 });
    for (name, answer) in probe::run(&device, precision) {
        let answer = answer.map_err(|reason| format!("{} on {}: {reason}", name, card.name));
        if !ask(name, answer) {
            return None;
        }
    }
    Some(DeviceChoice {
        backend: Backend::Cuda,
        name: card.name.clone(),
        compute_capability: Some(card.compute_capability.clone()),
        fallback_reason: None,
        precision,
        device,
        ordinal,
    })
}

/// Burn's handle of its older CPU backend.
#[cfg(feature = "ndarray")]
#[expect(deprecated, reason = "ndarray stays selectable for as long as Burn has it")]
fn ndarray() -> Result<Device> {
    Ok(Device::ndarray())
}

/// Stands in for ndarray in a build without it.
#[cfg(not(feature = "ndarray"))]
fn ndarray() -> Result<Device> {
    let message = "this build has no ndarray support: build with the cargo feature `ndarray`, or use --device flex";
    Err(Error::Device { device: "ndarray".into(), message: message.into() })
}

fn processor_name() -> String {
    let unknown = || "CPU".to_owned();
    let Ok(mut system) = sysinfo::System::new() else { return unknown() };
    system.refresh_cpu_list(sysinfo::CpuRefreshKind::nothing());
    system.cpus().first().map_or_else(unknown, |cpu| cpu.brand().trim().to_owned())
}

impl Backend {
    /// What it is, for people.
    pub fn described(self) -> &'static str {
        match self {
            Self::Cuda => "CUDA",
            Self::Flex => "CPU (flex)",
            Self::NdArray => "CPU (ndarray)",
        }
    }
}

impl fmt::Display for Backend {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Cuda => "cuda",
            Self::Flex => "flex",
            Self::NdArray => "ndarray",
        })
    }
}

impl fmt::Display for DevicePreference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => formatter.write_str("auto"),
            Self::Cuda(None) => formatter.write_str("cuda"),
            Self::Cuda(Some(ordinal)) => write!(formatter, "cuda:{ordinal}"),
            Self::Flex => formatter.write_str("flex"),
            Self::NdArray => formatter.write_str("ndarray"),
        }
    }
}

impl FromStr for DevicePreference {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let unknown = || Error::invalid("device", format!("`{text}` is not one of auto, cuda, cuda:N, flex, ndarray"));
        match text {
            "auto" => Ok(Self::Auto),
            "cuda" => Ok(Self::Cuda(None)),
            "flex" => Ok(Self::Flex),
            "ndarray" => Ok(Self::NdArray),
            _ => {
                let ordinal = text.strip_prefix("cuda:").ok_or_else(unknown)?;
                Ok(Self::Cuda(Some(ordinal.parse().map_err(|_| unknown())?)))
            }
        }
    }
}
