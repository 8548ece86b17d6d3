//! Counts the arithmetic of the layers, so that a rate can be reported for any shape.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

static MULTIPLY_ADDS: AtomicU64 = AtomicU64::new(0);

/// Adds the multiply-adds of one layer.
pub(crate) fn count(multiply_adds: usize) {
    MULTIPLY_ADDS.fetch_add(multiply_adds as u64, Ordering::Relaxed);
}

/// Multiply-adds of all layers since the process began.
pub(crate) fn multiply_adds() -> u64 {
    MULTIPLY_ADDS.load(Ordering::Relaxed)
}

/// Measures a stage: its time and its arithmetic.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stopwatch {
    at: Instant,
    multiply_adds: u64,
}

impl Stopwatch {
    /// A stage that starts now.
    pub(crate) fn start() -> Self {
        Self { at: Instant::now(), multiply_adds: multiply_adds() }
    }

    /// Seconds since then.
    pub(crate) fn seconds(self) -> f64 {
        self.at.elapsed().as_secs_f64()
    }

    /// Multiply-adds since then.
    pub(crate) fn multiply_adds(self) -> u64 {
        multiply_adds() - self.multiply_adds
    }
}
