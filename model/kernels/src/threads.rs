//! The threads that kernels compute with.

/// Runs `work`, which calls many short kernels, on one of the threads that these compute with: between two of them, no thread
/// has to be woken to go on. Nothing long: what other threads ask for meanwhile may have to wait for all of it.
pub fn on_threads<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    rayon::scope(|_| work())
}
