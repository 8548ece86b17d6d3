//! Whether a service lets us do something, found out by trying.

use aws_sdk_s3::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};

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
    /// What a service's answer means, whichever it is; `telling` are codes that only those hear who may do it.
    #[must_use]
    pub fn to<T, E>(result: Result<T, SdkError<E>>, telling: &[&str]) -> Self
    where
        E: std::error::Error + ProvideErrorMetadata + Send + Sync + 'static,
    {
        let Err(error) = result else { return Self::Granted };
        match error.code() {
            Some("AccessDenied" | "AccessDeniedException" | "Forbidden") => Self::Refused,
            Some(code) if telling.contains(&code) => Self::Granted,
            _ => Self::Unknown(DisplayErrorContext(&error).to_string()),
        }
    }
}
