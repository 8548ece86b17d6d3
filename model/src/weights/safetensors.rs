//! Safetensors files of any size: read where they lie, written one tensor at a time.

mod file;
mod header;
mod mapping;
mod writer;

pub use file::SafetensorsFile;
pub(super) use file::{aligned, read_text};
pub use header::{Header, HeaderFault, TensorEntry, parse_header};
pub(super) use header::{short, shorten};
pub(super) use writer::write_into;
pub use writer::{Stored, TensorToWrite, write_safetensors};
