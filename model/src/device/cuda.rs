//! What CUDA's driver says about the cards of this machine.

use burn::tensor::{Device, DeviceType};
use cudarc::driver::CudaContext;

use super::card::Card;

pub(super) fn built_in() -> Result<String, String> {
    Ok("this build has CUDA support".into())
}

/// Whether the driver's library loads and finds a card.
pub(super) fn driver() -> Result<String, String> {
    // Burn answers with an empty list, rather than a panic, where the driver's library is not installed.
    match Device::enumerate(DeviceType::Cuda).into_iter().count() {
        0 => Err("no CUDA driver, or no CUDA device, on this machine".into()),
        count => Ok(format!("CUDA driver with {count} device(s)")),
    }
}

/// The cards, in the driver's order; one that refuses to answer is left out together with those after it.
pub(super) fn devices() -> Vec<Card> {
    if driver().is_err() {
        return Vec::new();
    }
    let count = CudaContext::device_count().unwrap_or(0);
    (0..usize::try_from(count).unwrap_or(0)).map_while(|ordinal| describe(ordinal).ok()).collect()
}

fn describe(ordinal: usize) -> Result<Card, cudarc::driver::DriverError> {
    let context = CudaContext::new(ordinal)?;
    let (major, minor) = context.compute_capability()?;
    let (free, _) = context.mem_get_info()?;
    Ok(Card { name: context.name()?, compute_capability: format!("{major}.{minor}"), free_memory: free as u64 })
}

/// Burn's handle of card `ordinal`.
pub(super) fn open(ordinal: usize) -> Device {
    Device::cuda(ordinal)
}
