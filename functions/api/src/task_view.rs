//! Tasks and their history as clients see them.

use std::collections::BTreeMap;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use easel_domain::identity::{Identity, Role};
use easel_domain::task::{
    Approval, Attempt, Decision, Deletion, Event, EventRecord, Failure, GenerationReport, Link, Move, Progress,
    Publication, Settings, Status, Task, UsedFile,
};
use easel_storage::gallery::{Gallery, keys};
use easel_storage::store::Reviewer;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::error::Result;
use crate::schemas::SettingsSchema;
use crate::services::Services;

/// What workers are called to those who do not run them.
const A_WORKER: &str = "worker";

/// A task.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct TaskView {
    /// Its id, a UUID.
    pub(crate) id: Uuid,
    /// Counts the changes; also the `ETag`, for `If-Match` and `If-None-Match`. The progress of a drawing is no change.
    pub(crate) version: u64,
    /// Its state.
    pub(crate) status: Status,
    /// Who asked for it.
    pub(crate) owner: String,
    /// A name for people.
    pub(crate) title: Option<String>,
    /// Words to find it by.
    pub(crate) tags: Vec<String>,
    /// What the client keeps with it.
    pub(crate) metadata: BTreeMap<String, String>,
    /// The key of the dropped file that it was made from.
    pub(crate) source: Option<String>,
    /// When it was asked for.
    #[schema(value_type = String, format = DateTime)]
    pub(crate) created_at: Timestamp,
    /// When it last changed.
    #[schema(value_type = String, format = DateTime)]
    pub(crate) updated_at: Timestamp,
    /// What the caller can do with it as it stands.
    pub(crate) next_moves: Vec<Move>,
    /// The reviewer who looks at it, where it awaits approval. Neither this nor comments change the task's version.
    pub(crate) reviewer: Option<Reviewer>,
    /// How many comments there are on it.
    pub(crate) comment_count: u64,
    /// How many of them are open.
    pub(crate) open_comment_count: u64,
    /// How far the drawing is.
    pub(crate) progress: Option<ProgressView>,
    /// The current attempt.
    pub(crate) attempt: AttemptView,
    /// The attempts before it, oldest first.
    pub(crate) earlier_attempts: Vec<AttemptView>,
    /// Who approved it.
    pub(crate) approval: Option<Approval>,
    /// Who published it and where.
    pub(crate) publication: Option<Publication>,
    /// Who cancelled it.
    pub(crate) cancellation: Option<Decision>,
    /// Who deleted it and when it goes.
    pub(crate) deletion: Option<Deletion>,
}

/// One try at drawing.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct AttemptView {
    /// From 1.
    pub(crate) number: u32,
    /// What it was asked to draw.
    #[schema(value_type = SettingsSchema)]
    pub(crate) settings: Settings,
    /// The image that it starts from, where that is another task's.
    pub(crate) parent: Option<ParentView>,
    /// The files that it is drawn with, beside what every attempt has; empty until a worker takes it.
    pub(crate) used: Vec<UsedFile>,
    /// When it was asked for.
    #[schema(value_type = String, format = DateTime)]
    pub(crate) requested_at: Timestamp,
    /// The images; empty until drawn.
    pub(crate) images: Vec<ImageView>,
    /// What people should know of the drawing, such as words that did not fit.
    pub(crate) warnings: Vec<String>,
    /// How it was drawn.
    pub(crate) generation: Option<GenerationReport>,
    /// From how many reviewers it takes an approval.
    pub(crate) approvals_needed: u32,
    /// The approvals so far, one a reviewer, that were not enough.
    pub(crate) approvals: Vec<Approval>,
    /// Why it was rejected.
    pub(crate) rejection: Option<Decision>,
    /// Why it could not be drawn.
    pub(crate) failure: Option<Failure>,
}

/// Another task's image that an attempt starts from.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct ParentView {
    /// The task.
    pub(crate) task: Uuid,
    /// Which of its attempts.
    pub(crate) attempt: u32,
    /// Which of its images, from 0.
    pub(crate) index: u32,
}

impl ParentView {
    /// What the key of a copied image says.
    fn of(key: &str) -> Option<Self> {
        let keys::Origin { task, attempt, index } = keys::origin(key)?;
        Some(Self { task, attempt, index })
    }
}

/// An image, with URLs that work for an hour.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct ImageView {
    /// From 0, within the attempt.
    pub(crate) index: u32,
    /// Where to get it.
    pub(crate) url: String,
    /// Where to get its small version.
    pub(crate) thumbnail_url: String,
    /// Pixels.
    pub(crate) width: u32,
    /// Pixels.
    pub(crate) height: u32,
    /// Length of the file.
    pub(crate) bytes: u64,
    /// The seed that draws it.
    pub(crate) seed: u64,
    /// Hash of the file, in hexadecimal.
    pub(crate) sha256: String,
    /// Where everybody sees it, while it is published on a service that makes images public.
    pub(crate) published_url: Option<String>,
}

/// How far a drawing is.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct ProgressView {
    /// Steps done.
    pub(crate) step: u32,
    /// Steps in all; 0 until the worker knows.
    pub(crate) total: u32,
    /// The part of the model at work.
    pub(crate) stage: String,
    /// Estimated seconds left.
    pub(crate) remaining_seconds: Option<f64>,
    /// When the worker reported it.
    #[schema(value_type = String, format = DateTime)]
    pub(crate) at: Timestamp,
    /// A small image of what is there so far, as a `data:` URL.
    pub(crate) preview: Option<String>,
}

