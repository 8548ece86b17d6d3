//! Messages polled from a queue, one after the other, outside Lambda.

use std::time::{Duration, Instant};

use easel_system::environment::{self, DEAD_LETTER_URL, QUEUE_URL};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::error::{Error, Result};
use crate::queue::{MessageQueue, Received};
use crate::sqs::Sqs;
use crate::worker::{Deadline, Delivery, DeliveryOutcome, Worker, WorkerOptions};

/// The pauses after failures of the queue, which grow.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// What a queue is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Messages to handle.
    Work,
    /// Messages that were given up.
    DeadLetters,
}

/// The queues to poll.
#[derive(Debug, Clone)]
pub struct QueueUrls {
    /// The queue of messages to handle.
    pub work: String,
    /// The queue of messages that were given up, if this worker looks after them.
    pub dead_letters: Option<String>,
}

impl QueueUrls {
    /// The queues that `EASEL_QUEUE_URL` and `EASEL_DEAD_LETTER_URL` name.
    ///
    /// # Errors
    /// Returns [`Error::WrongUse`] if `EASEL_QUEUE_URL` is not set.
    pub fn from_environment() -> Result<Self> {
        let missing = || Error::WrongUse(format!("{QUEUE_URL} is not set: set it to the URL of the queue to poll"));
        let work = environment::text(QUEUE_URL).ok_or_else(missing)?;
        Ok(Self { work, dead_letters: environment::text(DEAD_LETTER_URL) })
    }
}

/// Polls queues until the process gets a signal to end.
///
/// # Errors
/// Fails if the system does not deliver signals.
pub async fn run(worker: Worker, urls: QueueUrls) -> Result<()> {
    let client = Sqs::client().await;
    let stop = CancellationToken::new();
    let end = listen()?;
    let stopping = stop.clone();
    tokio::spawn(async move {
        end.await;
        tracing::info!("shutting down after the current step");
        stopping.cancel();
    });
    tracing::info!(url = urls.work, "polling the queue");
    let queue = Sqs::new(client.clone(), urls.work);
    match urls.dead_letters {
        Some(url) => {
            let dead = Sqs::new(client, url);
            tokio::join!(
                poll(&worker, &queue, Purpose::Work, &stop),
                poll(&worker, &dead, Purpose::DeadLetters, &stop)
            );
        }
        None => poll(&worker, &queue, Purpose::Work, &stop).await,
    }
    Ok(())
}

/// Handles the queue's messages, one at a time, until `stop`, and says all the while what the worker offers.
pub async fn poll<Q: MessageQueue>(worker: &Worker, queue: &Q, purpose: Purpose, stop: &CancellationToken) {
    match purpose {
        Purpose::Work => {
            tokio::join!(take_messages(worker, queue, purpose, stop), worker.keep_offering(stop));
        }
        Purpose::DeadLetters => take_messages(worker, queue, purpose, stop).await,
    }
}

/// Handles messages until `stop`. A message stays hidden while it is being handled.
async fn take_messages<Q: MessageQueue>(worker: &Worker, queue: &Q, purpose: Purpose, stop: &CancellationToken) {
    let mut pause = FIRST_PAUSE;
    while !stop.is_cancelled() {
        let Some(received) = stop.run_until_cancelled(queue.receive(worker.options().hidden)).await else { return };
        match received {
            Ok(message) => {
                pause = FIRST_PAUSE;
                match message {
                    Some(message) => handle_message(worker, queue, message, purpose, stop).await,
                    None => worker.report().await,
                }
            }
            Err(error) => {
                tracing::warn!(%error, "no message could be received");
                stop.run_until_cancelled(tokio::time::sleep(pause)).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
        }
    }
}

async fn handle_message<Q: MessageQueue>(
    worker: &Worker,
    queue: &Q,
    message: Received,
    purpose: Purpose,
    stop: &CancellationToken,
) {
    let Received { receipt, body, count } = message;
    let delivery = Delivery { body, count, deadline: Deadline::none(), stop: stop.clone() };
    let handling = async {
        match purpose {
            Purpose::Work => worker.handle(&delivery).await,
            Purpose::DeadLetters => worker.dead_letter(&delivery).await,
        }
    };
    let hiding = async {
        keep_hidden(queue, &receipt, worker.options()).await;
        std::future::pending().await
    };
    let outcome = tokio::select! {
        outcome = handling => outcome,
        () = hiding => return,
    };
    let settled = match outcome {
        DeliveryOutcome::Done => queue.delete(&receipt).await,
        DeliveryOutcome::HandBack { after, .. } => queue.hide(&receipt, after).await,
    };
    if let Err(error) = settled {
        tracing::warn!(%error, "the message will be delivered again");
    }
}

/// Keeps extending the time for which the message is hidden. Where the queue hides it no longer, it is deleted: by then
/// its task is held by a lease, and if the worker dies, others find it without a message.
async fn keep_hidden<Q: MessageQueue>(queue: &Q, receipt: &str, options: &WorkerOptions) {
    let received = Instant::now();
    loop {
        tokio::time::sleep(options.hidden / 3).await;
        if received.elapsed() + options.hidden >= options.hidden_at_most {
            match queue.delete(receipt).await {
                Ok(()) => return tracing::info!("the message is as old as it may get: the lease alone holds the task"),
                Err(error) => tracing::warn!(%error, "the message could not be deleted"),
            }
        } else if let Err(error) = queue.hide(receipt, options.hidden).await {
            // Another worker may get the message, but the lease protects the task.
            tracing::warn!(%error, "the message could not be kept hidden");
        }
    }
}

/// Waits for a signal to end the process.
fn listen() -> Result<impl Future<Output = ()>> {
    let failed = |error: std::io::Error| Error::Failed(format!("listening for signals: {error}"));
    let mut ended = signal(SignalKind::terminate()).map_err(failed)?;
    let mut interrupted = signal(SignalKind::interrupt()).map_err(failed)?;
    Ok(async move {
        tokio::select! { _ = ended.recv() => {} _ = interrupted.recv() => {} }
    })
}
