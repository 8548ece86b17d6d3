//! A queue of messages with the semantics of SQS.

use std::future::Future;
use std::time::Duration;

use crate::error::Result;

/// A message as it was received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    /// Identifies this receipt of the message.
    pub receipt: String,
    /// What was sent.
    pub body: String,
    /// How often the message has been received, this time included.
    pub count: u32,
}

/// A source of messages. A received message is hidden from other receivers for a while, and is delivered again unless
/// it is deleted.
pub trait MessageQueue: Send + Sync {
    /// Waits a while for a message and hides it for `hidden_for`.
    ///
    /// # Errors
    /// Fails if the queue does; trying again may help.
    fn receive(&self, hidden_for: Duration) -> impl Future<Output = Result<Option<Received>>> + Send;

    /// Deletes the message of this receipt, if it still exists.
    ///
    /// # Errors
    /// Fails if the queue does.
    fn delete(&self, receipt: &str) -> impl Future<Output = Result<()>> + Send;

    /// Hides the message of this receipt for this long from now on.
    ///
    /// # Errors
    /// Fails if the queue does, or if the message is no longer hidden under this receipt.
    fn hide(&self, receipt: &str, hidden_for: Duration) -> impl Future<Output = Result<()>> + Send;
}