/// One change of a task.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct EventView {
    /// The task's version after it.
    pub(crate) version: u64,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub(crate) at: Timestamp,
    /// Who.
    pub(crate) by: Identity,
    /// What was done: `create` or a move.
    pub(crate) change: String,
    /// The state before; none for the first.
    pub(crate) from: Option<Status>,
    /// The state after.
    pub(crate) to: Status,
    /// The note or reason given.
    pub(crate) reason: Option<String>,
    /// All that it brought.
    #[schema(value_type = Object)]
    pub(crate) details: Value,
    /// Whether the details were erased, with the task.
    pub(crate) erased: bool,
    /// What ties it to the event before; none of events from before they were chained.
    pub(crate) link: Option<Link>,
}

impl TaskView {
    /// The task as `identity` sees it.
    ///
    /// # Errors
    /// Returns [`easel_storage::Error::Unavailable`] if URLs cannot be signed.
    pub(crate) async fn new(
        task: &Task,
        progress: Option<&Progress>,
        identity: &Identity,
        services: &Services,
    ) -> Result<Self> {
        let gallery = &services.workflow.gallery;
        let discussion = services.workflow.store.discussion(task.id, Timestamp::now()).await?;
        let mut earlier_attempts = Vec::new();
        for attempt in &task.earlier_attempts {
            earlier_attempts.push(AttemptView::new(attempt, &[], gallery).await?);
        }
        let progress = progress.filter(|_| matches!(task.status, Status::InProgress | Status::Paused));
        Ok(Self {
            id: task.id,
            version: task.version,
            status: task.status,
            owner: task.owner.clone(),
            title: task.title.clone(),
            tags: task.tags.clone(),
            metadata: task.metadata.clone(),
            source: task.source.clone(),
            created_at: task.created_at,
            updated_at: task.updated_at,
            next_moves: next_moves(task, identity, services),
            reviewer: discussion.reviewer.clone().filter(|_| task.status == Status::AwaitingApproval),
            comment_count: discussion.comments,
            open_comment_count: discussion.open_comments,
            progress: progress.map(|progress| ProgressView::new(progress, task.status)),
            attempt: AttemptView::new(&task.attempt, published_keys(task), gallery).await?,
            earlier_attempts,
            approval: task.approval.clone(),
            publication: task.publication.clone(),
            cancellation: task.cancellation.clone(),
            deletion: task.deletion.clone(),
        })
    }
}

/// What `identity` can do with the task as it stands.
pub(crate) fn next_moves(task: &Task, identity: &Identity, services: &Services) -> Vec<Move> {
    let moves = task.status.next_moves().into_iter();
    moves.filter(|action| services.rules.may_make(identity, *action, task).is_ok()).collect()
}

/// The public copies of a task's images.
fn published_keys(task: &Task) -> &[String] {
    let publication = task.publication.as_ref().filter(|_| task.status == Status::Published);
    publication.map_or(&[], |publication| publication.keys.as_slice())
}

/// The public copy of one image.
fn published_key(published: &[String], index: u32) -> Option<&str> {
    published.iter().map(String::as_str).find(|key| keys::index_of_published(key) == Some(index))
}

impl AttemptView {
    /// The attempt, of whose images these are the public copies.
    async fn new(attempt: &Attempt, published: &[String], gallery: &Gallery) -> Result<Self> {
        let mut images = Vec::new();
        for image in &attempt.images {
            images.push(ImageView {
                index: image.index,
                url: gallery.reading_url(&image.key).await?,
                thumbnail_url: gallery.reading_url(&image.thumbnail_key).await?,
                width: image.width,
                height: image.height,
                bytes: image.bytes,
                seed: image.seed,
                sha256: image.sha256.clone(),
                published_url: published_key(published, image.index).and_then(|key| gallery.public_url(key)),
            });
        }
        Ok(Self {
            number: attempt.number,
            settings: attempt.settings.clone(),
            parent: attempt.settings.init_image.as_deref().and_then(ParentView::of),
            used: attempt.used.clone(),
            requested_at: attempt.requested_at,
            images,
            warnings: attempt.warnings().to_vec(),
            generation: attempt.generation.clone(),
            approvals_needed: attempt.approvals_needed,
            approvals: attempt.approvals.clone(),
            rejection: attempt.rejection.clone(),
            failure: attempt.failure.clone(),
        })
    }
}

impl ProgressView {
    fn new(progress: &Progress, status: Status) -> Self {
        let preview = progress.preview.as_ref();
        Self {
            step: progress.step,
            total: progress.total,
            stage: progress.stage.clone(),
            // What is paused has no end in sight.
            remaining_seconds: progress.remaining_seconds.filter(|_| status == Status::InProgress),
            at: progress.at,
            preview: preview.map(|jpeg| format!("data:image/jpeg;base64,{}", BASE64_STANDARD.encode(jpeg))),
        }
    }
}

impl EventView {
    /// The event as `identity` sees it: which machine worked on it, and with which token somebody did what, is the
    /// business of those who run the service.
    pub(crate) fn new(event: &Event, identity: &Identity) -> Self {
        let EventRecord { version, at, change, from, to, mut details, erased, link, .. } = event.record();
        if let Some(details) = details.as_object_mut()
            && !identity.sees_all()
            && details.contains_key("worker")
        {
            details.insert("worker".to_owned(), json!(A_WORKER));
        }
        let by = match event.by.role {
            _ if identity.sees_all() => event.by.clone(),
            Role::Worker => Identity::worker(A_WORKER),
            role => Identity::new(&event.by.name, role),
        };
        let reason = event.change.reason().map(str::to_owned);
        Self { version, at, by, change, from, to, reason, details, erased, link }
    }
}
