//! Where packed weights and fetched models are kept.

use std::path::{Path, PathBuf};

use easel_system::environment::{self, CACHE, NO_CACHE};

/// `EASEL_CACHE`, or this program's folder among the user's caches; none if there is no such folder or the variable is
/// `none`.
pub(crate) fn folder() -> Option<PathBuf> {
    match environment::path(CACHE) {
        Some(folder) if folder == Path::new(NO_CACHE) => None,
        Some(folder) => Some(folder),
        None => dirs::cache_dir().map(|caches| caches.join("easel")),
    }
}
