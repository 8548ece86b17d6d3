//! Writing safetensors files of any size, tensor by tensor, so that a file is there whole or not at all.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::sync::mpsc;
use std::thread;

use bytes::Bytes;
use serde_json::{Map, Value, json};

use crate::error::{Error, Result};
use crate::precision::WeightType;
use crate::weights::write::write_file;

/// What a tensor's bytes are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stored {
    /// Numbers of weights.
    Numbers(WeightType),
    /// Bytes in an order of their own.
    Bytes,
}

impl Stored {
    /// Bytes of one element.
    pub fn bytes(self) -> usize {
        match self {
            Self::Numbers(dtype) => dtype.bytes(),
            Self::Bytes => 1,
        }
    }

    /// The name in safetensors headers.
    pub fn name(self) -> &'static str {
        match self {
            Self::Numbers(dtype) => dtype.name(),
            Self::Bytes => "U8",
        }
    }

    /// Bytes first: packed matrices keep the alignment that they begin with. Then wide formats before narrow ones.
    fn place(self) -> usize {
        match self {
            Self::Bytes => 0,
            Self::Numbers(dtype) => 8 - dtype.bytes(),
        }
    }
}

/// A tensor that is yet to be made.
pub struct TensorToWrite<'a> {
    /// Its name.
    pub name: String,
    /// What its bytes are.
    pub stored: Stored,
    /// Length of each axis.
    pub shape: Vec<usize>,
    /// Makes its numbers, little-endian and row-major. Called once, when their turn comes.
    pub produce: Box<dyn FnOnce() -> Result<Bytes> + 'a>,
}

/// Writes `tensors` and the free texts `metadata` to a new safetensors file at `path`, in place of one that is there.
/// Only two tensors are in memory at a time; on failure nothing is left behind.
///
/// # Errors
/// [`Error::Io`] if it cannot be written, [`Error::Weights`] if a tensor is named twice or has the wrong number of
/// bytes, and whatever a producer fails with.
pub fn write_safetensors(
    path: &Path,
    metadata: &BTreeMap<String, String>,
    tensors: Vec<TensorToWrite<'_>>,
) -> Result<()> {
    write_file(path, |file| write_into(file, path, metadata, tensors))
}

/// Like [`write_safetensors`], into the open `file`, which messages call `path`.
///
/// # Errors
/// As [`write_safetensors`].
pub(in crate::weights) fn write_into(
    file: &mut File,
    path: &Path,
    metadata: &BTreeMap<String, String>,
    mut tensors: Vec<TensorToWrite<'_>>,
) -> Result<()> {
    let io = |source| Error::Io { action: "writing", path: path.to_owned(), source };
    let fault = |name: &str, message| Error::Weights { file: path.to_owned(), tensor: Some(name.to_owned()), message };
    // So that every tensor is aligned.
    tensors.sort_by(|left, right| (left.stored.place(), &left.name).cmp(&(right.stored.place(), &right.name)));
    let mut header = Map::new();
    header.insert("__metadata__".to_owned(), json!(metadata));
    let mut end = 0_usize;
    for tensor in &tensors {
        let start = end;
        let bytes = tensor.shape.iter().try_fold(tensor.stored.bytes(), |bytes, &side| bytes.checked_mul(side));
        end = bytes
            .and_then(|bytes| start.checked_add(bytes))
            .ok_or_else(|| fault(&tensor.name, format!("has the impossible shape {:?}", tensor.shape)))?;
        let entry = json!({ "dtype": tensor.stored.name(), "shape": tensor.shape, "data_offsets": [start, end] });
        if header.insert(tensor.name.clone(), entry).is_some() {
            return Err(fault(&tensor.name, "is to be written twice".to_owned()));
        }
    }
    let mut header = Value::Object(header).to_string().into_bytes();
    // Tensors begin where a vector load may.
    header.resize((header.len() + 8).next_multiple_of(64) - 8, b' ');

    let mut writer = BufWriter::with_capacity(1 << 20, file);
    writer.write_all(&(header.len() as u64).to_le_bytes()).map_err(io)?;
    writer.write_all(&header).map_err(io)?;
    // A tensor is made while the one before it is written.
    thread::scope(|scope| {
        let (made, to_write) = mpsc::sync_channel::<Bytes>(0);
        let written = scope.spawn(move || {
            to_write.into_iter().try_for_each(|data| writer.write_all(&data))?;
            writer.flush()
        });
        for TensorToWrite { name, stored, shape, produce } in tensors {
            let data = produce()?;
            let expected = shape.iter().product::<usize>() * stored.bytes();
            if data.len() != expected {
                return Err(fault(&name, format!("came as {} bytes where its shape takes {expected}", data.len())));
            }
            // Why nobody takes it is said below.
            if made.send(data).is_err() {
                break;
            }
        }
        drop(made);
        written.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)).map_err(io)
    })
}
