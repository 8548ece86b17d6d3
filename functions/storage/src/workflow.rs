//! Moving tasks: the store and the gallery together.

mod publishing;
mod purging;
mod queueing;
mod starting;

use std::time::Duration;

use backon::{ExponentialBuilder, Retryable};
use easel_domain::identity::Identity;
use easel_domain::task::{Change, Event, Move, NewTask, Settings, Status, Task};
use easel_domain::{self as domain, TaskRequest};
use jiff::Timestamp;
use uuid::Uuid;

pub use purging::Erasure;

use crate::error::{Error, Result};
use crate::gallery::{DrawRequest, Gallery, keys};
use crate::offers::{Offers, names_offers};
use crate::store::{Created, IdempotencyKey, Saved, Store};

/// How often a move is tried again when others move the same task at the same time, and the shortest and longest pauses.
const RETRIES: usize = 11;
const FIRST_WAIT: Duration = Duration::from_millis(5);
const LAST_WAIT: Duration = Duration::from_millis(120);

/// A task that was asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct Made {
    /// The task, as it was made.
    pub task: Task,
    /// Whether an earlier request with the same idempotency key made it.
    pub is_replay: bool,
}

/// Everything that can be done with tasks.
#[derive(Debug, Clone)]
pub struct Workflow {
    /// Where tasks are.
    pub store: Store,
    /// Where images are.
    pub gallery: Gallery,
}

impl Workflow {
    /// Makes a task and asks the workers to draw it.
    ///
    /// # Errors
    /// Returns [`Invalid`](domain::Error::Invalid) if an image is not there or nobody offers what is named,
    /// [`KeyReused`](domain::Error::KeyReused) if the key came with another request before, [`TooMany`](domain::Error::TooMany) if the owner has too much waiting,
    /// [`Error::Unavailable`] if a service fails.
    pub async fn create(&self, request: TaskRequest, by: &Identity, key: Option<&IdempotencyKey>) -> Result<Made> {
        if let Some(key) = key {
            match self.store.made_before(key).await? {
                Some(Created::Before(task)) => return Ok(Made { task: *task, is_replay: true }),
                Some(Created::KeyReused) => return Err(domain::Error::KeyReused.into()),
                _ => {}
            }
        }
        self.check_work(&request.settings)?;
        self.check_offers(&request.settings).await?;
        let mut settings = request.settings;
        let copies = self.take_images(&mut settings, by, &[&by.name], &[]).await?;
        self.copy_images(&copies).await?;
        let new = NewTask {
            id: Uuid::now_v7(),
            owner: by.name.clone(),
            settings,
            approvals_needed: self.store.approvals_needed().for_tags(&request.labels.tags),
            labels: request.labels,
            source: None,
        };
        let (task, event) = Task::create(new, by, Timestamp::now());
        self.gallery.request_drawing(DrawRequest { task: task.id, version: task.version }).await?;
        let created = match self.store.create(&task, &event, key).await {
            // Nobody else has this id: an earlier try was written, and its answer was lost on the way.
            Ok(Created::Exists) => Ok(Created::New),
            Ok(Created::Before(before)) if before.id == task.id => Ok(Created::New),
            created => created,
        };
        if !matches!(created, Ok(Created::New) | Err(Error::Unavailable { .. })) {
            // This request is for a task that will never be.
            self.gallery.remove(&keys::request(task.id)).await?;
        }
        match created? {
            Created::New | Created::Exists => Ok(Made { task, is_replay: false }),
            Created::Before(task) => Ok(Made { task: *task, is_replay: true }),
            Created::KeyReused => Err(domain::Error::KeyReused.into()),
        }
    }

    /// Makes a move on a task. `change` gives the change of the task as it was just read; it is asked again each time that
    /// others changed the task meanwhile. `expected` is the version that the task has to be at, if any.
    ///
    /// # Errors
    /// In this order: whatever [`Identity::may_make`] and `change` return, [`Invalid`](domain::Error::Invalid) if a new
    /// image is not there, [`Stale`](domain::Error::Stale), whatever [`Task::after`] returns. [`Error::Contended`] if others
    /// were faster each time, [`Error::Unavailable`] if a service fails.
    pub async fn move_task<F>(
        &self,
        id: Uuid,
        action: Move,
        by: &Identity,
        expected: Option<u64>,
        change: F,
    ) -> Result<Task>
    where
        F: Fn(&Task) -> domain::Result<Change>,
    {
        let backoff = ExponentialBuilder::default()
            .with_min_delay(FIRST_WAIT)
            .with_max_delay(LAST_WAIT)
            .with_jitter()
            .with_max_times(RETRIES);
        let attempt = || self.try_move(id, action, by, expected, &change);
        attempt.retry(backoff).when(|error| matches!(error, Error::Contended)).await
    }

