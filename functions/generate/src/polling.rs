//! Messages from a queue, one after the other, where no Lambda runtime brings them.

use std::env;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::error::{Error, Result};
use crate::queue::{MessageQueue, Received};
use crate::sqs::Sqs;
use crate::worker::{Deadline, Delivery, Outcome, Worker};

/// The URL of the queue to poll.
pub const QUEUE_URL: &str = "EASEL_QUEUE_URL";
/// The URL of the queue of messages that were given up.
pub const DEAD_LETTER_URL: &str = "EASEL_DEAD_LETTER_URL";

/// Why a task whose message went to the dead letters is not drawn.
pub const GIVEN_UP: &str = "workers took the task up several times and finished it none of them: look at their logs, \
                            then retry";

/// For how long a message is hidden at a time: a worker that dies is missed after this, and by then its lease is over.
const HIDDEN: Duration = Duration::from_secs(90);
/// After a failure of the queue.
const PAUSE: Duration = Duration::from_secs(5);

/// What the messages of a queue are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Work to do.
    Work,
    /// Work that was given up.
    DeadLetters,
}

/// Polls the queues that the environment names until the process is told to end.
///
/// # Errors
/// There is no queue to poll.
pub async fn run(worker: Worker) -> Result<()> {
    let named = |variable: &str| env::var(variable).ok().filter(|url| !url.is_empty());
    let missing = || Error::WrongUse(format!("{QUEUE_URL} is not set: it names the queue to poll"));
    let url = named(QUEUE_URL).ok_or_else(missing)?;
    let client = Sqs::client().await;
    let stop = CancellationToken::new();
    let ended = listen()?;
    let stopping = stop.clone();
    tokio::spawn(async move {
        ended.await;
        tracing::info!("told to end: finishing the step");
        stopping.cancel();
    });
    tracing::info!(url, "polling");
    let queue = Sqs::new(client.clone(), url);
    match named(DEAD_LETTER_URL) {
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

/// Does what the queue's messages say, one at a time, until `stop`. A message stays hidden while it is worked on.
pub async fn poll<Q: MessageQueue>(worker: &Worker, queue: &Q, purpose: Purpose, stop: &CancellationToken) {
    while !stop.is_cancelled() {
        let Some(received) = stop.run_until_cancelled(queue.receive(HIDDEN)).await else { return };
        match received {
            Ok(Some(message)) => work(worker, queue, message, purpose, stop).await,
            Ok(None) => worker.report().await,
            Err(error) => {
                tracing::warn!(%error, "the queue gives nothing");
                stop.run_until_cancelled(tokio::time::sleep(PAUSE)).await;
            }
        }
    }
}

async fn work<Q: MessageQueue>(
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
            Purpose::DeadLetters => worker.dead_letter(&delivery, GIVEN_UP).await,
        }
    };
    let outcome = tokio::select! {
        outcome = handling => outcome,
        () = keep_hidden(queue, &receipt) => return,
    };
    let settled = match outcome {
        Outcome::Done => queue.delete(&receipt).await,
        Outcome::HandBack { after, .. } => queue.hide(&receipt, after).await,
    };
    if let Err(error) = settled {
        tracing::warn!(%error, "the message will come again");
    }
}

/// Extends the time for which the message is hidden, as long as it is asked to.
async fn keep_hidden<Q: MessageQueue>(queue: &Q, receipt: &str) {
    loop {
        tokio::time::sleep(HIDDEN / 3).await;
        if let Err(error) = queue.hide(receipt, HIDDEN).await {
            // Another worker may get the message; the lease keeps it from the task.
            tracing::warn!(%error, "the message could not be kept hidden");
        }
    }
}

/// Ends when the process is told to.
fn listen() -> Result<impl Future<Output = ()>> {
    let failed = |error: std::io::Error| Error::Failed(format!("listening for signals: {error}"));
    let mut ended = signal(SignalKind::terminate()).map_err(failed)?;
    let mut interrupted = signal(SignalKind::interrupt()).map_err(failed)?;
    Ok(async move {
        tokio::select! { _ = ended.recv() => {} _ = interrupted.recv() => {} }
    })
}
