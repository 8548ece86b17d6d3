//! The probes of CUDA.

use burn::tensor::FloatDType;

use super::cuda;
use super::findings::Findings;
use super::gpu::{Gpu, GpuMemory, sized};
use super::probe;
use super::requirement::Requirement;
use crate::precision::Precision;

/// Probes the card with this number, or the first, until the first failure.
pub(super) fn examine(ordinal: Option<usize>, requirement: Requirement, findings: &mut Findings) -> Option<Gpu> {
    if !findings.ask("build", cuda::built_in()) || !findings.ask("driver", cuda::driver()) {
        return None;
    }
    let devices = cuda::devices();
    let ordinal = ordinal.unwrap_or(0);
    let Some(card) = devices.get(ordinal) else {
        findings.ask("device", Err(format!("there is no CUDA device {ordinal}; {} found", devices.len())));
        return None;
    };
    findings.ask("device", Ok(format!("{} (compute capability {})", card.name, card.compute_capability)));
    let (free, needed) = (sized(card.free_memory), sized(requirement.memory));
    let memory = format!("{} has {free} free, {needed} needed", card.name);
    if !findings.ask("memory", if card.free_memory >= requirement.memory { Ok(memory) } else { Err(memory) }) {
        return None;
    }
    let device = cuda::open(ordinal);
    let precision = requirement
        .precision
        .unwrap_or_else(|| if device.supports_dtype(FloatDType::BF16) { Precision::Bf16 } else { Precision::F16 });
    probe::run(&device, precision, &card.name, findings).then(|| Gpu {
        name: card.name.clone(),
        compute_capability: Some(card.compute_capability.clone()),
        precision,
        memory: GpuMemory::Cuda(ordinal),
        device,
    })
}
