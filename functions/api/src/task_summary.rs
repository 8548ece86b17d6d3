//! Tasks as lists show them: what people choose by, and nothing that a page of a hundred does not hold.

use std::collections::BTreeMap;

use easel_domain::identity::Identity;
use easel_domain::task::{
    Approval, Attempt, Decision, Deletion, Failure, GeneratedImage, Move, Publication, Settings, Status, Task,
};
use easel_storage::store::{Discussion, Reviewer};
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::error::{ApiError, Result};
use crate::schemas::SettingsSchema;
use crate::services::Services;
use crate::task_view::next_moves;

/// Most bytes of the tasks on one page: less than Lambda's 6 MB for an answer, and than 4 MB with what surrounds them.
pub(crate) const MAX_PAGE: usize = 3_500_000;

/// A task in a list. `GET /v1/tasks/{id}` shows all of it.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct TaskSummary {
    /// Its id, a UUID.
    pub(crate) id: Uuid,
    /// Counts the changes; also for `If-Match`.
    pub(crate) version: u64,
    /// Its state.
    pub(crate) status: Status,
    /// Who asked for it.
    pub(crate) owner: String,
    /// A name for people.
    pub(crate) title: Option<String>,
    /// Words to find it by.
    pub(crate) tags: Vec<String>,
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
    /// The current attempt.
    pub(crate) attempt: AttemptSummary,
    /// How many attempts there were before it.
    pub(crate) earlier_attempt_count: u32,
    /// Who approved it.
    pub(crate) approval: Option<Approval>,
    /// Who published it and where.
    pub(crate) publication: Option<Publication>,
    /// Who cancelled it.
    pub(crate) cancellation: Option<Decision>,
    /// Who deleted it and when it goes.
    pub(crate) deletion: Option<Deletion>,
}

/// One try at drawing, in a list.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct AttemptSummary {
    /// From 1.
    pub(crate) number: u32,
    /// What it was asked to draw.
    #[schema(value_type = SettingsSchema)]
    pub(crate) settings: Settings,
    /// When it was asked for.
    #[schema(value_type = String, format = DateTime)]
    pub(crate) requested_at: Timestamp,
    /// What people should know of the drawing, such as words that did not fit.
    pub(crate) warnings: Vec<String>,
    /// The images; empty until drawn.
    pub(crate) images: Vec<ImageSummary>,
    /// From how many reviewers it takes an approval.
    pub(crate) approvals_needed: u32,
    /// The approvals so far, one a reviewer, that were not enough.
    pub(crate) approvals: Vec<Approval>,
    /// Why it was rejected.
    pub(crate) rejection: Option<Decision>,
    /// Why it could not be drawn.
    pub(crate) failure: Option<Failure>,
}

/// An image in a list, with a URL that works for an hour.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct ImageSummary {
    /// From 0, within the attempt.
    pub(crate) index: u32,
    /// Where to get its small version.
    pub(crate) thumbnail_url: String,
    /// Pixels.
    pub(crate) width: u32,
    /// Pixels.
    pub(crate) height: u32,
    /// The seed that draws it.
    pub(crate) seed: u64,
    /// Hash of the file, in hexadecimal.
    pub(crate) sha256: String,
}

impl TaskSummary {
    /// The task as `identity` sees it.
    ///
    /// # Errors
    /// Returns [`easel_storage::Error::Unavailable`] if URLs cannot be signed.
    async fn new(task: &Task, discussion: &Discussion, identity: &Identity, services: &Services) -> Result<Self> {
        Ok(Self {
            id: task.id,
            version: task.version,
            status: task.status,
            owner: task.owner.clone(),
            title: task.title.clone(),
            tags: task.tags.clone(),
            source: task.source.clone(),
            created_at: task.created_at,
            updated_at: task.updated_at,
            next_moves: next_moves(task, identity, services),
            reviewer: discussion.reviewer.clone().filter(|_| task.status == Status::AwaitingApproval),
            comment_count: discussion.comments,
            open_comment_count: discussion.open_comments,
            attempt: AttemptSummary::new(&task.attempt, services).await?,
            earlier_attempt_count: task.attempt.number.saturating_sub(1),
            approval: task.approval.clone(),
            publication: task.publication.clone(),
            cancellation: task.cancellation.clone(),
            deletion: task.deletion.clone(),
        })
    }

    /// As many of the tasks as one answer holds, from the first on; at least one, if there is one.
    ///
    /// # Errors
    /// Returns [`easel_storage::Error::Unavailable`] if URLs cannot be signed.
    pub(crate) async fn page(
        tasks: &[Task],
        discussions: &BTreeMap<Uuid, Discussion>,
        identity: &Identity,
        services: &Services,
    ) -> Result<Vec<Self>> {
        let nothing = Discussion::default();
        let (mut shown, mut bytes) = (Vec::new(), 0);
        for task in tasks {
            let discussion = discussions.get(&task.id).unwrap_or(&nothing);
            let summary = Self::new(task, discussion, identity, services).await?;
            let written = serde_json::to_vec(&summary);
            bytes += written.map_err(|error| ApiError::Internal(format!("writing a task: {error}")))?.len();
            if bytes > MAX_PAGE && !shown.is_empty() {
                break;
            }
            shown.push(summary);
        }
        Ok(shown)
    }
}

impl AttemptSummary {
    async fn new(attempt: &Attempt, services: &Services) -> Result<Self> {
        let mut images = Vec::new();
        for image in &attempt.images {
            images.push(ImageSummary::new(image, services).await?);
        }
        Ok(Self {
            number: attempt.number,
            settings: attempt.settings.clone(),
            requested_at: attempt.requested_at,
            warnings: attempt.warnings().to_vec(),
            images,
            approvals_needed: attempt.approvals_needed,
            approvals: attempt.approvals.clone(),
            rejection: attempt.rejection.clone(),
            failure: attempt.failure.clone(),
        })
    }
}

impl ImageSummary {
    async fn new(image: &GeneratedImage, services: &Services) -> Result<Self> {
        Ok(Self {
            index: image.index,
            thumbnail_url: services.workflow.gallery.reading_url(&image.thumbnail_key).await?,
            width: image.width,
            height: image.height,
            seed: image.seed,
            sha256: image.sha256.clone(),
        })
    }
}
