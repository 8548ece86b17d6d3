//! The header of a safetensors file: eight bytes of length, then JSON with name, format, shape and place of every
//! tensor (<https://github.com/huggingface/safetensors>). Nothing in it is believed before it is checked.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

use safetensors::Dtype;
use safetensors::tensor::TensorInfo;
use serde::Deserialize;

use crate::precision::WeightType;

/// Full-size checkpoints have 0.3 MB; some carry megabytes of training notes.
const LONGEST_HEADER: u64 = 32 << 20;

/// What a header says, checked against the length of the file.
#[derive(Debug)]
pub struct Header {
    /// Free texts of the program that wrote the file.
    pub metadata: BTreeMap<String, String>,
    /// The tensors by name.
    pub tensors: BTreeMap<String, TensorEntry>,
}

/// One tensor of a file.
#[derive(Debug, Clone)]
pub struct TensorEntry {
    /// Format of the numbers.
    pub dtype: Dtype,
    /// Length of each axis.
    pub shape: Vec<usize>,
    /// Its bytes, counted from the beginning of the file.
    pub range: Range<usize>,
}

impl TensorEntry {
    /// The format, if it is one that is computed with.
    pub fn weight_type(&self) -> Option<WeightType> {
        match self.dtype {
            Dtype::F32 => Some(WeightType::F32),
            Dtype::F16 => Some(WeightType::F16),
            Dtype::BF16 => Some(WeightType::BF16),
            _ => None,
        }
    }
}

/// What is wrong with a header.
#[derive(Debug)]
pub struct HeaderFault {
    /// The tensor, if it is about one.
    pub tensor: Option<String>,
    /// What is wrong with it.
    pub message: String,
}

#[derive(Deserialize)]
struct RawHeader {
    #[serde(rename = "__metadata__")]
    metadata: Option<BTreeMap<String, String>>,
    #[serde(flatten)]
    tensors: HashMap<String, TensorInfo>,
}

/// Reads the header of a file whose whole content is `file`, and checks that its tensors fill the rest of the file
/// exactly, one after the other.
///
/// # Errors
/// The first thing that is wrong. Memory stays within a small multiple of the header's length, 32 MiB at most.
pub fn parse_header(file: &[u8]) -> Result<Header, HeaderFault> {
    let fault = |message: String| HeaderFault { tensor: None, message };
    let Some((length, rest)) = file.split_first_chunk::<8>() else {
        return Err(fault(format!("is {} bytes long, too short for a safetensors file", file.len())));
    };
    let length = u64::from_le_bytes(*length);
    if length > LONGEST_HEADER {
        return Err(fault(format!(
            "begins with a header length of {length} bytes, more than any safetensors file has: it is of \
             another format or damaged"
        )));
    }
    let length = length as usize;
    let Some((json, data)) = rest.split_at_checked(length) else {
        return Err(fault(format!(
            "ends within its header ({} bytes of {length}): it was cut short, copy or download it again",
            rest.len()
        )));
    };
    let stored: RawHeader = serde_json::from_slice(json)
        .map_err(|error| fault(shorten(&format!("has a header that is not what safetensors prescribes: {error}"))))?;
    let tensors = place(stored.tensors, 8 + length, data.len())?;
    Ok(Header { metadata: stored.metadata.unwrap_or_default(), tensors })
}

/// Checks that the tensors fill `length` bytes without holes or overlaps, the first one at `start`.
fn place(
    tensors: HashMap<String, TensorInfo>,
    start: usize,
    length: usize,
) -> Result<BTreeMap<String, TensorEntry>, HeaderFault> {
    let mut tensors: Vec<_> = tensors.into_iter().collect();
    // Empty tensors share their offset with the next one, so names decide among equals.
    tensors.sort_by(|(left_name, left), (right_name, right)| {
        (left.data_offsets, left_name).cmp(&(right.data_offsets, right_name))
    });
    let mut end = 0;
    let mut placed = BTreeMap::new();
    for (name, info) in tensors {
        let (from, to) = info.data_offsets;
        let check = || {
            if from < end {
                return Err(format!("its bytes {from} to {to} overlap those of another tensor"));
            }
            if from > end {
                return Err(format!("its bytes begin at {from}, leaving a hole after byte {end}"));
            }
            if to < from {
                return Err(format!("its bytes end at {to}, before they begin at {from}"));
            }
            if to > length {
                return Err(format!(
                    "its bytes end at {to}, but the file holds {length}: it was cut short, copy or download it again"
                ));
            }
            let bits = info.shape.iter().try_fold(info.dtype.bitsize(), |bits, &side| bits.checked_mul(side));
            if bits != (to - from).checked_mul(8) {
                return Err(format!("{} of shape {} do not take {} bytes", info.dtype, short(&info.shape), to - from));
            }
            Ok(())
        };
        if let Err(message) = check() {
            return Err(HeaderFault { tensor: Some(shorten(&name)), message });
        }
        end = to;
        placed.insert(name, TensorEntry { dtype: info.dtype, shape: info.shape, range: start + from..start + to });
    }
    if end != length {
        let message = format!("holds {length} bytes of tensors where its header describes {end}: it is damaged");
        return Err(HeaderFault { tensor: None, message });
    }
    Ok(placed)
}

/// A name or message from a file that may be hostile, short enough to be shown.
pub(in crate::weights) fn shorten(text: &str) -> String {
    if text.chars().nth(300).is_none() {
        text.to_owned()
    } else {
        text.chars().take(297).chain("...".chars()).collect()
    }
}

/// A shape for a message, however many axes a hostile header gives it.
pub(in crate::weights) fn short(shape: &[usize]) -> String {
    if shape.len() <= 8 { format!("{shape:?}") } else { format!("{:?} and {} more axes", &shape[..8], shape.len() - 8) }
}
