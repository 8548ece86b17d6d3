//! From one number format to another.

use std::path::PathBuf;

use burn::tensor::{AllocationProperty, FloatDType, TensorData};
use bytes::Bytes;
use half::slice::HalfFloatSliceExt;
use half::{bf16, f16};

use super::safetensors::aligned;
use super::{RawTensor, TensorSource, finite};
use crate::error::{Error, Result};
use crate::precision::WeightType;

/// Numbers converted at a time: few enough to stay in the processor's cache.
const BLOCK: usize = 4096;

/// The numbers of `tensor` in the format `dtype`, little-endian, aligned, rounded to the nearest.
///
/// # Errors
/// A message if a finite number is too large for `dtype`.
pub fn convert(tensor: &RawTensor, dtype: WeightType) -> std::result::Result<Bytes, String> {
    if tensor.dtype == dtype {
        return Ok(tensor.data.clone());
    }
    let (from, to) = (tensor.dtype.bytes(), dtype.bytes());
    aligned(tensor.data.len() / from * to, |converted| {
        let mut numbers = vec![0.0_f32; BLOCK];
        for (stored, converted) in tensor.data.chunks(BLOCK * from).zip(converted.chunks_mut(BLOCK * to)) {
            let numbers = &mut numbers[..stored.len() / from];
            widen(stored, tensor.dtype, numbers);
            narrow(numbers, dtype, converted)?;
        }
        Ok(())
    })
}

/// The numbers of `tensor`, which `source` calls `name`, in the format `dtype`, as by [`convert`].
///
/// # Errors
/// [`Error::Weights`] naming file and tensor if a number is not finite, or too large for `dtype`.
pub(super) fn convert_tensor(
    source: &dyn TensorSource,
    name: &str,
    tensor: &RawTensor,
    dtype: WeightType,
) -> Result<Bytes> {
    finite::check(source, name, tensor)?;
    convert(tensor, dtype).map_err(|message| Error::Weights {
        file: source.file_of(name).unwrap_or_else(|| PathBuf::from("checkpoint")),
        tensor: Some(source.name_in_file(name)),
        message,
    })
}

/// The tensor `name` of `source`, whose shape is `shape`, as `dtype`.
///
/// # Errors
/// Those of [`convert_tensor`] and of reading.
pub(super) fn load(source: &dyn TensorSource, name: &str, shape: &[usize], dtype: FloatDType) -> Result<TensorData> {
    let wanted = WeightType::of(dtype);
    let bytes = if source.describe(name)?.0 == wanted {
        // Same format: the tensor is the mapped file itself.
        convert_tensor(source, name, &source.tensor(name)?, wanted)?
    } else {
        // Read without the mapping, so that the file's pages do not stay beside the converted copy.
        convert_tensor(source, name, &source.read(name)?, wanted)?
    };
    let bytes = burn::tensor::Bytes::from_shared(bytes, AllocationProperty::File);
    Ok(TensorData::from_bytes(bytes, shape.to_vec(), dtype.into()))
}

/// The numbers `stored` in the format `dtype`, as f32.
pub(super) fn widen_all(stored: &[u8], dtype: WeightType, numbers: &mut [f32]) {
    for (stored, numbers) in stored.chunks(BLOCK * dtype.bytes()).zip(numbers.chunks_mut(BLOCK)) {
        widen(stored, dtype, numbers);
    }
}

/// Reads a block of numbers in any format.
fn widen(stored: &[u8], dtype: WeightType, numbers: &mut [f32]) {
    match dtype {
        WeightType::F32 => {
            for (number, bytes) in numbers.iter_mut().zip(stored.as_chunks().0) {
                *number = f32::from_le_bytes(*bytes);
            }
        }
        WeightType::F16 => match bytemuck::try_cast_slice::<u8, f16>(stored) {
            Ok(halves) if cfg!(target_endian = "little") => halves.convert_to_f32_slice(numbers),
            _ => {
                for (number, bytes) in numbers.iter_mut().zip(stored.as_chunks().0) {
                    *number = f16::from_le_bytes(*bytes).to_f32();
                }
            }
        },
        WeightType::BF16 => {
            for (number, bytes) in numbers.iter_mut().zip(stored.as_chunks().0) {
                *number = bf16::from_le_bytes(*bytes).to_f32();
            }
        }
    }
}

/// Writes a block of numbers in any format.
fn narrow(numbers: &[f32], dtype: WeightType, converted: &mut [u8]) -> std::result::Result<(), String> {
    match dtype {
        WeightType::F32 => {
            for (bytes, number) in converted.as_chunks_mut().0.iter_mut().zip(numbers) {
                *bytes = number.to_le_bytes();
            }
        }
        WeightType::F16 => {
            let mut halves = [f16::ZERO; BLOCK];
            let halves = &mut halves[..numbers.len()];
            halves.convert_from_f32_slice(numbers);
            for ((bytes, half), number) in converted.as_chunks_mut().0.iter_mut().zip(halves).zip(numbers) {
                if half.is_infinite() && number.is_finite() {
                    return Err(format!("holds {number}, more than f16 can (65504); use bf16 or f32"));
                }
                *bytes = half.to_le_bytes();
            }
        }
        WeightType::BF16 => {
            for (bytes, number) in converted.as_chunks_mut().0.iter_mut().zip(numbers) {
                let brain = bf16::from_f32(*number);
                if brain.is_infinite() && number.is_finite() {
                    return Err(format!("holds {number}, more than bf16 can; use f32"));
                }
                *bytes = brain.to_le_bytes();
            }
        }
    }
    Ok(())
}
