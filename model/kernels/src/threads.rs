//! The threads that kernels compute with, and others.

use std::{panic, thread};

/// Runs `work`, which calls many short kernels, on one of the threads that these compute with: between two of them, no thread
/// has to be woken to go on. Nothing long: what other threads ask for meanwhile may have to wait for all of it.
pub fn on_threads<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    rayon::scope(|_| work())
}

/// The results of `first`, on a thread of its own, and of `second`, at the same time. A panic of either is passed on.
pub fn at_once<A: Send, B>(first: impl FnOnce() -> A + Send, second: impl FnOnce() -> B) -> (A, B) {
    thread::scope(|scope| {
        let first = scope.spawn(first);
        let second = second();
        (first.join().unwrap_or_else(|payload| panic::resume_unwind(payload)), second)
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;

    use super::*;

    #[test]
    fn both_run_at_once_and_panics_are_passed_on() {
        // Each waits for the other.
        let barrier = Barrier::new(2);
        let (first, second) = at_once(|| (barrier.wait(), 1), || (barrier.wait(), "two"));
        assert_eq!((first.1, second.1), (1, "two"));
        for text in ["first", "second"] {
            let run = || at_once(|| assert!(text != "first", "first"), || assert!(text != "second", "second"));
            let payload = panic::catch_unwind(run).expect_err("one of them panics");
            assert_eq!(payload.downcast_ref::<&str>(), Some(&text));
        }
        assert!(on_threads(|| rayon::current_thread_index().is_some()));
    }
}
