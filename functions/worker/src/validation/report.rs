//! The readiness report and its checks.

use serde::{Deserialize, Serialize};

/// The outcome of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckOutcome {
    /// It is as it should be.
    Pass,
    /// It is not.
    Fail,
    /// It could not be checked here, which is not a failure.
    NotChecked,
}

/// One line of the report.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReadinessCheck {
    /// What it is about: `configuration`, `device`, `model`, `image`, `table`, `bucket`, `queue` or `service`.
    pub subject: String,
    /// What was checked.
    pub what: String,
    /// The outcome.
    pub outcome: CheckOutcome,
    /// What was found.
    pub found: String,
    /// What was expected, where that is not obvious.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected: Option<String>,
    /// What to do about a failure.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub advice: Option<String>,
}

/// All checks of a worker.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReadinessReport {
    /// The version of the program that checked.
    pub version: String,
    /// Whether no check failed.
    pub ready: bool,
    /// In the order in which they were made.
    pub checks: Vec<ReadinessCheck>,
}

impl ReadinessCheck {
    /// A check that passed.
    pub fn pass(subject: &str, what: impl Into<String>, found: impl Into<String>) -> Self {
        Self::new(subject, what, CheckOutcome::Pass, found)
    }

    /// A check that failed, and what to do.
    pub fn fail(subject: &str, what: impl Into<String>, found: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { advice: Some(advice.into()), ..Self::new(subject, what, CheckOutcome::Fail, found) }
    }

    /// A check that could not be made, and how to make it.
    pub fn not_made(
        subject: &str,
        what: impl Into<String>,
        reason: impl Into<String>,
        advice: impl Into<String>,
    ) -> Self {
        Self { advice: Some(advice.into()), ..Self::new(subject, what, CheckOutcome::NotChecked, reason) }
    }

    /// A check of whether something holds.
    pub fn that(
        holds: bool,
        subject: &str,
        what: impl Into<String>,
        found: impl Into<String>,
        advice: impl Into<String>,
    ) -> Self {
        if holds { Self::pass(subject, what, found) } else { Self::fail(subject, what, found, advice) }
    }

    /// The same check, with what was expected.
    #[must_use]
    pub fn expecting(self, expected: impl Into<String>) -> Self {
        Self { expected: Some(expected.into()), ..self }
    }

    fn new(subject: &str, what: impl Into<String>, outcome: CheckOutcome, found: impl Into<String>) -> Self {
        let (subject, what, found) = (subject.to_owned(), what.into(), found.into());
        Self { subject, what, outcome, found, expected: None, advice: None }
    }
}

impl ReadinessReport {
    /// The report of these checks.
    #[must_use]
    pub fn new(checks: Vec<ReadinessCheck>) -> Self {
        let ready = checks.iter().all(|check| check.outcome != CheckOutcome::Fail);
        Self { version: env!("CARGO_PKG_VERSION").to_owned(), ready, checks }
    }
}
