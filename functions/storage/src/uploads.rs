//! Files dropped into the bucket: each becomes a task.

mod naming;
mod reading;

use std::time::Duration;

use easel_domain::identity::Identity;
use easel_domain::task::{Change, NewTask, Settings, Task};
use easel_domain::{ApprovalsNeeded, Labels, TaskRequest};
use jiff::Timestamp;
use uuid::Uuid;

use crate::error::{Error, Result};
use crate::gallery::{ObjectFacts, keys};
use crate::workflow::Workflow;
use naming::{UploadKind, images_beside, is_sidecar, kind, owner, task_id};

/// The largest file that is read, in bytes.
pub const LARGEST_FILE: usize = 20 << 20;
/// Most bytes of a file that is read as words: as many as a request to the API may have.
const MAX_WORDS: usize = 64 * 1024;
/// How many seconds an image without a prompt waits for its sidecar.
const SIDECAR_SECONDS: i64 = 6;

/// What became of a dropped file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Upload {
    /// There is nothing to make a task of: it is gone, a folder, or waits for the image that it is about.
    Nothing,
    /// Its task, which is there.
    Task(Uuid),
    /// It is an image without a prompt, whose sidecar may still come.
    Incomplete {
        /// When to look again.
        again: Duration,
    },
}

/// The request in a dropped file.
enum UploadedRequest {
    /// A complete request.
    Complete(Box<TaskRequest>),
    /// An image without a prompt, so far.
    Incomplete,
    /// Nothing that can be generated, for this reason.
    Unusable(String),
}

impl Workflow {
    /// Makes the task of the file under `key`, unless it is there. The same file always gives the same task; one that
    /// nothing can be generated from gives a failed task, which says why.
    ///
    /// # Errors
    /// Returns [`Error::Unavailable`] if a service fails.
    pub async fn take_upload(&self, key: &str, now: Timestamp) -> Result<Upload> {
        let Some((key, facts)) = self.subject(key).await? else { return Ok(Upload::Nothing) };
        let id = task_id(&key, &facts);
        if self.store.find(id).await?.is_some() {
            return Ok(Upload::Task(id));
        }
        match self.read_upload(&key, &facts).await? {
            UploadedRequest::Complete(request) => self.create_task(id, &key, *request).await?,
            UploadedRequest::Incomplete => {
                let wait = facts.modified + SIDECAR_SECONDS - now.as_second();
                if wait > 0 {
                    return Ok(Upload::Incomplete {
                        again: Duration::from_secs(wait.min(SIDECAR_SECONDS).unsigned_abs()),
                    });
                }
                let reason = format!(
                    "the image has no prompt: upload it again with the prompt in its metadata (x-amz-meta-prompt), or \
                     upload {key}.json with {{\"prompt\": …}} first"
                );
                self.refuse_upload(id, &key, &reason).await?;
            }
            UploadedRequest::Unusable(reason) => self.refuse_upload(id, &key, &reason).await?,
        }
        Ok(Upload::Task(id))
    }

    /// The file that the task is about: for a sidecar, its image.
    async fn subject(&self, key: &str) -> Result<Option<(String, ObjectFacts)>> {
        if key.ends_with('/') {
            // A folder, as some clients create them.
            return Ok(None);
        }
        for image in images_beside(key) {
            if let Some(facts) = self.gallery.facts(&image).await? {
                return Ok(Some((image, facts)));
            }
        }
        if is_sidecar(key) {
            tracing::info!("the image of this sidecar does not exist yet");
            return Ok(None);
        }
        Ok(self.gallery.facts(key).await?.map(|facts| (key.to_owned(), facts)))
    }

    async fn read_upload(&self, key: &str, facts: &ObjectFacts) -> Result<UploadedRequest> {
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
            UploadKind::Image => match reading::metadata(&facts.metadata, key, owner(key)) {
                Some(read) => read,
                None => match self.sidecar(key).await {
                    Ok(Some(bytes)) => reading::sidecar(&bytes, key, owner(key)),
                    Ok(None) => return Ok(UploadedRequest::Incomplete),
                    Err(Error::TooLong { length, limit }) => {
                        Err(too_long("the file beside the image", length as u64, limit))
                    }
                    Err(error) => return Err(error),
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
    async fn words(&self, key: &str) -> Result<Option<Vec<u8>>> {
        Ok(self.gallery.read(key, MAX_WORDS).await?.map(|object| object.bytes))
    }

    async fn sidecar(&self, key: &str) -> Result<Option<Vec<u8>>> {
        for sidecar in keys::sidecars(key) {
            if let Some(bytes) = self.words(&sidecar).await? {
                return Ok(Some(bytes));
            }
        }
        Ok(None)
    }

    async fn create_task(&self, id: Uuid, key: &str, request: TaskRequest) -> Result<()> {
        let offered = match self.check_offers(&request.settings).await {
            Err(Error::Domain(error)) => Err(error.to_string()),
            other => Ok(other?),
        };
        let small = |()| self.store.limits().check(&request.settings).map_err(|error| error.to_string());
        let wrong_size = self.wrong_size(&request.settings, &[]).await?.map(|error| error.to_string());
        let refused = match offered.and_then(small).and_then(|()| wrong_size.map_or(Ok(()), Err)) {
            Ok(()) => {
                let (task, event) = uploaded(id, key, request, self.store.approvals_needed());
                match self.store.create(&task, &event, None).await {
                    // If it exists already, another delivery of the same message was first.
                    Ok(created) => {
                        tracing::info!(task = %id, ?created, "made a task of a dropped file");
                        return Ok(());
                    }
                    Err(Error::Domain(error @ easel_domain::Error::TooMany { .. })) => error.to_string(),
                    Err(error) => return Err(error),
                }
            }
            Err(error) => error,
        };
        self.refuse_upload(id, key, &refused).await
    }

    /// Makes a failed task, which says why nothing is generated from the file.
    async fn refuse_upload(&self, id: Uuid, key: &str, reason: &str) -> Result<()> {
        let name = key.rsplit('/').next().unwrap_or(key).to_owned();
        let settings = Settings { prompt: name, count: 1, ..Settings::default() };
        let request = TaskRequest { settings, labels: Labels::default() };
        let (task, created) = uploaded(id, key, request, self.store.approvals_needed());
        let change = Change::Fail { reason: reason.to_owned() };
        let (failed, failure) = task.after(change, &created.by, Timestamp::now())?;
        self.store.create_failed(&failed, &[created, failure]).await?;
        tracing::info!(task = %id, reason, "nothing is generated from a dropped file");
        Ok(())
    }
}

/// Why a file is not read.
fn too_long(what: &str, length: u64, limit: usize) -> String {
    let (unit, name) = if limit < 1 << 20 { (1 << 10, "KiB") } else { (1 << 20, "MiB") };
    format!("{what} has {} {name}, the limit is {}: make it smaller", length.div_ceil(unit), limit as u64 / unit)
}

/// The task of a dropped file and the first event of its history.
fn uploaded(id: Uuid, key: &str, request: TaskRequest, needed: &ApprovalsNeeded) -> (Task, easel_domain::task::Event) {
    let TaskRequest { settings, labels } = request;
    let source = Some(key.to_owned());
    let approvals_needed = needed.for_tags(&labels.tags);
    let new = NewTask { id, owner: owner(key).to_owned(), settings, labels, source, approvals_needed };
    Task::create(new, &Identity::worker("uploads"), Timestamp::now())
}
