//! A queue of messages with the semantics of SQS.

use std::future::Future;
use std::time::Duration;

use crate::error::Result;

/// A message as one receiver got it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    /// Names this receipt.
    pub receipt: String,
    /// What was sent.
    pub body: String,
    /// How often the message has been received, this time included.
    pub count: u32,
}

/// Where messages come from. A received message is hidden from other receivers for a while, and comes again unless it
/// is deleted.
pub trait MessageQueue: Send + Sync {
    /// Waits a while for a message and hides it for `hidden_for`.
    ///
    /// # Errors
    /// The queue's; asking again may help.
    fn receive(&self, hidden_for: Duration) -> impl Future<Output = Result<Option<Received>>> + Send;

    /// Removes the message of this receipt; one that is gone is fine.
    ///
    /// # Errors
    /// The queue's.
    fn delete(&self, receipt: &str) -> impl Future<Output = Result<()>> + Send;

    /// Hides the message of this receipt for this long from now on.
    ///
    /// # Errors
    /// The queue's, or the message is not hidden under this receipt any more.
    fn hide(&self, receipt: &str, hidden_for: Duration) -> impl Future<Output = Result<()>> + Send;
}
