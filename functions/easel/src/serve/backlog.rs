//! The queue is in memory: whatever waits while there is no message for it, gets one.

use std::time::{Duration, Instant};

use easel_domain::task::Status;
use easel_embedded::notification::{Creation, ObjectCreated};
use easel_embedded::queue::Queue;
use easel_storage::gallery::keys;
use easel_storage::store::Filter;
use easel_storage::uploads::Upload;
use easel_storage::workflow::Workflow;
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

const PAGE: usize = 100;
/// How often what waits is looked for where new objects announce themselves, and where they do not.
const LOOK_EVERY: Duration = Duration::from_secs(20);
const LOOK_OFTEN: Duration = Duration::from_secs(2);
/// How often everything that waits is counted again.
const RECONCILE_EVERY: Duration = Duration::from_secs(60);

/// What fills a queue.
#[derive(Debug, Clone)]
pub(super) struct Backlog {
    pub(super) workflow: Workflow,
    pub(super) queue: Queue,
    pub(super) region: String,
}

impl Backlog {
    /// Announces every task that was being drawn when the service stopped.
    pub(super) async fn enqueue_interrupted(&self) -> easel_storage::Result<()> {
        let filter = Filter { oldest_first: true, ..Filter::at(Status::InProgress) };
        let mut behind = None;
        loop {
            let page = self.workflow.store.list(&filter, PAGE, behind).await?;
            page.tasks.iter().for_each(|task| self.announce(keys::request(task.id)));
            behind = page.next;
            if behind.is_none() {
                return Ok(());
            }
        }
    }

    /// Makes tasks of the files that were dropped while the service was not there; those of the others are there already.
    /// New tasks do not wait for it.
    pub(super) async fn take_uploads(self, shutdown: CancellationToken) {
        let uploads = match self.workflow.gallery.keys(keys::UPLOADS).await {
            Ok(uploads) => uploads,
            Err(error) => return tracing::warn!(%error, "dropped files could not be looked for"),
        };
        for key in uploads {
            let taken = shutdown.run_until_cancelled(self.workflow.take_upload(&key, Timestamp::now())).await;
            match taken {
                None => return,
                Some(Ok(Upload::Task(_) | Upload::Nothing)) => {}
                Some(Ok(Upload::Incomplete { .. })) => self.announce(key),
                Some(Err(error)) => {
                    tracing::warn!(%error, key, "a dropped file could not be looked at");
                    self.announce(key);
                }
            }
        }
    }

    /// Looks for what waits until `shutdown`, wherever no message is left for it.
    pub(super) async fn watch(self, announces_objects: bool, shutdown: CancellationToken) {
        let every = if announces_objects { LOOK_EVERY } else { LOOK_OFTEN };
        let mut reconciled: Option<Instant> = None;
        loop {
            if self.queue.is_empty() {
                if reconciled.is_none_or(|reconciled| reconciled.elapsed() >= RECONCILE_EVERY) {
                    reconciled = Some(Instant::now());
                    if let Err(error) = self.workflow.reconcile(Timestamp::now()).await {
                        tracing::warn!(%error, "what waits could not be counted again");
                    }
                }
                if let Err(error) = self.enqueue_waiting().await {
                    tracing::warn!(%error, "what waits could not be looked for");
                }
            }
            if shutdown.run_until_cancelled(tokio::time::sleep(every)).await.is_none() {
                return;
            }
        }
    }

    /// Announces what waits and what no worker holds any more.
    async fn enqueue_waiting(&self) -> easel_storage::Result<()> {
        for task in self.workflow.store.stranded(Timestamp::now(), Duration::ZERO).await? {
            self.announce(keys::request(task.id));
        }
        for owner in self.workflow.store.owners().await?.iter().filter(|owner| owner.waiting > 0) {
            for waiting in self.workflow.store.tasks_waiting(&owner.name, None).await? {
                self.announce(keys::request(waiting.task));
            }
        }
        Ok(())
    }

    fn announce(&self, key: String) {
        let created = ObjectCreated {
            by: Creation::Put,
            bucket: self.workflow.gallery.bucket().to_owned(),
            key,
            size: 0,
            e_tag: String::new(),
            time: Timestamp::now(),
            sequencer: 0,
        };
        self.queue.send(created.to_event(&self.region).to_string());
    }
}
