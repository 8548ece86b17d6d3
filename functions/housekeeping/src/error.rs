//! What can go wrong while housekeeping.

/// This crate's results.
pub(crate) type Result<T, E = Error> = std::result::Result<T, E>;

/// Why something could not be done.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// Tasks or images could not be read or changed.
    #[error(transparent)]
    Storage(#[from] easel_storage::Error),
    /// The distribution's caches still hold what was withdrawn.
    #[error("CloudFront: {0}: withdrawn images stay in its caches until it is told again or they expire")]
    Caches(String),
    /// The event is none that this function knows.
    #[error(
        "{0}: send messages of a queue, {{\"reconcile\": true}} or {{\"housekeeping\": true}}; to check a worker, send \
         {{\"validate\": true}} to the generate function"
    )]
    UnknownEvent(String),
    /// The Lambda runtime failed.
    #[error("the Lambda runtime: {0}")]
    Runtime(String),
}
