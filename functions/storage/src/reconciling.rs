//! No task is forgotten: what waits without a message that sets it going is asked for again.
//!
//! Messages are permits to draw whatever is next, so that one too many does no harm and one too few makes everybody wait.

use std::collections::HashSet;
use std::time::Duration;

use easel_domain::task::{Status, Task};
use easel_telemetry::{Metrics, Unit};
use jiff::Timestamp;
use uuid::Uuid;

use crate::error::Result;
use crate::gallery::{DrawRequest, keys};
use crate::message::Message;
use crate::store::Filter;
use crate::uploads::Upload;
use crate::workflow::Workflow;

/// How long a task waits before it is asked for again.
const WAITED_MS: i64 = 5 * 60 * 1000;
/// How long a lease is over before its task is asked for again.
const STRANDED: Duration = Duration::from_secs(60);
/// How many tasks are asked for again at once: where workers take tasks, their messages are there, and few of them can
/// be missing.
const WHERE_TASKS_ARE_TAKEN: usize = 10;
const WHERE_NOTHING_IS_TAKEN: usize = 200;
/// How many waiting tasks are looked at in one go.
const LOOKED_AT: usize = 200;

/// What a reconciliation found and did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reconciliation {
    /// How long the task that waits longest has been waiting.
    pub oldest: Duration,
    /// How many tasks were asked for again.
    pub requested: usize,
}

impl Workflow {
    /// Asks again for what has waited for minutes and for what no worker holds any more, counts again what owners have
    /// waiting, and says how long the oldest has been waiting. Calls may overlap.
    ///
    /// # Errors
    /// Returns [`Error::Unavailable`](crate::Error::Unavailable) if a service fails; the next call does the rest.
    pub async fn reconcile(&self, now: Timestamp) -> Result<Reconciliation> {
        let (mut waiting, mut noted, mut taken) = (Vec::new(), HashSet::new(), false);
        for owner in self.store.owners().await? {
            let tasks = self.store.tasks_waiting(&owner.name, None).await?;
            self.store.count_waiting(&owner, &tasks, now).await?;
            noted.extend(tasks.iter().map(|waiting| waiting.task));
            waiting.extend(tasks.into_iter().map(|waiting| (waiting.since, waiting.task)));
            taken |= owner.served > now.as_millisecond() - WAITED_MS;
        }
        waiting.extend(self.note_forgotten(&noted).await?);
        waiting.sort_unstable();
        let stranded = self.store.stranded(now, STRANDED).await?;
        let oldest = waiting.iter().map(|(since, _)| *since);
        let oldest = oldest.chain(stranded.iter().map(|task| task.updated_at.as_millisecond())).min();
        let oldest = oldest.map_or(0, |since| now.as_millisecond().saturating_sub(since));
        let overdue = waiting.into_iter().filter(|(since, _)| now.as_millisecond() - since >= WAITED_MS);
        let is_paused = self.store.queue().await?.is_paused();
        let most = if is_paused {
            0
        } else if taken {
            WHERE_TASKS_ARE_TAKEN
        } else {
            WHERE_NOTHING_IS_TAKEN
        };
        let due = stranded.into_iter().map(|task| task.id).chain(overdue.map(|(_, task)| task).take(most));
        let mut requested = 0;
        for task in due {
            // Whichever version it is at: a request is no more than a hint.
            self.gallery.request_drawing(DrawRequest { task, version: 1 }).await?;
            tracing::info!(%task, "asked again for a task that waits");
            requested += 1;
        }
        let oldest = Duration::from_millis(u64::try_from(oldest).unwrap_or_default());
        Metrics::new()
            .value("OldestWaiting", Unit::Seconds, oldest.as_secs_f64())
            .value("Reconciled", Unit::Count, requested as f64)
            .emit();
        Ok(Reconciliation { oldest, requested })
    }

    /// Notes down the tasks that wait without a row that says so, of the oldest that wait; since when they do.
    async fn note_forgotten(&self, noted: &HashSet<Uuid>) -> Result<Vec<(i64, Uuid)>> {
        let filter = Filter { oldest_first: true, ..Filter::at(Status::Pending) };
        let page = self.store.list(&filter, LOOKED_AT, None).await?;
        let mut forgotten = Vec::new();
        for task in page.tasks.iter().filter(|task| !noted.contains(&task.id)) {
            self.store.note_waiting(task).await?;
            forgotten.push((task.updated_at.as_millisecond(), task.id));
        }
        Ok(forgotten)
    }

    /// Looks after a message that its queue has given up. How often a message came says nothing about its tasks: one that
    /// waits is asked for again, one that a worker holds is left to it, and a dropped file becomes the task that it asks
    /// for. A message that cannot be read asks for nothing.
    ///
    /// # Errors
    /// Returns [`Error::Unavailable`](crate::Error::Unavailable) if a service fails: the message has to come again.
    pub async fn take_up_again(&self, body: &str, now: Timestamp) -> Result<()> {
        let created = match Message::read(body) {
            Ok(Message::Created(created)) => created,
            Ok(Message::Removed(_) | Message::Test) => return Ok(()),
            Err(reason) => {
                tracing::error!(reason, body, "a message that was given up cannot be read");
                return Ok(());
            }
        };
        for key in created {
            let task = if key.starts_with(keys::UPLOADS) {
                match self.take_upload(&key, now).await? {
                    Upload::Task(id) => Some(id),
                    Upload::Nothing => None,
                    Upload::Incomplete { again } => {
                        let look_again = now + jiff::SignedDuration::try_from(again).unwrap_or_default();
                        match self.take_upload(&key, look_again).await? {
                            Upload::Task(id) => Some(id),
                            Upload::Nothing | Upload::Incomplete { .. } => None,
                        }
                    }
                }
            } else {
                keys::requested(&key)
            };
            if let Some(id) = task {
                self.ask_again(id, now).await?;
            }
        }
        Ok(())
    }

    /// Asks again for a task that waits or that no worker holds any more.
    async fn ask_again(&self, id: Uuid, now: Timestamp) -> Result<()> {
        let Some(task) = self.store.find(id).await? else { return Ok(()) };
        let waits = match task.status {
            Status::Pending => true,
            Status::InProgress => self.is_free(&task, now).await?,
            _ => false,
        };
        if waits {
            tracing::info!(task = %id, "its message was given up: asking for it again");
            self.gallery.request_drawing(DrawRequest { task: id, version: task.version }).await?;
        }
        Ok(())
    }

    /// Whether no worker holds the task, which is in progress.
    async fn is_free(&self, task: &Task, now: Timestamp) -> Result<bool> {
        Ok(self.store.lease_left(task.id, now).await?.is_none())
    }
}
