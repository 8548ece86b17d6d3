//! One safetensors file, memory-mapped.

use std::convert::Infallible;
use std::fs::File;
use std::io::Read;
use std::ops::Range;
use std::path::{Path, PathBuf};

use bytes::Bytes;

use super::header::{Header, HeaderFault, parse_header};
use super::mapping;
use crate::error::{Error, Result};
use crate::weights::recognise;

/// Wide enough for every number format and for vector loads.
const ALIGNMENT: usize = 64;

/// A safetensors file whose header was checked against its length.
#[derive(Debug)]
pub struct SafetensorsFile {
    path: PathBuf,
    /// Absent for content that was in memory to begin with.
    file: Option<File>,
    content: Bytes,
    header: Header,
}

impl SafetensorsFile {
    /// Maps the file at `path` and reads its header.
    ///
    /// # Errors
    /// [`Error::Io`] if it cannot be opened, [`Error::Weights`] if it is no sound safetensors file. Pickles are
    /// refused unread.
    pub fn open(path: &Path) -> Result<Self> {
        let io = |action| move |source| Error::Io { action, path: path.to_owned(), source };
        let fault = |message| Error::Weights { file: path.to_owned(), tensor: None, message };
        // Asked before opening: opening a pipe would wait for its other end.
        let kind = std::fs::metadata(path).map_err(io("opening"))?;
        if !kind.is_file() {
            let kind = if kind.is_dir() { "a folder" } else { "not a regular file" };
            return Err(fault(format!("is {kind}; a .safetensors file is needed here")));
        }
        if let Some(message) = recognise::refused_name(path) {
            return Err(fault(message));
        }
        let file = File::open(path).map_err(io("opening"))?;
        if kind.len() == 0 {
            return Err(fault("is empty; copy or download it again".to_owned()));
        }
        let content = mapping::map(&file).map_err(io("mapping"))?;
        Self::check(path.to_owned(), Some(file), content)
    }

    /// Reads a file that is in memory already; `path` is what messages call it.
    ///
    /// # Errors
    /// [`Error::Weights`] if it is no sound safetensors file.
    pub fn from_bytes(path: PathBuf, content: Bytes) -> Result<Self> {
        Self::check(path, None, content)
    }

    fn check(path: PathBuf, file: Option<File>, content: Bytes) -> Result<Self> {
        match parse_header(&content) {
            Ok(header) => Ok(Self { path, file, content, header }),
            Err(HeaderFault { tensor, message }) => {
                let message = recognise::other_format(&content).unwrap_or(message);
                Err(Error::Weights { file: path, tensor, message })
            }
        }
    }

    /// Where it lies.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What its header says.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The bytes in `range` where they lie in the mapping, or copied if they do not begin at a multiple of
    /// `alignment`.
    pub(in crate::weights) fn mapped(&self, range: Range<usize>, alignment: usize) -> Bytes {
        let slice = self.content.slice(range);
        if slice.as_ptr().align_offset(alignment) == 0 {
            return slice;
        }
        let Ok(copy) = aligned(slice.len(), |buffer| {
            buffer.copy_from_slice(&slice);
            Ok::<_, Infallible>(())
        });
        copy
    }

    /// The bytes in `range`, read from the file into a buffer of their own.
    pub(in crate::weights) fn read(&self, range: Range<usize>) -> Result<Bytes> {
        let Some(file) = &self.file else {
            return Ok(self.mapped(range, ALIGNMENT));
        };
        aligned(range.len(), |buffer| read_exact_at(file, &self.path, buffer, range.start as u64))
            .map_err(|source| Error::Io { action: "reading", path: self.path.clone(), source })
    }
}

/// `length` bytes that begin at a multiple of [`ALIGNMENT`], as `fill` fills them.
pub(in crate::weights) fn aligned<E>(
    length: usize,
    fill: impl FnOnce(&mut [u8]) -> std::result::Result<(), E>,
) -> std::result::Result<Bytes, E> {
    // A vector of bytes may begin anywhere, so it gets room to begin later.
    let mut buffer = vec![0; length + ALIGNMENT];
    let start = buffer.as_ptr().align_offset(ALIGNMENT).min(ALIGNMENT);
    fill(&mut buffer[start..start + length])?;
    Ok(Bytes::from(buffer).slice(start..start + length))
}

#[cfg(unix)]
fn read_exact_at(file: &File, _path: &Path, buffer: &mut [u8], offset: u64) -> std::io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, buffer, offset)
}

/// Elsewhere a second handle is opened, because the first one's position is shared by all threads.
#[cfg(not(unix))]
fn read_exact_at(_file: &File, path: &Path, buffer: &mut [u8], offset: u64) -> std::io::Result<()> {
    use std::io::{Seek, SeekFrom};
    let mut file = File::open(path)?;
    file.seek(SeekFrom::Start(offset))?;
    file.read_exact(buffer)
}

/// The text of a configuration file, `longest` bytes at most.
pub(in crate::weights) fn read_text(path: &Path, longest: u64) -> Result<String> {
    let io = |source| Error::Io { action: "reading", path: path.to_owned(), source };
    let fault = |message| Error::Config { file: path.to_owned(), message };
    if !std::fs::metadata(path).map_err(io)?.is_file() {
        return Err(fault("is not a regular file".to_owned()));
    }
    let mut bytes = Vec::new();
    File::open(path).map_err(io)?.take(longest + 1).read_to_end(&mut bytes).map_err(io)?;
    if bytes.len() as u64 > longest {
        return Err(fault(format!("is longer than {longest} bytes, more than any such file needs")));
    }
    if let Some(message) = recognise::other_text(&bytes) {
        return Err(fault(message));
    }
    let text = String::from_utf8(bytes).map_err(|_| fault("is not text in UTF-8".to_owned()))?;
    // Editors on Windows mark UTF-8 with these bytes.
    Ok(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text))
}
