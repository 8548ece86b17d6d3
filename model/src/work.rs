//! Counts the arithmetic of the layers, so that benchmarks can report a rate for any shape.

use std::sync::atomic::{AtomicU64, Ordering};

static MULTIPLY_ADDS: AtomicU64 = AtomicU64::new(0);

/// Adds the multiply-adds of one layer.
pub(crate) fn count(multiply_adds: usize) {
    MULTIPLY_ADDS.fetch_add(multiply_adds as u64, Ordering::Relaxed);
}

/// Multiply-adds of all layers since the process began.
pub(crate) fn multiply_adds() -> u64 {
    MULTIPLY_ADDS.load(Ordering::Relaxed)
}
