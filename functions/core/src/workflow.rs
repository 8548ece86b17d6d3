//! Moving tasks: the store and the gallery together.

use std::time::Duration;

use jiff::Timestamp;
use uuid::Uuid;

use crate::error::{Error, Result, WrongField};
use crate::gallery::{DrawRequest, Gallery, keys};
use crate::identity::Identity;
use crate::order::Reading;
use crate::store::{Created, Filter, IdempotencyKey, Saved, Store};
use crate::task::{Change, Move, NewTask, Publication, Status, Task};

/// How often a move is tried again when others move the same task at the same time.
const TRIES: u32 = 12;
/// How many deleted tasks are looked at in one read.
const PURGED_AT_ONCE: usize = 50;

/// Everything that can be done with tasks.
#[derive(Debug, Clone)]
pub struct Workflow {
    /// Where tasks are.
    pub store: Store,
    /// Where pictures are.
    pub gallery: Gallery,
}

impl Workflow {
    /// Makes a task and asks the workers to draw it.
    ///
    /// # Errors
    /// [`Error::Invalid`] if the init image is not there, [`Error::KeyReused`], the services'.
    pub async fn create(&self, reading: Reading, by: &Identity, key: Option<&IdempotencyKey>) -> Result<Task> {
        if let Some(key) = key {
            match self.store.made_before(key).await? {
                Some(Created::Before(task)) => return Ok(*task),
                Some(Created::KeyReused) => return Err(Error::KeyReused),
                _ => {}
            }
        }
        self.check_init_image(reading.settings.init_image.as_deref()).await?;
        let new = NewTask {
            id: Uuid::now_v7(),
            owner: by.name.clone(),
            settings: reading.settings,
            title: reading.title,
            tags: reading.tags,
            metadata: reading.metadata,
            source: None,
        };
        let (task, event) = Task::create(new, by, Timestamp::now());
        self.gallery.request_drawing(DrawRequest { task: task.id, version: task.version }).await?;
        let created = self.store.create(&task, &event, key).await?;
        if created != Created::New {
            // Another call with the same key was first; this request is for a task that will never be.
            self.gallery.remove(&keys::request(task.id)).await?;
        }
        match created {
            Created::New => Ok(task),
            Created::Before(task) => Ok(*task),
            Created::KeyReused => Err(Error::KeyReused),
            Created::Exists => Err(Error::Internal(format!("the fresh id {} was taken", task.id))),
        }
    }

    /// Makes a move on a task: `change` is asked for the change each time the task is read.
    ///
    /// # Errors
    /// Those of [`Identity::may_make`] and [`Task::after`], [`Error::Stale`], the services'.
    pub async fn make<F>(&self, id: Uuid, step: Move, by: &Identity, expected: Option<u64>, change: F) -> Result<Task>
    where
        F: Fn(&Task) -> Change,
    {
        for attempt in 0..TRIES {
            let task = self.store.task(id).await?;
            by.may_make(step, &task)?;
            if let Some(version) = expected.filter(|version| *version != task.version) {
                return Err(Error::Stale { current: task.version, seen: format!("\"{version}\"") });
            }
            if step == Move::Publish && task.status == Status::Published {
                return Ok(task);
            }
            if task.status.after(step).is_none() {
                return Err(Error::Illegal { status: task.status, step });
            }
            let (moved, event) = task.after(change(&task), by, Timestamp::now())?;
            if moved.status == Status::Pending {
                self.gallery.request_drawing(DrawRequest { task: id, version: moved.version }).await?;
            }
            if step == Move::Approve {
                self.keep_pictures(&task).await?;
            }
            if step == Move::Publish {
                self.copy_to_published(&task).await?;
            }
            if self.store.save(&moved, &event).await? == Saved::Done {
                return Ok(moved);
            }
            let wait = rand::random_range(5..=20 * u64::from(attempt + 1));
            tokio::time::sleep(Duration::from_millis(wait)).await;
        }
        Err(Error::Unavailable { service: "the task", detail: format!("{TRIES} tries met other changes") })
    }

    /// What publishing the task's pictures makes of it.
    #[must_use]
    pub fn publication(task: &Task, by: &Identity) -> Publication {
        let keys = task.attempt.pictures.iter().map(|picture| keys::published(task.id, picture.index));
        Publication { by: by.name.clone(), at: Timestamp::now(), keys: keys.collect() }
    }

    /// Before the move: an approved task's pictures never go as those do that nobody approved.
    async fn keep_pictures(&self, task: &Task) -> Result<()> {
        for picture in &task.attempt.pictures {
            self.gallery.mark_approved(&picture.key).await?;
            self.gallery.mark_approved(&picture.thumbnail_key).await?;
        }
        Ok(())
    }

    /// Copies come before the move: a published task always has its public pictures.
    async fn copy_to_published(&self, task: &Task) -> Result<()> {
        for picture in &task.attempt.pictures {
            self.gallery.copy(&picture.key, &keys::published(task.id, picture.index)).await?;
        }
        Ok(())
    }

    /// Whether a picture to start from is where the settings say.
    ///
    /// # Errors
    /// [`Error::Invalid`] if not, S3's.
    pub async fn check_init_image(&self, key: Option<&str>) -> Result<()> {
        let Some(key) = key else { return Ok(()) };
        let refuse = |message: String| Err(Error::Invalid(vec![WrongField::new("init_image", message)]));
        if !key.starts_with(keys::INPUTS) {
            return refuse(format!("`{key}` is not the key of an upload: `POST /v1/uploads` gives one"));
        }
        if self.gallery.facts(key).await?.is_none() {
            return refuse(format!("nothing has been uploaded as `{key}` yet"));
        }
        Ok(())
    }

    /// Removes the tasks whose grace period is over, with all that was kept for them but their history. Whatever
    /// fails is tried again by the next call.
    ///
    /// # Errors
    /// The services'.
    pub async fn purge_deleted(&self, now: Timestamp) -> Result<usize> {
        let filter = Filter { status: Some(Status::Deleted), ..Filter::default() };
        let (mut purged, mut below) = (0, None);
        loop {
            let page = self.store.list(&filter, PURGED_AT_ONCE, below).await?;
            for task in page.tasks {
                if task.deletion.as_ref().is_some_and(|deletion| deletion.after <= now) {
                    self.gallery.remove_all(&task).await?;
                    self.store.remove(&task).await?;
                    purged += 1;
                }
            }
            below = page.next;
            if below.is_none() {
                return Ok(purged);
            }
        }
    }
}
