//! Writing safetensors files of any size, one tensor at a time, so that a file is there whole or not at all.

use std::collections::BTreeMap;
use std::io::{BufWriter, Error as IoError, ErrorKind, Write};
use std::path::Path;

use bytes::Bytes;
use serde_json::{Map, Value, json};

use super::WeightType;
use crate::error::{Error, Result};

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
/// Only one tensor is in memory at a time; on failure nothing is left behind.
///
/// # Errors
/// [`Error::Io`] if it cannot be written, [`Error::Weights`] if a tensor is named twice or has the wrong number of
/// bytes, and whatever a producer fails with.
pub fn write_safetensors(
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

    let mut builder = tempfile::Builder::new();
    builder.prefix(".easel-");
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let temporary = builder.tempfile_in(folder_of(path)).map_err(io)?;
    let mut writer = BufWriter::with_capacity(1 << 20, temporary.as_file());
    writer.write_all(&(header.len() as u64).to_le_bytes()).map_err(io)?;
    writer.write_all(&header).map_err(io)?;
    for TensorToWrite { name, stored, shape, produce } in tensors {
        let data = produce()?;
        let expected = shape.iter().product::<usize>() * stored.bytes();
        if data.len() != expected {
            return Err(fault(&name, format!("came as {} bytes where its shape takes {expected}", data.len())));
        }
        writer.write_all(&data).map_err(io)?;
    }
    writer.flush().map_err(io)?;
    drop(writer);
    temporary.as_file().sync_all().map_err(io)?;
    temporary.persist(path).map_err(|error| io(error.error))?;
    Ok(())
}

/// Makes the new folder `folder` of what `fill` writes into the folder that it is given. It appears whole or not at
/// all; on failure nothing is left behind.
///
/// # Errors
/// [`Error::Io`] if `folder` is there already or cannot be made, and whatever `fill` fails with.
pub fn write_folder(folder: &Path, fill: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
    let io = |source| Error::Io { action: "writing", path: folder.to_owned(), source };
    if folder.symlink_metadata().is_ok() {
        return Err(io(IoError::new(
            ErrorKind::AlreadyExists,
            "it is there already; choose another name or remove it",
        )));
    }
    let mut builder = tempfile::Builder::new();
    builder.prefix(".easel-");
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o777));
    let temporary = builder.tempdir_in(folder_of(folder)).map_err(io)?;
    fill(temporary.path())?;
    std::fs::rename(temporary.path(), folder).map_err(io)?;
    // It lies under its own name now, so there is nothing left to clean up.
    let _ = temporary.keep();
    Ok(())
}

/// The folder that `path` is in.
fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}
