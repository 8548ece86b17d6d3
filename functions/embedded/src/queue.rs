//! A queue in memory with the semantics of an SQS standard queue: a received message is hidden until its visibility
//! timeout ends, and is delivered again unless it was deleted.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use parking_lot::{Mutex, MutexGuard};
use tokio::sync::Notify;
use tokio::time::Instant;
use uuid::Uuid;

/// How a queue behaves.
#[derive(Debug, Clone)]
pub struct QueueOptions {
    /// For how long a received message is hidden from other receivers.
    pub visibility_timeout: Duration,
    /// Where messages go that were received too often; without it they are delivered again for ever.
    pub redrive: Option<Redrive>,
}

/// What happens to a message that no receiver deletes.
#[derive(Debug, Clone)]
pub struct Redrive {
    /// How often a message is received before it goes to the dead letters.
    pub maximal_receive_count: u32,
    /// The queue that it goes to.
    pub dead_letters: Queue,
}

/// A message as one receiver got it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueMessage {
    /// The same each time the message is received.
    pub message_id: Uuid,
    /// Names this receipt: what [`Queue::delete`] and [`Queue::change_visibility`] take.
    pub receipt_handle: Uuid,
    /// What was sent.
    pub body: String,
    /// How often the message has been received, this time included.
    pub receive_count: u32,
    /// When the message was sent.
    pub sent_timestamp: SystemTime,
}

/// No hidden message has this receipt: it was deleted, received anew, or its visibility timeout ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no message is in flight under this receipt; it may be received again")]
pub struct NotInFlight;

/// A handle to a queue; clones share it.
#[derive(Debug, Clone)]
pub struct Queue(Arc<SharedQueue>);

#[derive(Debug)]
struct SharedQueue {
    options: QueueOptions,
    entries: Mutex<Vec<QueueEntry>>,
    /// Wakes every receiver to look again, because what it waits for may have changed.
    changed: Notify,
}

#[derive(Debug)]
struct QueueEntry {
    message: QueueMessage,
    visible_from: Instant,
}

impl Queue {
    /// An empty queue.
    pub fn new(options: QueueOptions) -> Self {
        Self(Arc::new(SharedQueue { options, entries: Mutex::default(), changed: Notify::new() }))
    }

    /// Adds a message and returns its id.
    pub fn send(&self, body: impl Into<String>) -> Uuid {
        let message_id = Uuid::new_v4();
        self.push(message_id, body.into(), SystemTime::now());
        message_id
    }

    /// Waits for a message and hides it from other receivers for the visibility timeout.
    ///
    /// Dropping the future before it is ready loses nothing.
    pub async fn receive(&self) -> QueueMessage {
        loop {
            let mut changed = std::pin::pin!(self.0.changed.notified());
            // From here on no change is missed, though the entries are looked at first.
            changed.as_mut().enable();
            let next = match self.take_visible() {
                Ok(message) => return message,
                Err(next) => next,
            };
            match next {
                Some(instant) => {
                    tokio::select! { () = changed => {} () = tokio::time::sleep_until(instant) => {} }
                }
                None => changed.await,
            }
        }
    }

    /// Removes the message of this receipt; returns whether it existed.
    pub fn delete(&self, receipt_handle: Uuid) -> bool {
        let mut entries = self.entries();
        let position = entries.iter().position(|entry| entry.message.receipt_handle == receipt_handle);
        position.map(|position| entries.remove(position)).is_some()
    }

    /// Hides the message of this receipt for `timeout` from now on; zero hands it back at once.
    ///
    /// # Errors
    /// Returns [`NotInFlight`] if the message is not in flight under this receipt.
    pub fn change_visibility(&self, receipt_handle: Uuid, timeout: Duration) -> Result<(), NotInFlight> {
        let now = Instant::now();
        let mut entries = self.entries();
        let mut held = entries
            .iter_mut()
            .filter(|entry| entry.message.receipt_handle == receipt_handle && entry.visible_from > now);
        held.next().ok_or(NotInFlight)?.visible_from = now + timeout;
        drop(entries);
        self.0.changed.notify_waiters();
        Ok(())
    }

    /// How many messages are in the queue, hidden ones included.
    pub fn len(&self) -> usize {
        self.entries().len()
    }

    /// Whether there is no message, not even a hidden one.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn push(&self, message_id: Uuid, body: String, sent_timestamp: SystemTime) {
        let message = QueueMessage { message_id, receipt_handle: Uuid::nil(), body, receive_count: 0, sent_timestamp };
        self.entries().push(QueueEntry { message, visible_from: Instant::now() });
        self.0.changed.notify_waiters();
    }

    /// The oldest visible message, or when the next one becomes visible.
    fn take_visible(&self) -> Result<QueueMessage, Option<Instant>> {
        let now = Instant::now();
        let options = &self.0.options;
        let mut entries = self.entries();
        if let Some(redrive) = &options.redrive {
            let spent = |entry: &mut QueueEntry| {
                entry.visible_from <= now && entry.message.receive_count >= redrive.maximal_receive_count
            };
            for QueueEntry { message, .. } in entries.extract_if(.., spent) {
                redrive.dead_letters.push(message.message_id, message.body, message.sent_timestamp);
            }
        }
        let Some(entry) = entries.iter_mut().find(|entry| entry.visible_from <= now) else {
            return Err(entries.iter().map(|entry| entry.visible_from).min());
        };
        entry.message.receipt_handle = Uuid::new_v4();
        entry.message.receive_count += 1;
        entry.visible_from = now + options.visibility_timeout;
        let message = entry.message.clone();
        drop(entries);
        // Receivers that found nothing wait for no instant; now there is one.
        self.0.changed.notify_waiters();
        Ok(message)
    }

    fn entries(&self) -> MutexGuard<'_, Vec<QueueEntry>> {
        self.0.entries.lock()
    }
}
