//! The report itself.

use serde::{Deserialize, Serialize};

/// What became of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It is as it has to be.
    Pass,
    /// It is not.
    Fail,
    /// It could not be looked at here, which is no fault.
    NotChecked,
}

/// One line of the report.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Check {
    /// What it is about: `configuration`, `device`, `model`, `picture`, `table`, `bucket`, `queue` or `service`.
    pub subject: String,
    /// What was looked at.
    pub what: String,
    /// What became of it.
    pub outcome: Outcome,
    /// What was found.
    pub found: String,
    /// What it was measured by, where that is not plain.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected: Option<String>,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub advice: Option<String>,
}

/// All that was checked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// The version of the program that checked.
    pub version: String,
    /// Whether nothing failed.
    pub ready: bool,
    /// In the order in which they were made.
    pub checks: Vec<Check>,
}

impl Check {
    /// A check that passed.
    pub fn pass(subject: &str, what: impl Into<String>, found: impl Into<String>) -> Self {
        Self::new(subject, what, Outcome::Pass, found)
    }

    /// A check that failed, and what to do.
    pub fn fail(subject: &str, what: impl Into<String>, found: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { advice: Some(advice.into()), ..Self::new(subject, what, Outcome::Fail, found) }
    }

    /// A check that could not be made, and what to do to have it made.
    pub fn not_made(
        subject: &str,
        what: impl Into<String>,
        reason: impl Into<String>,
        advice: impl Into<String>,
    ) -> Self {
        Self { advice: Some(advice.into()), ..Self::new(subject, what, Outcome::NotChecked, reason) }
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

    /// The same check, with what it was measured by.
    #[must_use]
    pub fn expecting(self, expected: impl Into<String>) -> Self {
        Self { expected: Some(expected.into()), ..self }
    }

    fn new(subject: &str, what: impl Into<String>, outcome: Outcome, found: impl Into<String>) -> Self {
        let (subject, what, found) = (subject.to_owned(), what.into(), found.into());
        Self { subject, what, outcome, found, expected: None, advice: None }
    }
}

impl Report {
    /// The report of these checks.
    #[must_use]
    pub fn new(checks: Vec<Check>) -> Self {
        let ready = checks.iter().all(|check| check.outcome != Outcome::Fail);
        Self { version: env!("CARGO_PKG_VERSION").to_owned(), ready, checks }
    }
}
