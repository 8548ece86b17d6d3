//! Files dropped into the bucket: each becomes a task.

mod naming;
mod reading;

use std::time::Duration;

use easel_domain::identity::Identity;
use easel_domain::task::{NewTask, Settings, Status, Task};
use easel_domain::{Labels, TaskRequest};
use easel_storage::gallery::{DrawRequest, ObjectFacts};
use jiff::Timestamp;
use uuid::Uuid;

pub(super) use naming::task_id;
use naming::{UploadKind, images_beside, is_sidecar, kind, owner, sidecars};

use super::generating::LARGEST_FILE;
use super::generation_error::GenerationError;
use super::{Delivery, DeliveryOutcome, Worker};

/// How soon an image without a prompt is checked again: its sidecar may follow.
const SIDECAR_WAIT: Duration = Duration::from_secs(3);

/// Most bytes of a file that is read as words: as many as a request to the API may have.
const MAX_WORDS: usize = 64 * 1024;

/// The request in a dropped file.
enum UploadedRequest {
    /// A complete request.
    Complete(Box<TaskRequest>),
    /// An image without a prompt, so far.
    Incomplete,
    /// Nothing that can be generated, for this reason.
    Unusable(String),
}

impl Worker {
    /// Creates a task for the file under `key` and generates it. The same file always gives the same task.
    pub(super) async fn generate_upload(
        &self,
        key: &str,
        delivery: &Delivery,
    ) -> Result<DeliveryOutcome, GenerationError> {
        let Some((key, facts)) = self.subject(key).await? else { return Ok(DeliveryOutcome::Done) };
        let id = task_id(&key, &facts);
        // Refusing a file takes two writes, and a worker may have died between them.
        if self.workflow.store.find(id).await?.is_none_or(|task| task.version == 1) {
            match self.read_upload(&key, &facts).await? {
                UploadedRequest::Complete(request) => self.create_task(id, &key, *request).await?,
                UploadedRequest::Incomplete if delivery.count < self.options.deliveries => {
                    let reason = "the image has no prompt yet".to_owned();
                    return Ok(DeliveryOutcome::HandBack { after: SIDECAR_WAIT, reason });
                }
                UploadedRequest::Incomplete => {
                    let reason = format!(
                        "the image has no prompt: upload it again with the prompt in its metadata \
                         (x-amz-meta-prompt), or upload {key}.json with {{\"prompt\": …}} first"
                    );
                    self.refuse_upload(id, &key, &reason).await?;
                }
                UploadedRequest::Unusable(reason) => self.refuse_upload(id, &key, &reason).await?,
            }
        }
        self.generate(DrawRequest { task: id, version: 1 }, delivery).await
    }

    /// The file that the task is about: for a sidecar, its image.
    pub(super) async fn subject(&self, key: &str) -> Result<Option<(String, ObjectFacts)>, GenerationError> {
        if key.ends_with('/') {
            // A folder, as some clients create them.
            return Ok(None);
        }
        let gallery = &self.workflow.gallery;
        for image in images_beside(key) {
            if let Some(facts) = gallery.facts(&image).await? {
                return Ok(Some((image, facts)));
            }
        }
        if is_sidecar(key) {
            tracing::info!("the image of this sidecar does not exist yet");
            return Ok(None);
        }
        Ok(gallery.facts(key).await?.map(|facts| (key.to_owned(), facts)))
    }

    async fn read_upload(&self, key: &str, facts: &ObjectFacts) -> Result<UploadedRequest, GenerationError> {
        if facts.length == 0 {
            return Ok(UploadedRequest::Unusable("the file is empty: upload it again".to_owned()));
        }
        let limit = match kind(key) {
            UploadKind::Prompt | UploadKind::Request => MAX_WORDS,
            UploadKind::Image | UploadKind::Other => LARGEST_FILE,
        };
        if facts.length > limit as u64 {
            return Ok(UploadedRequest::Unusable(too_long("the file", facts.length, limit)));
        }
        let read = match kind(key) {
            UploadKind::Prompt => reading::prompt(&self.words(key).await?.unwrap_or_default()),
            UploadKind::Request => reading::request(&self.words(key).await?.unwrap_or_default(), owner(key)),
            UploadKind::Image => match reading::metadata(&facts.metadata, key) {
                Some(read) => read,
                None => match self.sidecar(key).await {
                    Ok(Some(bytes)) => reading::sidecar(&bytes, key),
                    Ok(None) => return Ok(UploadedRequest::Incomplete),
                    Err(easel_storage::Error::TooLong { length, limit }) => {
                        Err(too_long("the file beside the image", length as u64, limit))
                    }
                    Err(error) => return Err(error.into()),
                },
            },
            UploadKind::Other => {
                Err("nothing can be generated from this file: upload .txt (a prompt), .json (a full request), or \
                                .png, .jpg, .jpeg or .webp with a prompt in its metadata"
                    .to_owned())
            }
        };
        Ok(read.map_or_else(UploadedRequest::Unusable, |request| UploadedRequest::Complete(Box::new(request))))
    }

    /// What a file of words holds; `None` if it is not there.
    async fn words(&self, key: &str) -> easel_storage::Result<Option<Vec<u8>>> {
        Ok(self.workflow.gallery.read(key, MAX_WORDS).await?.map(|object| object.bytes))
    }

    async fn sidecar(&self, key: &str) -> easel_storage::Result<Option<Vec<u8>>> {
        for sidecar in sidecars(key) {
            if let Some(bytes) = self.words(&sidecar).await? {
                return Ok(Some(bytes));
            }
        }
        Ok(None)
    }

    async fn create_task(&self, id: Uuid, key: &str, request: TaskRequest) -> Result<(), GenerationError> {
        let TaskRequest { settings, labels } = request;
        let source = Some(key.to_owned());
        let new = NewTask { id, owner: owner(key).to_owned(), settings, labels, source };
        let (task, event) = Task::create(new, &Identity::worker("uploads"), Timestamp::now());
        // If it exists already, another delivery of the same message was first.
        let created = self.workflow.store.create(&task, &event, None).await?;
        tracing::info!(task = %id, ?created, "created a task from a dropped file");
        Ok(())
    }

    /// Creates a failed task, which says why nothing can be generated from the file.
    pub(super) async fn refuse_upload(&self, id: Uuid, key: &str, reason: &str) -> Result<(), GenerationError> {
        let name = key.rsplit('/').next().unwrap_or(key).to_owned();
        let settings = Settings { prompt: name, count: 1, ..Settings::default() };
        self.create_task(id, key, TaskRequest { settings, labels: Labels::default() }).await?;
        let task = self.workflow.store.task(id).await?;
        if task.version == 1 && task.status == Status::Pending {
            self.fail(&task, reason).await?;
        }
        Ok(())
    }
}

/// Why a file is not read.
fn too_long(what: &str, length: u64, limit: usize) -> String {
    let (unit, name) = if limit < 1 << 20 { (1 << 10, "KiB") } else { (1 << 20, "MiB") };
    format!("{what} has {} {name}, the limit is {}: make it smaller", length.div_ceil(unit), limit as u64 / unit)
}
