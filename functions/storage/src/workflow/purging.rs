//! Removing tasks for good: those whose grace period is over, and all of one person.
//!
//! What goes is everything that was kept for the task and everything that people wrote: images, files, rows, and what the
//! events of its history brought. What stays is who did what to the task, and when.

use std::time::{Duration, Instant};

use easel_domain::Error::NotFound;
use easel_domain::identity::{Identity, Role};
use easel_domain::task::{Attempt, Change, Deletion, Move, Status, Task};
use jiff::Timestamp;
use uuid::Uuid;

use super::Workflow;
use crate::error::{Error, Result};
use crate::gallery::keys;
use crate::store::Filter;

/// How many tasks are looked at in one read.
const AT_ONCE: usize = 50;
/// For how long a call purges: less than the longest call of a function on Lambda.
const PURGES_FOR: Duration = Duration::from_secs(600);
/// For how long a call erases: less than a gateway waits for an answer.
const ERASES_FOR: Duration = Duration::from_secs(15);

/// How far a person's tasks are erased.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Erasure {
    /// How many tasks this call erased.
    pub erased: usize,
    /// How many are still held by a worker, for a minute or so.
    pub held: usize,
    /// Whether this call ran out of time before it came to the last task.
    pub is_cut: bool,
}

impl Workflow {
    /// Removes the tasks whose grace period is over, oldest first, with all that was kept for them and all that was written
    /// in them but who did what and when; and public copies that are part of no publication. A task that cannot be removed
    /// stands in no other's way. What fails, and what is left when the time of one call is over, the next call removes.
    ///
    /// # Errors
    /// Returns the first failure, once everything else is done.
    pub async fn purge_deleted(&self, now: Timestamp) -> Result<usize> {
        let ends = Instant::now() + PURGES_FOR;
        let filter = Filter { oldest_first: true, ..Filter::at(Status::Deleted) };
        let (mut purged, mut failed, mut behind) = (0, Vec::new(), None);
        loop {
            let page = self.store.list(&filter, AT_ONCE, behind).await?;
            let is_due = |task: &&Task| task.deletion.as_ref().is_some_and(|deletion| deletion.after <= now);
            for task in page.tasks.iter().filter(is_due) {
                if Instant::now() > ends {
                    tracing::warn!(purged, "the rest is purged next time");
                    return failed.into_iter().next().map_or(Ok(purged), Err);
                }
                match self.purge(task.id, Some(now)).await {
                    Ok(true) => purged += 1,
                    Ok(false) => {}
                    Err(error) => {
                        tracing::error!(task = %task.id, %error, "a deleted task cannot be purged");
                        failed.push(error);
                    }
                }
            }
            behind = page.next;
            if behind.is_none() {
                break;
            }
        }
        match self.withdraw_orphans(now).await {
            Ok(0) => {}
            Ok(withdrawn) => tracing::warn!(withdrawn, "public copies were part of no publication"),
            Err(error) => failed.push(error),
        }
        failed.into_iter().next().map_or(Ok(purged), Err)
    }

    /// Deletes and removes every task of a person at once, with what they uploaded, and what they wrote on tasks of others. One call has limited time: whoever
    /// calls again until nothing is held or cut off has erased everything.
    ///
    /// # Errors
    /// Returns [`Forbidden`](easel_domain::Error::Forbidden) if `by` is no admin, [`Error::Unavailable`] if
    /// a service fails. What is erased by then stays erased.
    pub async fn erase(&self, owner: &str, by: &Identity) -> Result<Erasure> {
        by.has_role(Role::Admin).map_err(easel_domain::Error::from)?;
        let ends = Instant::now() + ERASES_FOR;
        let mut erasure = Erasure::default();
        // Those that are deleted come first, so that none is met twice.
        for statuses in [vec![Status::Deleted], Vec::new()] {
            let filter = Filter { statuses, owner: Some(owner.to_owned()), oldest_first: true, ..Filter::default() };
            let mut behind = None;
            loop {
                let page = self.store.list(&filter, AT_ONCE, behind).await?;
                for task in &page.tasks {
                    if Instant::now() > ends {
                        return Ok(Erasure { is_cut: true, ..erasure });
                    }
                    match self.erase_task(task.id, by).await {
                        Ok(true) => erasure.erased += 1,
                        Ok(false) => erasure.held += 1,
                        // The index is a moment behind the table.
                        Err(Error::Domain(NotFound(_))) => {}
                        Err(error) => return Err(error),
                    }
                }
                behind = page.next;
                if behind.is_none() {
                    break;
                }
            }
        }
        if !self.store.erase_comments_of(owner).await? {
            return Ok(Erasure { is_cut: true, ..erasure });
        }
        if erasure.held == 0 {
            self.store.clear_shelves(owner).await?;
            self.store.forget_priorities(owner).await?;
            self.store.forget_names(owner).await?;
            for prefix in [keys::uploads_of(owner), keys::inputs_of(owner)] {
                self.gallery.remove_many(self.gallery.keys(&prefix).await?).await?;
            }
        }
        Ok(erasure)
    }

