//! When a worker must be done.

use std::time::{Duration, Instant, SystemTime};

/// The time by which the work must be done, if there is one.
#[derive(Debug, Clone, Copy, Default)]
pub struct Deadline(Option<Instant>);

impl Deadline {
    /// No deadline.
    #[must_use]
    pub fn none() -> Self {
        Self(None)
    }

    /// The deadline that a runtime gives. One in the past means none: `cargo lambda` always gives 1970.
    #[must_use]
    pub fn at(time: SystemTime) -> Self {
        Self(time.duration_since(SystemTime::now()).ok().map(|left| Instant::now() + left))
    }

    /// The time that is left.
    #[must_use]
    pub fn left(self) -> Option<Duration> {
        self.0.map(|end| end.saturating_duration_since(Instant::now()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_in_the_past_is_none() {
        assert_eq!(Deadline::at(SystemTime::UNIX_EPOCH).left(), None);
        let left = Deadline::at(SystemTime::now() + Duration::from_secs(900)).left().expect("a deadline");
        assert!((Duration::from_secs(890)..=Duration::from_secs(900)).contains(&left), "{left:?}");
    }
}
