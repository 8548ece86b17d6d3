//! Collections: yours and the shared ones, and the images of one of them, page by page.

use std::collections::HashMap;

use axum::Json;
use axum::extract::State;
use easel_domain::collection::ImageReference;
use easel_domain::identity::Identity;
use easel_domain::task::{Status, Task};
use easel_storage::store::ShelfKind;
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::caller::Creator;
use crate::collection_view::{
    CollectedImage, CollectionId, CollectionList, CollectionView, FAVOURITES, WholeCollection, images_of, no_such,
};
use crate::error::{ApiError, Result};
use crate::parameters::{NoParameters, PageParameters, Paged};
use crate::schemas::{AnyProblem, NamedProblem, TokenProblem};
use crate::services::Services;
use crate::task_summary::MAX_PAGE;

/// The images of a collection.
pub(super) struct CollectedImages;

impl Paged for CollectedImages {
    const WHAT: &'static str = "images";
    const LIMIT: usize = 50;
    const MOST: usize = 100;
    const DEEPEST: usize = 10_000;
}

/// How many tasks are read at the same time.
const AT_ONCE: usize = 8;

/// List collections: yours, favourites among them, and those that are shared.
#[utoipa::path(
    get,
    path = "/v1/collections",
    operation_id = "listCollections",
    tag = "read",
    responses((status = 200, description = "The collections", body = CollectionList), AnyProblem, TokenProblem),
    security(("token" = []))
)]
pub(super) async fn list_collections(
    State(services): State<Services>,
    Creator(identity): Creator,
    _: NoParameters,
) -> Result<Json<CollectionList>> {
    let kept = services.workflow.store.shelf(ShelfKind::Collections, &identity.name).await?;
    let mut collections = kept.iter().map(CollectionView::new).collect::<Result<Vec<_>>>()?;
    if !collections.iter().any(|collection| collection.id == FAVOURITES) {
        collections.push(CollectionView::favourites(&identity.name));
    }
    collections
        .sort_by_key(|collection| (collection.id != FAVOURITES, collection.shared, collection.name.to_lowercase()));
    Ok(Json(CollectionList { collections }))
}

/// Show a collection's images, page by page.
///
/// Images of tasks that are gone or deleted, or that you may not see, are left out.
#[utoipa::path(
    get,
    path = "/v1/collections/{collection}",
    operation_id = "getCollection",
    tag = "read",
    params(CollectionId, PageParameters<CollectedImages>),
    responses((status = 200, description = "The collection", body = WholeCollection), AnyProblem, TokenProblem, NamedProblem),
    security(("token" = []))
)]
pub(super) async fn get_collection(
    State(services): State<Services>,
    Creator(identity): Creator,
    CollectionId(id): CollectionId,
    PageParameters { limit, behind, .. }: PageParameters<CollectedImages>,
) -> Result<Json<WholeCollection>> {
    let Some(kept) = services.workflow.store.kept(ShelfKind::Collections, &identity.name, &id).await? else {
        if id == FAVOURITES {
            let collection = CollectionView::favourites(&identity.name);
            return Ok(Json(WholeCollection { collection, images: Vec::new(), next_cursor: None }));
        }
        return Err(no_such());
    };
    let all = images_of(&kept)?;
    let page: Vec<_> = all.images().iter().skip(behind).take(limit).copied().collect();
    let tasks = tasks_of(&services, &identity, &page).await?;
    let (mut images, mut bytes, mut end) = (Vec::new(), 0, behind);
    for reference in &page {
        if let Some(task) = tasks.get(&reference.task)
            && let Some(image) = collected(&services, task, *reference).await?
        {
            let written = serde_json::to_vec(&image);
            bytes += written.map_err(|error| ApiError::Internal(format!("writing an image: {error}")))?.len();
            // What does not fit into the answer begins the next page.
            if bytes > MAX_PAGE && !images.is_empty() {
                break;
            }
            images.push(image);
        }
        end += 1;
    }
    let next_cursor = (end < all.images().len()).then(|| end.to_string());
    Ok(Json(WholeCollection { collection: CollectionView::new(&kept)?, images, next_cursor }))
}

/// The tasks of these images that the caller may see and that are not deleted, each read once.
async fn tasks_of(services: &Services, by: &Identity, images: &[ImageReference]) -> Result<HashMap<Uuid, Task>> {
    let mut wanted: HashMap<Uuid, u32> = HashMap::new();
    for image in images {
        let earliest = wanted.entry(image.task).or_insert(image.attempt);
        *earliest = image.attempt.min(*earliest);
    }
    let (mut wanted, mut reading, mut tasks) = (wanted.into_iter(), JoinSet::new(), HashMap::new());
    loop {
        while reading.len() < AT_ONCE {
            let Some((id, earliest)) = wanted.next() else { break };
            let store = services.workflow.store.clone();
            reading.spawn(async move {
                match store.find(id).await? {
                    Some(task) if earliest < task.attempt.number => store.with_earlier_attempts(task).await.map(Some),
                    task => Ok(task),
                }
            });
        }
        let Some(read) = reading.join_next().await else { return Ok(tasks) };
        let task = read.map_err(|error| ApiError::Internal(error.to_string()))??;
        if let Some(task) = task.filter(|task| task.status != Status::Deleted && by.may_see(task).is_ok()) {
            tasks.insert(task.id, task);
        }
    }
}

/// The image, if its task has it.
async fn collected(services: &Services, task: &Task, reference: ImageReference) -> Result<Option<CollectedImage>> {
    let Some(attempt) = task.attempts().find(|attempt| attempt.number == reference.attempt) else { return Ok(None) };
    let Some(image) = attempt.images.iter().find(|image| image.index == reference.image) else { return Ok(None) };
    let gallery = &services.workflow.gallery;
    Ok(Some(CollectedImage {
        reference,
        title: task.title.clone(),
        owner: task.owner.clone(),
        status: task.status,
        url: gallery.reading_url(&image.key).await?,
        thumbnail_url: gallery.reading_url(&image.thumbnail_key).await?,
        width: image.width,
        height: image.height,
        bytes: image.bytes,
        seed: image.seed,
        sha256: image.sha256.clone(),
        settings: attempt.settings.clone(),
        generation: attempt.generation.clone(),
    }))
}
