//! The generator in the same process: the worker of `generate` on a queue in memory.

use std::sync::Arc;
use std::time::Duration;

use easel_embedded::queue::{Queue, QueueOptions, Redrive};
use easel_storage::workflow::Workflow;
use easel_system::environment::{self, QUEUE_URL, WORKER};
use easel_worker::engine::Engine;
use easel_worker::polling::{Purpose, poll};
use easel_worker::queue::{MessageQueue, Received};
use easel_worker::sqs::Sqs;
use easel_worker::worker::{Worker, WorkerOptions};
use jiff::Timestamp;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::ServeArguments;
use super::backlog::Backlog;
use super::embedded::Backing;
use crate::command_error::CommandError;

/// What the worker is called where EASEL_WORKER says nothing else.
const NAME: &str = "easel serve";
/// How long to wait for a message before the worker reports itself again.
const WAITING: Duration = Duration::from_secs(60);
const DELIVERIES: u32 = 3;
const HOUSEKEEPING: Duration = Duration::from_secs(3600);

/// The queue that new objects are announced to, with its dead letters.
#[derive(Debug, Clone)]
pub(super) struct Queues {
    pub(super) work: Queue,
    dead_letters: Queue,
}

impl Queues {
    pub(super) fn new() -> Self {
        let visibility_timeout = Duration::from_secs(90);
        let dead_letters = Queue::new(QueueOptions { visibility_timeout, redrive: None });
        let redrive = Redrive { maximal_receive_count: DELIVERIES, dead_letters: dead_letters.clone() };
        let work = Queue::new(QueueOptions { visibility_timeout, redrive: Some(redrive) });
        Self { work, dead_letters }
    }
}

/// Opens the model and draws until `shutdown`.
///
/// # Errors
/// The model or the device is unavailable.
pub(super) async fn start(
    arguments: &ServeArguments,
    backing: &Backing,
    shutdown: &CancellationToken,
) -> Result<JoinHandle<()>, CommandError> {
    let engine = arguments.engine.clone();
    let opening = tokio::task::spawn_blocking(move || Ok::<_, CommandError>(Engine::open(&engine.fetch()?)?));
    let engine = opening.await.map_err(|error| CommandError::failed(format!("opening the model: {error}")))??;
    let name = name(backing.announces_objects());
    let options = WorkerOptions { name, deliveries: DELIVERIES, ..WorkerOptions::from_environment()? };
    let worker = Worker::new(backing.workflow.clone(), Arc::new(engine), options);
    worker.report().await;
    let (queues, shutdown) = (backing.queues.clone(), shutdown.clone());
    if let Some(url) = sqs_queue().filter(|_| !backing.announces_objects()) {
        let queue = Sqs::new(Sqs::client().await, url);
        return Ok(tokio::spawn(async move { poll(&worker, &queue, Purpose::Work, &shutdown).await }));
    }
    let (workflow, region) = (backing.workflow.clone(), backing.region.clone());
    let backlog = Backlog { workflow: workflow.clone(), queue: queues.work.clone(), region };
    if backing.announces_objects() {
        backlog.enqueue_interrupted().await?;
        tokio::spawn(backlog.clone().take_uploads(shutdown.clone()));
    }
    tokio::spawn(backlog.watch(shutdown.clone()));
    tokio::spawn(purge_expired(workflow, shutdown.clone()));
    Ok(tokio::spawn(async move {
        let (work, dead_letters) = (InMemory(queues.work), InMemory(queues.dead_letters));
        tokio::join!(
            poll(&worker, &work, Purpose::Work, &shutdown),
            poll(&worker, &dead_letters, Purpose::DeadLetters, &shutdown)
        );
    }))
}

/// The worker's name. A task that was claimed under a worker's own name is its to go on with: the lock on the data
/// folder keeps others from having this one, unless the store is elsewhere, where each service has a name of its own.
fn name(embedded: bool) -> String {
    if embedded {
        return NAME.to_owned();
    }
    let own = environment::text(WORKER).unwrap_or_else(|| NAME.to_owned());
    format!("{own} {}", hex::encode(rand::random::<[u8; 8]>()))
}

/// The queue that announces the objects of services elsewhere.
fn sqs_queue() -> Option<String> {
    environment::text(QUEUE_URL)
}

/// Clears away what is due, now and every hour.
async fn purge_expired(workflow: Workflow, shutdown: CancellationToken) {
    loop {
        match workflow.purge_deleted(Timestamp::now()).await {
            Ok(purged) => tracing::info!(purged, "purged deleted tasks whose grace period is over"),
            Err(error) => tracing::warn!(%error, "deleted tasks could not be purged"),
        }
        if shutdown.run_until_cancelled(tokio::time::sleep(HOUSEKEEPING)).await.is_none() {
            return;
        }
    }
}

/// The embedded queue as workers see queues.
struct InMemory(Queue);

impl MessageQueue for InMemory {
    async fn receive(&self, hidden_for: Duration) -> easel_worker::Result<Option<Received>> {
        let Ok(message) = tokio::time::timeout(WAITING, self.0.receive()).await else { return Ok(None) };
        let receipt = message.receipt_handle.to_string();
        self.hide(&receipt, hidden_for).await?;
        Ok(Some(Received { receipt, body: message.body, count: message.receive_count }))
    }

    async fn delete(&self, receipt: &str) -> easel_worker::Result<()> {
        if let Ok(receipt) = receipt.parse() {
            self.0.delete(receipt);
        }
        Ok(())
    }

    async fn hide(&self, receipt: &str, hidden_for: Duration) -> easel_worker::Result<()> {
        let failed = |error: String| easel_worker::Error::Failed(format!("hiding a message: {error}"));
        let receipt = receipt.parse().map_err(|error| failed(format!("{error}")))?;
        self.0.change_visibility(receipt, hidden_for).map_err(|error| failed(error.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_services_on_one_store_are_two_workers() {
        assert_eq!(name(true), name(true), "after a restart on its own folder, it goes on with what it had");
        assert_ne!(name(false), name(false));
    }
}
