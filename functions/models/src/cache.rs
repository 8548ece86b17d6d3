//! The cache of packed weights, as the environment limits it.

use std::path::PathBuf;

use easel_model::Cache;
use easel_system::environment::{self, CACHE_SIZE};

use crate::error::{Error, Result};

/// The cache in `folder`, limited to the number of GiB that `EASEL_CACHE_SIZE` sets.
///
/// # Errors
/// Returns [`Error::WrongUse`] if that is not a whole number.
pub fn packed_weights(folder: PathBuf) -> Result<Cache> {
    let limit = match environment::text(CACHE_SIZE) {
        Some(text) => text.trim().parse::<u32>().map(|gibibytes| u64::from(gibibytes) << 30).map_err(|_| {
            Error::WrongUse(format!("{CACHE_SIZE}: `{text}` is not a whole number of GiB, such as 100"))
        })?,
        None => Cache::DEFAULT_LIMIT,
    };
    Ok(Cache::new(folder, limit))
}