    /// Makes a move on a task, unless somebody else is faster.
    async fn try_move<F>(
        &self,
        id: Uuid,
        action: Move,
        by: &Identity,
        expected: Option<u64>,
        change: &F,
    ) -> Result<Task>
    where
        F: Fn(&Task) -> domain::Result<Change>,
    {
        let task = self.store.task(id).await?;
        by.may_make(action, &task)?;
        let (mut change, mut copies) = (change(&task)?, Vec::new());
        if let Change::Retry { settings } = &mut change {
            self.check_work(settings)?;
            self.check_offers(settings).await?;
            let before = task.attempt.settings.image_keys();
            copies = self.take_images(settings, by, &[&by.name, &task.owner], &before).await?;
        }
        if let Some(seen) = expected.filter(|version| *version != task.version) {
            return Err(domain::Error::Stale { current: task.version, seen }.into());
        }
        if action == Move::Publish && task.status == Status::Published {
            return Ok(task);
        }
        if let Change::Relabel { title, tags, approvals_needed } = &mut change {
            if (&*title, &*tags) == (&task.title, &task.tags) {
                return Ok(task);
            }
            let needed = self.store.approvals_needed().for_tags(tags);
            *approvals_needed = if needed > task.attempt.approvals_needed { needed } else { 0 };
        }
        let (moved, event) = task.after(change, by, Timestamp::now())?;
        self.copy_images(&copies).await?;
        if moved.status == Status::Pending && action != Move::Relabel {
            self.gallery.request_drawing(DrawRequest { task: id, version: moved.version }).await?;
        }
        if action == Move::Approve {
            self.keep_images(&task).await?;
        }
        if let (Move::Publish, Some(publication)) = (action, &moved.publication) {
            self.copy_to_published(&task, publication).await?;
        }
        if task.status == Status::Published && action != Move::Relabel {
            self.withdraw(&task).await?;
        }
        let saved = self.save(&moved, &event).await;
        // Whatever became of the move, copies may be left over: this one's, if others were faster, or those of a publication
        // that was given up before a deletion.
        if action == Move::Publish && saved.is_err() || action == Move::Delete && task.status == Status::Approved {
            self.remove_dead_copies(id)
                .await
                .unwrap_or_else(|error| tracing::warn!(task = %id, %error, "copies are left over"));
        }
        saved.map(|()| moved)
    }

    async fn save(&self, moved: &Task, event: &Event) -> Result<()> {
        match self.store.save(moved, event).await? {
            Saved::Done => Ok(()),
            Saved::Stale => Err(Error::Contended),
        }
    }

    /// Before the move: an approved task's images never go as those do that nobody approved.
    async fn keep_images(&self, task: &Task) -> Result<()> {
        for image in &task.attempt.images {
            self.gallery.mark_approved(&image.key).await?;
            self.gallery.mark_approved(&image.thumbnail_key).await?;
        }
        Ok(())
    }

    /// Whether the task request is small enough.
    fn check_work(&self, settings: &Settings) -> Result<()> {
        self.store.limits().check(settings).map_err(|error| domain::Error::Invalid(vec![error]).into())
    }

    /// Whether what settings name is offered, as far as that is known. What is not offered at its turn fails then.
    ///
    /// # Errors
    /// Returns [`Invalid`](domain::Error::Invalid) with every name that nobody offers, [`Error::Unavailable`] if DynamoDB
    /// fails.
    pub async fn check_offers(&self, settings: &Settings) -> Result<()> {
        if !names_offers(settings) {
            return Ok(());
        }
        let now = Timestamp::now();
        let offers = Offers::of(&self.store.offers().await?, now);
        offers.check(settings).map_err(|errors| domain::Error::Invalid(errors).into())
    }
}
