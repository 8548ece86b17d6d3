//! Stands in for CUDA in a build without it.

use burn::tensor::Device;

use super::card::Card;

pub(super) fn built_in() -> Result<String, String> {
    Err("this build has no CUDA support (build with the cargo feature `cuda`)".into())
}

pub(super) fn driver() -> Result<String, String> {
    built_in()
}

pub(super) fn devices() -> Vec<Card> {
    Vec::new()
}

pub(super) fn open(_ordinal: usize) -> Device {
    Device::flex()
}
