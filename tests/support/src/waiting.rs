//! Waiting for what happens in its own time.

use std::time::{Duration, Instant};

/// Far longer than anything takes here: reaching it is a failure, whatever the machine.
const DEADLINE: Duration = Duration::from_secs(300);
const INTERVAL: Duration = Duration::from_millis(25);

/// Looks until there is something to see.
pub async fn eventually<T, F: Future<Output = Option<T>>>(what: &str, mut look: impl FnMut() -> F) -> T {
    let started = Instant::now();
    loop {
        if let Some(seen) = look().await {
            return seen;
        }
        assert!(started.elapsed() < DEADLINE, "waited {} s in vain for {what}", DEADLINE.as_secs());
        tokio::time::sleep(INTERVAL).await;
    }
}