    /// Deletes and removes a task; `false` if a worker still holds it, which may still write images.
    async fn erase_task(&self, id: Uuid, by: &Identity) -> Result<bool> {
        // A task that is being removed for good already is found by its row alone.
        if self.store.find(id).await?.is_some_and(|task| task.status != Status::Deleted) {
            let now = Timestamp::now();
            match self.move_task(id, Move::Delete, by, None, |_| Ok(Change::Delete { after: now })).await {
                // Somebody else has just deleted it.
                Ok(_) | Err(Error::Domain(easel_domain::Error::Illegal { .. })) => {}
                Err(error) => return Err(error),
            }
        }
        let (task, progress) = self.store.task_and_progress(id).await?;
        let Attempt { claim, images, failure, .. } = &task.attempt;
        let fence = claim.as_ref().map_or(0, |claim| claim.fence);
        // Once there are images or a failure, the worker is done with the attempt, whatever its lease says.
        let is_drawn = !images.is_empty() || failure.is_some();
        if !is_drawn && progress.is_some_and(|progress| progress.holds(fence, Timestamp::now())) {
            return Ok(false);
        }
        // Whoever restored it at this moment has made it a task to be deleted again.
        self.purge(id, None).await
    }

    /// Removes a deleted task for good, if its grace period is over at `due`, where that is waited for; `false` if it was
    /// restored. The task's row goes last, so that whoever is interrupted begins again.
    async fn purge(&self, id: Uuid, due: Option<Timestamp>) -> Result<bool> {
        let task = match self.store.task_and_progress(id).await {
            Ok((task, _)) => task,
            Err(Error::Domain(NotFound(_))) => return Ok(true),
            Err(error) => return Err(error),
        };
        // The list is a moment old: the task may have been restored, and deleted anew, since.
        let is_due = |deletion: &Deletion| due.is_none_or(|due| deletion.after <= due);
        let goes = task.status == Status::Deleted && task.deletion.as_ref().is_none_or(is_due);
        if !goes || !self.store.let_go(&task).await? {
            return Ok(false);
        }
        self.gallery.remove_all(&task).await?;
        self.release_files(&task).await?;
        self.store.remove_comments(&task).await?;
        self.store.erase_history(id).await?;
        self.store.remove(&task).await?;
        Ok(true)
    }

    /// Removes the files that the task was made from, as far as no other task needs them.
    async fn release_files(&self, task: &Task) -> Result<()> {
        if let Some(source) = &task.source {
            self.remove_source(source, task.id).await?;
        }
        let mut files: Vec<_> = task.attempts().flat_map(|attempt| attempt.settings.image_keys()).collect();
        files.sort_unstable();
        files.dedup();
        for key in files {
            let is_last = self.store.release(key, task.id).await?;
            // Files from before owners had folders are named by tasks that nobody counted: their age removes them.
            let is_counted = key.starts_with(keys::INPUTS) && key.matches('/').count() > 1;
            if is_last && is_counted {
                self.gallery.remove(key).await?;
            }
        }
        Ok(())
    }

    /// Removes the dropped file that the task was made from, and what was beside it. The task's id has the time at which
    /// the file was written: a later file under the same name made another task, and is left to that.
    async fn remove_source(&self, source: &str, task: Uuid) -> Result<()> {
        let made = task.get_timestamp().map(|time| time.to_unix().0);
        let Some(facts) = self.gallery.facts(source).await? else { return Ok(()) };
        if u64::try_from(facts.modified).ok() != made {
            return Ok(());
        }
        // Without its image, a file that was beside it would be taken for a request of its own.
        if keys::is_dropped_image(source) {
            self.gallery.remove_many(keys::sidecars(source).to_vec()).await?;
        }
        self.gallery.remove(source).await
    }
}
