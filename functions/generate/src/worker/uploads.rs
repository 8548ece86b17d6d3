//! Files that people and programs drop: each becomes a task.

mod identification;
mod reading;

use std::time::Duration;

use easel_core::gallery::{DrawRequest, ObjectFacts};
use easel_core::identity::Identity;
use easel_core::order::Reading;
use easel_core::task::{NewTask, Settings, Status, Task};
use jiff::Timestamp;
use uuid::Uuid;

pub(super) use identification::task_id;
use identification::{Kind, is_sidecar, kind, owner, pictures_beside, sidecars};

use super::drawing::LARGEST_FILE;
use super::trouble::Trouble;
use super::{Delivery, Outcome, Worker};

/// How soon a picture without a prompt is looked at again: its sidecar may be on the way.
const SIDECAR_WAIT: Duration = Duration::from_secs(3);

/// What a dropped file asks for.
enum Wish {
    /// This.
    Order(Box<Reading>),
    /// A picture without a prompt, so far.
    Incomplete,
    /// Nothing that anybody can do.
    Unusable(String),
}

impl Worker {
    /// Makes a task of the file under `key` and draws it. The same file always makes the same task.
    pub(super) async fn draw_upload(&self, key: &str, delivery: &Delivery) -> Result<Outcome, Trouble> {
        let Some((key, facts)) = self.subject(key).await? else { return Ok(Outcome::Done) };
        let id = task_id(&key, &facts);
        // A file is refused in two writes, and the worker may have died between them.
        if self.workflow.store.find(id).await?.is_none_or(|task| task.version == 1) {
            match self.wish(&key, &facts).await? {
                Wish::Order(reading) => self.make(id, &key, *reading).await?,
                Wish::Incomplete if delivery.count < self.options.deliveries => {
                    let reason = "the picture has no prompt yet".to_owned();
                    return Ok(Outcome::HandBack { after: SIDECAR_WAIT, reason });
                }
                Wish::Incomplete => {
                    let reason = format!(
                        "the picture has no prompt: upload it again with the prompt in its metadata \
                         (x-amz-meta-prompt), or upload {key}.json with {{\"prompt\": …}} first"
                    );
                    self.refuse_upload(id, &key, &reason).await?;
                }
                Wish::Unusable(reason) => self.refuse_upload(id, &key, &reason).await?,
            }
        }
        self.draw(DrawRequest { task: id, version: 1 }, delivery).await
    }

    /// The file that the task is about: a sidecar stands for its picture.
    pub(super) async fn subject(&self, key: &str) -> Result<Option<(String, ObjectFacts)>, Trouble> {
        if key.ends_with('/') {
            // A folder that some client made.
            return Ok(None);
        }
        let gallery = &self.workflow.gallery;
        for picture in pictures_beside(key) {
            if let Some(facts) = gallery.facts(&picture).await? {
                return Ok(Some((picture, facts)));
            }
        }
        if is_sidecar(key) {
            tracing::info!("the picture of this sidecar is not there yet");
            return Ok(None);
        }
        Ok(gallery.facts(key).await?.map(|facts| (key.to_owned(), facts)))
    }

    async fn wish(&self, key: &str, facts: &ObjectFacts) -> Result<Wish, Trouble> {
        if facts.length == 0 {
            return Ok(Wish::Unusable("the file is empty: upload it again".to_owned()));
        }
        if facts.length > LARGEST_FILE as u64 {
            let (length, limit) = (facts.length >> 20, LARGEST_FILE >> 20);
            return Ok(Wish::Unusable(format!("the file has {length} MiB, the limit is {limit}: make it smaller")));
        }
        let read = match kind(key) {
            Kind::Prompt => reading::prompt(&self.content(key).await?),
            Kind::Order => reading::order(&self.content(key).await?, owner(key)),
            Kind::Picture => match reading::metadata(&facts.metadata, key) {
                Some(read) => read,
                None => match self.sidecar(key).await? {
                    Some(bytes) => reading::sidecar(&bytes, key),
                    None => return Ok(Wish::Incomplete),
                },
            },
            Kind::Other => Err("nobody can draw from this file: upload .txt (a prompt), .json (a full request), or \
                                .png, .jpg, .jpeg or .webp with a prompt in its metadata"
                .to_owned()),
        };
        Ok(read.map_or_else(Wish::Unusable, |reading| Wish::Order(Box::new(reading))))
    }

    async fn content(&self, key: &str) -> Result<Vec<u8>, Trouble> {
        let object = self.workflow.gallery.read(key, LARGEST_FILE).await?;
        Ok(object.map(|object| object.bytes).unwrap_or_default())
    }

    async fn sidecar(&self, key: &str) -> Result<Option<Vec<u8>>, Trouble> {
        for sidecar in sidecars(key) {
            if let Some(object) = self.workflow.gallery.read(&sidecar, LARGEST_FILE).await? {
                return Ok(Some(object.bytes));
            }
        }
        Ok(None)
    }

    async fn make(&self, id: Uuid, key: &str, reading: Reading) -> Result<(), Trouble> {
        let Reading { settings, title, tags, metadata } = reading;
        let source = Some(key.to_owned());
        let new = NewTask { id, owner: owner(key).to_owned(), settings, title, tags, metadata, source };
        let (task, event) = Task::create(new, &Identity::worker("uploads"), Timestamp::now());
        // If it is there already, another delivery of the same message was first.
        let created = self.workflow.store.create(&task, &event, None).await?;
        tracing::info!(task = %id, ?created, "a task from a dropped file");
        Ok(())
    }

    /// Makes a task that says why there is nothing to draw.
    pub(super) async fn refuse_upload(&self, id: Uuid, key: &str, reason: &str) -> Result<(), Trouble> {
        let name = key.rsplit('/').next().unwrap_or(key).to_owned();
        let settings = Settings { prompt: name, count: 1, ..Settings::default() };
        let reading =
            Reading { settings, title: None, tags: Vec::new(), metadata: std::collections::BTreeMap::default() };
        self.make(id, key, reading).await?;
        let task = self.workflow.store.task(id).await?;
        if task.version == 1 && task.status == Status::Pending {
            self.fail(&task, reason).await?;
        }
        Ok(())
    }
}
