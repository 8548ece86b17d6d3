//! Where packed weights and fetched models are kept.

use std::path::PathBuf;

/// `EASEL_CACHE`, or this program's folder among the user's caches; none if there is no such place or the variable is
/// set to nothing.
pub(crate) fn folder() -> Option<PathBuf> {
    match std::env::var_os("EASEL_CACHE") {
        Some(folder) if folder.is_empty() => None,
        Some(folder) => Some(folder.into()),
        None => dirs::cache_dir().map(|caches| caches.join("easel")),
    }
}
