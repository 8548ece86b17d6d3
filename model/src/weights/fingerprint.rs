//! The one identity of weights: what tells a model from every other, for checkpoints, for the cache of packed weights, and
//! for a refiner that shares components with its base.
//!
//! A fingerprint covers every tensor of a component: its name, number format and shape, and its numbers. Of components
//! up to [`WHOLE_COMPONENT`] bytes every byte counts, so that two that differ in a single number differ. Larger ones are
//! not read whole each time a program starts. Of them these bytes count: all of a tensor of up to [`WHOLE_TENSOR`]
//! bytes, which norms and biases are; of a larger one, [`BLOCK`] bytes at either end and at the beginning of every
//! [`STRIDE`] bytes between. What training, merging (LoRA) or converting does to a matrix shows there, because it
//! changes nearly all of its numbers; a change of a few numbers within a large tensor may not show.
//!
//! The hash is XXH3-128 of bytes in a fixed order, the same on every machine and in every release. It guards against
//! mistakes, not against forgery.

use std::fmt;
use std::ops::Range;

use bytes::Bytes;
use twox_hash::xxhash3_128::Hasher;

use super::{SafetensorsFile, TensorSource};
use crate::error::Result;

/// Components up to this many bytes are hashed whole.
const WHOLE_COMPONENT: usize = 64 << 20;
/// Tensors up to this many bytes are hashed whole in every component.
const WHOLE_TENSOR: usize = 64 << 10;
/// Bytes of a larger tensor that are hashed in one place.
const BLOCK: usize = 4 << 10;
/// From one such place to the next.
const STRIDE: usize = 1 << 20;

/// What tells weights from others; shown as 32 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fingerprint(u128);

/// One tensor to be hashed.
struct HashedTensor {
    name: String,
    dtype: String,
    shape: Vec<usize>,
    bytes: usize,
}

impl Fingerprint {
    /// Of a component's tensors.
    ///
    /// # Errors
    /// A tensor that cannot be read.
    pub(super) fn of_tensors(source: &dyn TensorSource) -> Result<Self> {
        let describe = |name: String| {
            let (dtype, shape) = source.describe(&name)?;
            let bytes = shape.iter().product::<usize>() * dtype.bytes();
            Ok(HashedTensor { name, dtype: dtype.name().to_owned(), shape, bytes })
        };
        let tensors = source.names().into_iter().map(describe).collect::<Result<Vec<_>>>()?;
        Self::of(&tensors, |name, range| source.read_range(name, range))
    }

    /// Of everything in a file.
    ///
    /// # Errors
    /// A tensor that cannot be read.
    pub(super) fn of_file(file: &SafetensorsFile) -> Result<Self> {
        let entries = &file.header().tensors;
        let describe = |(name, entry): (&String, &super::TensorEntry)| HashedTensor {
            name: name.clone(),
            dtype: entry.dtype.to_string(),
            shape: entry.shape.clone(),
            bytes: entry.range.len(),
        };
        let tensors: Vec<_> = entries.iter().map(describe).collect();
        Self::of(&tensors, |name, range| {
            let start = entries[name].range.start;
            file.read(start + range.start..start + range.end)
        })
    }

    /// Of a text, such as one that names the fingerprints of a model's components.
    pub(crate) fn of_text(text: &str) -> Self {
        Self(twox_hash::XxHash3_128::oneshot(text.as_bytes()))
    }

    /// Of `tensors`, sorted by name, whose bytes `read` reads.
    fn of(tensors: &[HashedTensor], read: impl Fn(&str, Range<usize>) -> Result<Bytes>) -> Result<Self> {
        let is_small = tensors.iter().map(|tensor| tensor.bytes).sum::<usize>() <= WHOLE_COMPONENT;
        let mut hasher = Hasher::new();
        for HashedTensor { name, dtype, shape, bytes } in tensors {
            // A line for each tensor, then its bytes; the line says how many there are, so that nothing is ambiguous.
            hasher.write(format!("{name:?} {dtype} {shape:?} {bytes}\n").as_bytes());
            for range in hashed_ranges(*bytes, is_small) {
                hasher.write(&read(name, range)?);
            }
        }
        Ok(Self(hasher.finish_128()))
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:032x}", self.0)
    }
}

/// Which bytes of a tensor of `length` bytes are hashed.
fn hashed_ranges(length: usize, whole: bool) -> Vec<Range<usize>> {
    let block = if whole || length <= WHOLE_TENSOR { length } else { BLOCK };
    let last = length - block;
    let starts = (0..last).step_by(STRIDE).chain([last]);
    starts.map(|start| start..start + block).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The fingerprint of one tensor with these bytes.
    fn of(bytes: &[u8]) -> Fingerprint {
        let tensor =
            HashedTensor { name: "a".into(), dtype: "F32".into(), shape: vec![bytes.len() / 4], bytes: bytes.len() };
        let read = |_: &str, range: Range<usize>| Ok(Bytes::copy_from_slice(&bytes[range]));
        Fingerprint::of(&[tensor], read).expect("reading does not fail")
    }

    #[test]
    fn is_the_same_in_every_release() {
        // As the reference implementation of XXH3 gives them.
        assert_eq!(of(&[1; 12]).to_string(), "0a20308b8e61ac5763e020a48335f190");
        assert_eq!(Fingerprint::of_text("easel").to_string(), "7fe312643a3d4aefd0118df05a275135");
    }

    #[test]
    fn every_byte_of_a_small_component_counts() {
        let numbers = vec![0; 3 << 20];
        let before = of(&numbers);
        for place in [0, 1, 70_000, 1_500_003, (3 << 20) - 1] {
            let mut changed = numbers.clone();
            changed[place] = 1;
            assert_ne!(of(&changed), before, "{place}");
        }
    }

    #[test]
    fn both_ends_and_a_block_of_every_mebibyte_of_a_large_tensor_count() {
        for length in [WHOLE_TENSOR + 1, STRIDE + 5, 3 * STRIDE, 100 * STRIDE + 17] {
            let ranges = hashed_ranges(length, false);
            assert_eq!(ranges[0], 0..BLOCK);
            assert_eq!(ranges[ranges.len() - 1], length - BLOCK..length);
            assert!(ranges.windows(2).all(|pair| pair[1].start <= pair[0].start + STRIDE), "{length}");
            assert!(ranges.len() <= length / STRIDE + 2, "{length}");
        }
        for whole in [hashed_ranges(WHOLE_TENSOR, false), hashed_ranges(WHOLE_TENSOR + 1, true)] {
            assert!(whole.len() == 1 && whole[0].start == 0 && whole[0].end >= WHOLE_TENSOR);
        }
    }
}
