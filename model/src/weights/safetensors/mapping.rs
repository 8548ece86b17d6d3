//! Mapping a file into memory.

use std::fs::File;

use bytes::Bytes;
use memmap2::Mmap;

/// The whole of `file` as bytes that are read from disk when they are touched, and unmapped with the last slice.
#[allow(unsafe_code)]
pub(super) fn map(file: &File) -> std::io::Result<Bytes> {
    // SAFETY: the mapping is read-only and private to this process. Should another process change the file
    // meanwhile, numbers change or the process is stopped by a signal, which every program that maps files accepts;
    // nothing here relies on the bytes staying the same once they were checked, only on the mapping's length.
    let mapping = unsafe { Mmap::map(file)? };
    Ok(Bytes::from_owner(mapping))
}
