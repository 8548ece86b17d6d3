//! Public copies: which of them belong to a publication, and how the others go.
//!
//! A publication that makes a task's version `n` has copies under `published/{task}/{n}-…`, and no other move ever writes
//! there. Each version of a task is made by one move. So once the task is at version `n` or later, a copy of version `n` is
//! either part of the current publication or will never be part of any: whoever finds it may remove it, at any time. Only
//! the copies of the next version are undecided: their move is being made at this moment, or was given up between the
//! copies and the move.

use std::collections::HashMap;

use easel_domain::identity::Identity;
use easel_domain::task::{Publication, Status, Task};
use jiff::{SignedDuration, Timestamp};
use tokio::task::JoinSet;
use uuid::Uuid;

use super::Workflow;
use crate::error::{Error, Result};
use crate::gallery::{PublicCopy, keys};

/// How old the copies of a move that was never made become: longer than any call takes.
const UNDECIDED_FOR: SignedDuration = SignedDuration::from_hours(1);
/// How many tasks are read at the same time.
const READ_AT_ONCE: usize = 16;

impl Workflow {
    /// What publishing the task's approved images makes of it.
    #[must_use]
    pub fn publication(task: &Task, by: &Identity) -> Publication {
        let keys = task.approved_images().map(|image| keys::published(task.id, task.version + 1, image.index));
        Publication { by: by.name.clone(), at: Timestamp::now(), keys: keys.collect() }
    }

    /// Copies come before the move: a published task always has its public images.
    pub(super) async fn copy_to_published(&self, task: &Task, publication: &Publication) -> Result<()> {
        for (image, key) in task.approved_images().zip(&publication.keys) {
            self.gallery.copy(&image.key, key).await?;
        }
        Ok(())
    }

    /// Before the move: nobody is told that images are no longer public while they still are.
    pub(super) async fn withdraw(&self, task: &Task) -> Result<()> {
        let copies = self.gallery.public_copies(task.id).await?;
        let made = copies.into_iter().filter(|copy| copy.version <= task.version);
        self.gallery.remove_many(made.map(|copy| copy.key).collect()).await
    }

    /// Removes the copies that are part of no publication, such as those of a publication that another move was faster than.
    pub(super) async fn remove_dead_copies(&self, id: Uuid) -> Result<()> {
        let task = self.store.find(id).await?;
        let copies = self.gallery.public_copies(id).await?;
        let dead = copies.into_iter().filter(|copy| is_dead(task.as_ref(), copy));
        self.gallery.remove_many(dead.map(|copy| copy.key).collect()).await
    }

    /// Removes every copy that is part of no publication, which moves leave behind that were interrupted; how many these
    /// were.
    ///
    /// # Errors
    /// Returns [`Unavailable`](crate::Error::Unavailable) if a service fails.
    pub async fn withdraw_orphans(&self, now: Timestamp) -> Result<usize> {
        let (mut withdrawn, mut behind) = (0, None);
        loop {
            let page = self.gallery.all_public_copies(behind).await?;
            let orphans = self.orphans(page.copies, now).await?;
            withdrawn += orphans.len();
            self.gallery.remove_many(orphans).await?;
            behind = page.next;
            if behind.is_none() {
                return Ok(withdrawn);
            }
        }
    }

    /// The keys of those copies that are part of no publication.
    async fn orphans(&self, copies: Vec<PublicCopy>, now: Timestamp) -> Result<Vec<String>> {
        let mut ids: Vec<_> = copies.iter().map(|copy| copy.task).collect();
        ids.dedup();
        let mut tasks = HashMap::new();
        for ids in ids.chunks(READ_AT_ONCE) {
            let mut reads = JoinSet::new();
            for id in ids.iter().copied() {
                let store = self.store.clone();
                reads.spawn(async move { (id, store.find(id).await) });
            }
            while let Some(read) = reads.join_next().await {
                let (id, task) = read.map_err(|error| Error::Internal(error.to_string()))?;
                tasks.insert(id, task?);
            }
        }
        let is_orphan = |copy: &PublicCopy| {
            let task = tasks.get(&copy.task).and_then(Option::as_ref);
            let given_up = |task: &Task| copy.version > task.version && copy.written + UNDECIDED_FOR < now;
            is_dead(task, copy) || task.is_some_and(given_up)
        };
        Ok(copies.into_iter().filter(is_orphan).map(|copy| copy.key).collect())
    }
}

/// Whether the copy is part of no publication of the task, and never will be.
fn is_dead(task: Option<&Task>, copy: &PublicCopy) -> bool {
    let Some(task) = task else { return true };
    let publication = task.publication.as_ref().filter(|_| task.status == Status::Published);
    copy.version <= task.version && !publication.is_some_and(|publication| publication.keys.contains(&copy.key))
}
