//! How long steps and checkpoints take, and whether there is time for the next step.

use std::time::Duration;

use super::Deadline;

/// The times of one generation.
#[derive(Debug, Clone, Default)]
pub(super) struct Pace {
    steps: Vec<Duration>,
    /// How long saving the last checkpoint took.
    saving: Duration,
    /// Time spent on steps since the last checkpoint.
    since_saved: Duration,
    /// How long decoding an image took, at most.
    decoding: Duration,
}

impl Pace {
    pub(super) fn record_step(&mut self, took: Duration) {
        self.steps.push(took);
        self.since_saved += took;
    }

    pub(super) fn record_decoding(&mut self, took: Duration) {
        self.decoding = self.decoding.max(took);
    }

    pub(super) fn record_saving(&mut self, took: Duration) {
        self.saving = took;
        self.since_saved = Duration::ZERO;
    }

    /// Whether nothing has been done since the task was claimed.
    pub(super) fn is_fresh(&self) -> bool {
        self.steps.is_empty() && self.decoding.is_zero()
    }

    pub(super) fn longest_step(&self) -> Duration {
        self.steps.iter().copied().max().unwrap_or_default()
    }

    pub(super) fn median_step(&self) -> Duration {
        let mut steps = self.steps.clone();
        steps.sort_unstable();
        steps.get(steps.len() / 2).copied().unwrap_or_default()
    }

    /// Whether a checkpoint is worth its cost: they take at most a tenth of the time.
    pub(super) fn is_worth_saving(&self) -> bool {
        self.since_saved >= self.saving * 10
    }

    /// Why the work has to stop here, if it has to: the next step (decoding an image takes about as long as one, until one
    /// was decoded) and what follows would not fit into the time that is left.
    pub(super) fn too_late(&self, deadline: Deadline, margin: Duration) -> Option<String> {
        let left = deadline.left()?;
        let needed = self.longest_step().max(self.decoding) * 3 / 2 + self.saving * 2 + margin;
        if self.is_fresh() || left >= needed {
            return None;
        }
        let (left, needed) = (left.as_secs_f64(), needed.as_secs_f64());
        Some(format!("{left:.0} s are left to the worker and {needed:.0} s are needed for the next step"))
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn a_worker_stops_while_the_next_step_would_still_fit_and_never_before_its_first() {
        let margin = seconds(10);
        let within = |left| Deadline::at(SystemTime::now() + seconds(left));
        let mut pace = Pace::default();
        assert_eq!(pace.too_late(within(1), margin), None);
        pace.record_step(seconds(40));
        pace.record_step(seconds(20));
        assert_eq!(pace.too_late(Deadline::none(), margin), None);
        assert_eq!(pace.too_late(within(75), margin), None);
        assert!(pace.too_late(within(65), margin).is_some());
        pace.record_saving(seconds(5));
        assert!(pace.too_late(within(75), margin).is_some());
        let mut decoding = Pace::default();
        decoding.record_decoding(seconds(40));
        assert!(decoding.too_late(within(65), margin).is_some());
        assert_eq!(decoding.too_late(within(75), margin), None);
    }

    #[test]
    fn checkpoints_take_a_tenth_of_the_time_at_most() {
        let mut pace = Pace::default();
        assert!(pace.is_worth_saving());
        pace.record_saving(seconds(2));
        pace.record_step(seconds(19));
        assert!(!pace.is_worth_saving());
        pace.record_step(seconds(1));
        assert!(pace.is_worth_saving());
        assert_eq!(pace.longest_step(), seconds(19));
    }
}
