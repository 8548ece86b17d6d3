//! Whether a service lets us do something, found out by trying.

/// The answer to a trial.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// It may be done.
    Granted,
    /// Who asks may not do it.
    Refused,
    /// The service did not get as far as deciding, for this reason.
    Unknown(String),
}

/// A right by its name in AWS's policies, what was tried, and the answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trial {
    /// Such as `dynamodb:PutItem`.
    pub right: &'static str,
    /// The row, the object or the queue.
    pub on: String,
    /// What the service said.
    pub answer: Answer,
}

impl Answer {
    /// What a failure with this code means; `telling` are codes that only those hear who may do it.
    #[must_use]
    pub fn of_failure(code: Option<&str>, telling: &[&str], detail: String) -> Self {
        match code {
            Some("AccessDenied" | "AccessDeniedException" | "Forbidden") => Self::Refused,
            Some(code) if telling.contains(&code) => Self::Granted,
            _ => Self::Unknown(detail),
        }
    }
}
