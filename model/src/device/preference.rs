//! The device that is asked for.

use std::fmt;
use std::str::FromStr;

use super::backend::Backend;
use crate::error::{Error, Result};

/// What the user asks for (`EASEL_DEVICE`, `--device`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DevicePreference {
    /// The first GPU that passes every probe, by CUDA, else by Vulkan (on macOS Metal), else flex, with the reasons.
    #[default]
    Auto,
    /// A CUDA device, by number or the first; not getting it is an error.
    Cuda(Option<usize>),
    /// A device of a Vulkan driver, by number or the first, also one that computes on the CPU.
    Vulkan(Option<usize>),
    /// A device of Metal, by number or the first.
    Metal(Option<usize>),
    /// Burn's CPU backend.
    Flex,
    /// Burn's older CPU backend.
    NdArray,
}

impl DevicePreference {
    /// The backend and the number of the GPU, where one is named.
    pub(super) fn gpu(self) -> Option<(Backend, Option<usize>)> {
        match self {
            Self::Cuda(number) => Some((Backend::Cuda, number)),
            Self::Vulkan(number) => Some((Backend::Vulkan, number)),
            Self::Metal(number) => Some((Backend::Metal, number)),
            Self::Auto | Self::Flex | Self::NdArray => None,
        }
    }
}

impl fmt::Display for DevicePreference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self, self.gpu()) {
            (_, Some((backend, None))) => write!(formatter, "{backend}"),
            (_, Some((backend, Some(number)))) => write!(formatter, "{backend}:{number}"),
            (Self::Flex, _) => write!(formatter, "{}", Backend::Flex),
            (Self::NdArray, _) => write!(formatter, "{}", Backend::NdArray),
            _ => formatter.write_str("auto"),
        }
    }
}

impl FromStr for DevicePreference {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let unknown = || {
            let known = "auto, cuda, vulkan, metal, each with :N for one of several, flex, ndarray";
            Error::invalid("device", format!("`{text}` is not one of {known}"))
        };
        let (name, number) = match text.split_once(':') {
            Some((name, number)) => (name, Some(number.parse().map_err(|_| unknown())?)),
            None => (text, None),
        };
        match (name, number) {
            ("auto", None) => Ok(Self::Auto),
            ("cuda", number) => Ok(Self::Cuda(number)),
            ("vulkan", number) => Ok(Self::Vulkan(number)),
            ("metal", number) => Ok(Self::Metal(number)),
            ("flex", None) => Ok(Self::Flex),
            ("ndarray", None) => Ok(Self::NdArray),
            _ => Err(unknown()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_they_are_written() {
        for name in ["auto", "cuda", "cuda:1", "vulkan", "vulkan:12", "metal", "metal:0", "flex", "ndarray"] {
            let preference: DevicePreference = name.parse().expect("a known name");
            assert_eq!(preference.to_string(), name);
        }
        for name in ["", "tpu", "cuda:", "cuda:x", "cuda:-1", "vulkan:1:2", "auto:0", "flex:0", "Vulkan"] {
            assert!(name.parse::<DevicePreference>().is_err(), "{name}");
        }
    }
}
