//! Number formats of weights and arithmetic.

use std::fmt;
use std::str::FromStr;

use burn::tensor::FloatDType;
use easel_kernels::Arithmetic;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// How weights are held and, where the device has the arithmetic for it, computed with.
///
/// GPUs compute in the format itself, Vulkan and Metal in f32 and f16 alone. So does flex, but for f16, which it widens to f32. ndarray's activations are f32,
/// whatever the weights are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// 32-bit IEEE floats.
    F32,
    /// 16-bit brain floats: f32's range, 8 bits of mantissa.
    Bf16,
    /// 16-bit IEEE floats: 11 bits of mantissa, at most 65,504.
    F16,
    /// Weights of the UNet and of the text encoders in 8 bits with a scale for each output, for the CPU; everything else as
    /// for bf16.
    Int8,
}

impl Precision {
    /// Every precision, in the order they are listed to users.
    pub const ALL: [Self; 4] = [Self::F32, Self::Bf16, Self::F16, Self::Int8];

    /// The name on the command line and in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::Bf16 => "bf16",
            Self::F16 => "f16",
            Self::Int8 => "int8",
        }
    }

    /// Bytes of one number.
    pub fn bytes(self) -> usize {
        match self {
            Self::F32 => 4,
            Self::Bf16 | Self::F16 => 2,
            Self::Int8 => 1,
        }
    }

    /// How the CPU's backends hold weights.
    pub(crate) fn cpu_format(self) -> WeightFormat {
        let packing = match self {
            Self::F32 | Self::F16 => Arithmetic::F32,
            Self::Bf16 => Arithmetic::Bf16,
            Self::Int8 => Arithmetic::Int8,
        };
        WeightFormat { numbers: self.dtype(), is_widened: false, packing: Some(packing) }
    }

    /// The tensor element type.
    pub(crate) fn dtype(self) -> FloatDType {
        match self {
            Self::F32 => FloatDType::F32,
            Self::Bf16 | Self::Int8 => FloatDType::BF16,
            Self::F16 => FloatDType::F16,
        }
    }
}

impl Precision {
    /// What it is, for people.
    pub fn described(self) -> &'static str {
        match self {
            Self::F32 => "32-bit float",
            Self::Bf16 => "bfloat16",
            Self::F16 => "16-bit float",
            Self::Int8 => "8-bit integers",
        }
    }
}

impl fmt::Display for Precision {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

impl FromStr for Precision {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let unknown =
            || Error::invalid("precision", format!("`{text}` is not one of {}", Self::ALL.map(Self::name).join(", ")));
        Self::ALL.into_iter().find(|precision| precision.name() == text).ok_or_else(unknown)
    }
}

/// The number format of stored weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum WeightType {
    /// 32-bit IEEE floats.
    F32,
    /// 16-bit IEEE floats.
    F16,
    /// 16-bit brain floats.
    BF16,
}

impl WeightType {
    /// Bytes of one number.
    pub fn bytes(self) -> usize {
        match self {
            Self::F32 => 4,
            Self::F16 | Self::BF16 => 2,
        }
    }

    /// The name in safetensors headers.
    pub fn name(self) -> &'static str {
        match self {
            Self::F32 => "F32",
            Self::F16 => "F16",
            Self::BF16 => "BF16",
        }
    }

    /// The stored format that is `dtype`.
    pub(crate) fn of(dtype: FloatDType) -> Self {
        match dtype {
            FloatDType::BF16 => Self::BF16,
            FloatDType::F16 => Self::F16,
            _ => Self::F32,
        }
    }
}

/// How weights are held in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct WeightFormat {
    /// Of tensors.
    pub(crate) numbers: FloatDType,
    /// Whether tensors are widened to f32 after they were rounded to `numbers`, for a backend that has nothing else.
    pub(crate) is_widened: bool,
    /// Of the matrices of linear layers and convolutions where the device has kernels for packed ones.
    pub(crate) packing: Option<Arithmetic>,
}

impl WeightFormat {
    /// Of tensors alone, for backends without kernels for packed matrices.
    pub(crate) const fn plain(numbers: FloatDType) -> Self {
        Self { numbers, is_widened: false, packing: None }
    }
}
