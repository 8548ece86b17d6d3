//! CallTimes in the words of a table.

use std::time::Duration;

/// How long something took, many times.
#[derive(Debug, Default)]
pub(crate) struct CallTimes(Vec<Duration>);

impl CallTimes {
    pub(crate) fn add(&mut self, time: Duration) {
        self.0.push(time);
    }

    pub(crate) fn count(&self) -> usize {
        self.0.len()
    }

    /// Milliseconds that `percent` of the times are within.
    pub(crate) fn within(&self, percent: usize) -> String {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        let place = (sorted.len().saturating_sub(1)) * percent / 100;
        sorted.get(place).map_or_else(|| "–".to_owned(), |time| format!("{:.1}", time.as_secs_f64() * 1000.0))
    }
}

/// A row of a table in Markdown.
pub(crate) fn row<const N: usize>(cells: [&str; N]) {
    println!("| {} |", cells.join(" | "));
}
