//! Tasks and their history as clients see them.

use std::collections::BTreeMap;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::error::{Error, Result};
use crate::gallery::Gallery;
use crate::identity::Identity;
use crate::task::{
    Attempt, Change, Decision, Deletion, Event, Failure, GenerationReport, Move, Progress, Publication, Settings,
    Status, Task,
};

/// A task.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct TaskView {
    /// Its id, a UUID.
    pub id: Uuid,
    /// Counts the changes; also the `ETag`, for `If-Match` and `If-None-Match`. The progress of a drawing is no change.
    pub version: u64,
    /// Where it stands.
    pub status: Status,
    /// Who asked for it.
    pub owner: String,
    /// A name for people.
    pub title: Option<String>,
    /// Words to find it by.
    pub tags: Vec<String>,
    /// What the client keeps with it.
    pub metadata: BTreeMap<String, String>,
    /// The key of the dropped file that it was made from.
    pub source: Option<String>,
    /// When it was asked for.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// When it last changed.
    #[schema(value_type = String, format = DateTime)]
    pub updated_at: Timestamp,
    /// What the caller can do with it as it stands.
    pub next_moves: Vec<Move>,
    /// How far the drawing is.
    pub progress: Option<ProgressView>,
    /// The current attempt.
    pub attempt: AttemptView,
    /// The attempts before it, oldest first.
    pub earlier_attempts: Vec<AttemptView>,
    /// Who approved it.
    pub approval: Option<Decision>,
    /// Who published it and where.
    pub publication: Option<Publication>,
    /// Who called it off.
    pub cancellation: Option<Decision>,
    /// Who deleted it and when it goes.
    pub deletion: Option<Deletion>,
}

/// One try at drawing.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct AttemptView {
    /// From 1.
    pub number: u32,
    /// What it was asked to draw.
    pub settings: Settings,
    /// When it was asked for.
    #[schema(value_type = String, format = DateTime)]
    pub requested_at: Timestamp,
    /// The pictures; empty until drawn.
    pub pictures: Vec<PictureView>,
    /// How it was drawn.
    pub generation: Option<GenerationReport>,
    /// Why it was turned down.
    pub rejection: Option<Decision>,
    /// Why it could not be drawn.
    pub failure: Option<Failure>,
}

/// A picture, to be had for an hour.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct PictureView {
    /// From 0, within the attempt.
    pub index: u32,
    /// Where to get it.
    pub url: String,
    /// Where to get its small version.
    pub thumbnail_url: String,
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
    /// Length of the file.
    pub bytes: u64,
    /// The seed that draws it.
    pub seed: u64,
    /// Hash of the file, in hexadecimal.
    pub sha256: String,
}

/// How far a drawing is.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ProgressView {
    /// Steps done.
    pub step: u32,
    /// Steps in all; 0 until the worker knows.
    pub total: u32,
    /// The part of the model at work.
    pub stage: String,
    /// Seconds that are left, as far as can be told.
    pub remaining_seconds: Option<f64>,
    /// When the worker said so.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// A small picture of what is there so far, as a `data:` URL.
    pub preview: Option<String>,
}

/// One change of a task.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct EventView {
    /// The task's version after it.
    pub version: u64,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// Who.
    pub by: Identity,
    /// What was done: `create` or a move.
    pub change: String,
    /// The state before; none for the first.
    pub from: Option<Status>,
    /// The state after.
    pub to: Status,
    /// What was said to it.
    pub reason: Option<String>,
    /// All that it brought.
    #[schema(value_type = Object)]
    pub details: Value,
}

impl TaskView {
    /// The task as `identity` sees it.
    ///
    /// # Errors
    /// S3's, in signing URLs.
    pub async fn new(task: &Task, progress: Option<&Progress>, identity: &Identity, gallery: &Gallery) -> Result<Self> {
        let mut earlier_attempts = Vec::new();
        for attempt in &task.earlier_attempts {
            earlier_attempts.push(AttemptView::new(attempt, gallery).await?);
        }
        let next_moves = task.status.next_moves().into_iter();
        let progress = progress.filter(|_| task.status == Status::InProgress);
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
            next_moves: next_moves.filter(|step| identity.may_make(*step, task).is_ok()).collect(),
            progress: progress.map(ProgressView::new),
            attempt: AttemptView::new(&task.attempt, gallery).await?,
            earlier_attempts,
            approval: task.approval.clone(),
            publication: task.publication.clone(),
            cancellation: task.cancellation.clone(),
            deletion: task.deletion.clone(),
        })
    }
}

impl AttemptView {
    async fn new(attempt: &Attempt, gallery: &Gallery) -> Result<Self> {
        let mut pictures = Vec::new();
        for picture in &attempt.pictures {
            pictures.push(PictureView {
                index: picture.index,
                url: gallery.reading_url(&picture.key).await?,
                thumbnail_url: gallery.reading_url(&picture.thumbnail_key).await?,
                width: picture.width,
                height: picture.height,
                bytes: picture.bytes,
                seed: picture.seed,
                sha256: picture.sha256.clone(),
            });
        }
        Ok(Self {
            number: attempt.number,
            settings: attempt.settings.clone(),
            requested_at: attempt.requested_at,
            pictures,
            generation: attempt.generation.clone(),
            rejection: attempt.rejection.clone(),
            failure: attempt.failure.clone(),
        })
    }
}

impl ProgressView {
    fn new(progress: &Progress) -> Self {
        let preview = progress.preview.as_ref();
        Self {
            step: progress.step,
            total: progress.total,
            stage: progress.stage.clone(),
            remaining_seconds: progress.remaining_seconds,
            at: progress.at,
            preview: preview.map(|jpeg| format!("data:image/jpeg;base64,{}", BASE64_STANDARD.encode(jpeg))),
        }
    }
}

impl EventView {
    /// The event.
    ///
    /// # Errors
    /// [`Error::Internal`] if it cannot be written as JSON.
    pub fn new(event: &Event) -> Result<Self> {
        let mut details = match &event.change {
            Change::Create { made } => json!({"settings": made.attempt.settings, "source": made.source}),
            other => serde_json::to_value(other).map_err(|error| Error::Internal(error.to_string()))?,
        };
        if let Some(details) = details.as_object_mut() {
            details.remove("kind");
        }
        Ok(Self {
            version: event.version,
            at: event.at,
            by: event.by.clone(),
            change: event.change.step().map_or("create", Move::as_str).to_owned(),
            from: event.from,
            to: event.to,
            reason: event.change.reason().map(str::to_owned),
            details,
        })
    }
}
