//! What can go wrong with tasks in DynamoDB and images in S3.

use aws_sdk_s3::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use easel_domain::task::Refusal;

/// This crate's results.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What services say to those whom they do not let in, and about tables, buckets and queues that are not there.
const REFUSALS: [&str; 16] = [
    "AccessDenied",
    "AccessDeniedException",
    "AccountProblem",
    "AllAccessDisabled",
    "ExpiredToken",
    "ExpiredTokenException",
    "Forbidden",
    "InvalidAccessKeyId",
    "InvalidClientTokenId",
    "InvalidSignatureException",
    "MissingAuthenticationTokenException",
    "NoSuchBucket",
    "QueueDoesNotExist",
    "ResourceNotFoundException",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
];

/// Why something could not be done.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The rules for tasks do not allow it.
    #[error(transparent)]
    Domain(#[from] easel_domain::Error),
    /// An object is longer than its reader takes.
    #[error("the object has {length} bytes, the limit is {limit}")]
    TooLong {
        /// Its bytes.
        length: usize,
        /// Most bytes.
        limit: usize,
    },
    /// Others changed the same task each time.
    #[error("others are changing this task: try again in a few seconds")]
    Contended,
    /// A service failed, after retries.
    #[error("{service} is unavailable ({detail}): try again in a few seconds")]
    Unavailable {
        /// Which one.
        service: &'static str,
        /// What it said; for logs, not for callers.
        detail: String,
    },
    /// A service does not let us in, or has no such table or bucket: waiting does not mend that.
    #[error("{service} refuses what Easel asks of it ({detail}): check the rights, the credentials and the names")]
    Refused {
        /// Which one.
        service: &'static str,
        /// What it said; for logs, not for callers.
        detail: String,
    },
    /// Easel itself is wrong, or wrongly set up.
    #[error("{0}")]
    Internal(String),
}

impl Error {
    /// What a service still answers after the client's retries.
    #[must_use]
    pub fn of_service<E>(service: &'static str, error: &SdkError<E>) -> Self
    where
        E: std::error::Error + ProvideErrorMetadata + Send + Sync + 'static,
    {
        let detail = DisplayErrorContext(error).to_string();
        // Answers to HEAD have no body, and so no code.
        let forbidden = error.raw_response().is_some_and(|answer| matches!(answer.status().as_u16(), 401 | 403));
        let refused = error.code().map_or(forbidden, |code| REFUSALS.contains(&code));
        if refused { Self::Refused { service, detail } } else { Self::Unavailable { service, detail } }
    }

    /// Whether a service does not let us in, or what it is asked about is not there: somebody has to mend that.
    #[must_use]
    pub fn is_refusal(&self) -> bool {
        matches!(self, Self::Refused { .. })
    }

    /// Whether the same call may succeed later without anybody changing anything.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        matches!(self, Self::Contended | Self::Unavailable { .. })
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        Self::Domain(refusal.into())
    }
}
