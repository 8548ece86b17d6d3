//! The number formats that files have beyond those that are computed with, and how they are widened to one of these.
//!
//! Formats of 8 bits are those of "FP8 Formats for Deep Learning" (Micikevicius et al. 2022). Files that scale them
//! keep the factor in a tensor beside the weight, as ComfyUI and others write it; the weight is the product.

use std::convert::Infallible;

use bytes::Bytes;
use half::{bf16, f16};
use safetensors::Dtype;

use super::safetensors::aligned;
use crate::precision::WeightType;

/// How a file stores the numbers of a weight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StoredNumbers {
    /// In a format that is computed with.
    Plain(WeightType),
    /// 8 bits, 4 of them exponent, up to 448; no infinities.
    E4M3,
    /// 8 bits, 5 of them exponent: the upper half of an f16.
    E5M2,
    /// 64-bit IEEE floats.
    F64,
}

impl StoredNumbers {
    /// The format called `dtype`, if weights can have it.
    pub(super) fn of(dtype: Dtype) -> Option<Self> {
        match dtype {
            Dtype::F32 => Some(Self::Plain(WeightType::F32)),
            Dtype::F16 => Some(Self::Plain(WeightType::F16)),
            Dtype::BF16 => Some(Self::Plain(WeightType::BF16)),
            Dtype::F8_E4M3 => Some(Self::E4M3),
            Dtype::F8_E5M2 => Some(Self::E5M2),
            Dtype::F64 => Some(Self::F64),
            _ => None,
        }
    }

    /// Bytes of one number.
    pub(super) fn bytes(self) -> usize {
        match self {
            Self::Plain(dtype) => dtype.bytes(),
            Self::E4M3 | Self::E5M2 => 1,
            Self::F64 => 8,
        }
    }

    /// The format that the numbers are given in: bf16 holds every number of 8 bits exactly; a product with a factor, and
    /// what was f64, is rounded to f32 once.
    pub(super) fn widened(self, is_scaled: bool) -> WeightType {
        match self {
            _ if is_scaled => WeightType::F32,
            Self::Plain(dtype) => dtype,
            Self::E4M3 | Self::E5M2 => WeightType::BF16,
            Self::F64 => WeightType::F32,
        }
    }

    /// `stored` in the format [`Self::widened`]. `scale` gives the factor for the number at a place, and how many numbers
    /// from there on have it; without one, the numbers are as they are.
    pub(super) fn widen(self, stored: Bytes, scale: Option<&dyn Fn(usize) -> (f32, usize)>) -> Bytes {
        let Some(scale) = scale else {
            return match self {
                Self::Plain(_) => stored,
                Self::E4M3 | Self::E5M2 => {
                    let table = self.table();
                    converted(&stored, |byte: [u8; 1]| table[usize::from(byte[0])].to_le_bytes())
                }
                // A number beyond f32 becomes infinite, and is found as one that is.
                Self::F64 => converted(&stored, |bytes| (f64::from_le_bytes(bytes) as f32).to_le_bytes()),
            };
        };
        let (mut place, mut factor, mut left) = (0, 1.0, 0);
        let mut scaled = |number: f32| {
            if left == 0 {
                (factor, left) = scale(place);
            }
            place += 1;
            left -= 1;
            (number * factor).to_le_bytes()
        };
        match self {
            Self::Plain(WeightType::F32) => converted(&stored, |bytes| scaled(f32::from_le_bytes(bytes))),
            Self::Plain(WeightType::F16) => converted(&stored, |bytes| scaled(f16::from_le_bytes(bytes).to_f32())),
            Self::Plain(WeightType::BF16) => converted(&stored, |bytes| scaled(bf16::from_le_bytes(bytes).to_f32())),
            Self::E4M3 | Self::E5M2 => {
                let table = self.table();
                converted(&stored, |byte: [u8; 1]| scaled(table[usize::from(byte[0])].to_f32()))
            }
            Self::F64 => converted(&stored, |bytes| scaled(f64::from_le_bytes(bytes) as f32)),
        }
    }

    /// What each byte of a format of 8 bits stands for.
    fn table(self) -> [bf16; 256] {
        std::array::from_fn(|byte| {
            let byte = byte as u8;
            bf16::from_f32(match self {
                Self::E4M3 => e4m3(byte),
                _ => f16::from_bits(u16::from(byte) << 8).to_f32(),
            })
        })
    }
}

/// The number that a byte of the format E4M3 ("fn": finite, without infinities) stands for.
fn e4m3(byte: u8) -> f32 {
    let (exponent, mantissa) = (i32::from(byte >> 3 & 15), f32::from(byte & 7));
    let size = match exponent {
        15 if byte & 7 == 7 => f32::NAN,
        0 => mantissa * 2_f32.powi(-9),
        _ => (8.0 + mantissa) * 2_f32.powi(exponent - 10),
    };
    if byte & 0x80 == 0 { size } else { -size }
}

/// Every `FROM` bytes made into `TO` bytes.
fn converted<const FROM: usize, const TO: usize>(
    stored: &[u8],
    mut number: impl FnMut([u8; FROM]) -> [u8; TO],
) -> Bytes {
    let Ok(bytes) = aligned(stored.len() / FROM * TO, |out| {
        for (to, from) in out.as_chunks_mut().0.iter_mut().zip(stored.as_chunks().0) {
            *to = number(*from);
        }
        Ok::<_, Infallible>(())
    });
    bytes
}
