//! Room on disks.

use std::path::Path;

/// The bytes that this process may still write to the folder's disk; `None` where the system does not say.
#[cfg(unix)]
#[must_use]
pub fn free_bytes(folder: &Path) -> Option<u64> {
    let found = nix::sys::statvfs::statvfs(folder).ok()?;
    Some((found.blocks_available() as u64).saturating_mul(found.fragment_size() as u64))
}

/// The bytes that this process may still write to the folder's disk; `None` where the system does not say.
#[cfg(not(unix))]
#[must_use]
pub fn free_bytes(_: &Path) -> Option<u64> {
    None
}
