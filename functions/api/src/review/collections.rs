//! Making and changing collections.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use easel_domain::Error;
use easel_domain::collection::Collection;
use easel_domain::identity::{Identity, Role};
use easel_settings::FieldError;
use easel_storage::store::{Kept, ShelfKind};
use jiff::Timestamp;
use uuid::Uuid;

use super::kept::keep;
use crate::body::Body;
use crate::caller::Creator;
use crate::collection_view::{CollectionId, CollectionView, CollectionWords, FAVOURITES, images_of, no_such, written};
use crate::error::Result;
use crate::kept_view::may_change;
use crate::parameters::NoParameters;
use crate::schemas::{self, AnyProblem, BodyProblem, ConflictProblem, NamedProblem, TokenProblem};
use crate::services::Services;

const KIND: ShelfKind = ShelfKind::Collections;

/// Make a collection.
#[utoipa::path(
    post,
    path = "/v1/collections",
    operation_id = "createCollection",
    tag = "review",
    request_body = schemas::NewCollectionBody,
    responses(
        (status = 201, description = "The collection", body = CollectionView),
        AnyProblem, TokenProblem, ConflictProblem, BodyProblem
    ),
    security(("token" = []))
)]
pub(super) async fn create_collection(
    State(services): State<Services>,
    Creator(identity): Creator,
    _: NoParameters,
    body: Body,
) -> Result<Response> {
    let words = CollectionWords::read(body.object()?)?;
    let Some(name) = &words.name else {
        return Err(Error::Invalid(vec![FieldError::new("name", "is missing: what the collection is called")]).into());
    };
    let mut collection = Collection::default();
    words.change(&mut collection)?;
    let kept = made(Uuid::now_v7().to_string(), name, &identity, words.shared.unwrap_or_default(), &collection);
    keep(&services, KIND, &kept, None).await?;
    Ok((StatusCode::CREATED, Json(CollectionView::new(&kept)?)).into_response())
}

/// Change a collection: its name, its images, their order.
///
/// Its owner may; a shared one, reviewers may too.
#[utoipa::path(
    patch,
    path = "/v1/collections/{collection}",
    operation_id = "changeCollection",
    tag = "review",
    params(CollectionId),
    request_body = schemas::CollectionChangeBody,
    responses(
        (status = 200, description = "The collection", body = CollectionView),
        AnyProblem, TokenProblem, NamedProblem, ConflictProblem, BodyProblem
    ),
    security(("token" = []))
)]
pub(super) async fn change_collection(
    State(services): State<Services>,
    Creator(identity): Creator,
    _: NoParameters,
    CollectionId(id): CollectionId,
    body: Body,
) -> Result<Json<CollectionView>> {
    let words = CollectionWords::read(body.object()?)?;
    let is_favourites = id == FAVOURITES;
    if is_favourites && (words.name.is_some() || words.shared.is_some()) {
        let message = "favourites are everybody's own: make another collection to name or share it";
        return Err(Error::Conflict(message.to_owned()).into());
    }
    let before = find(&services, &identity, &id).await?;
    let Some(before) = before else {
        if !is_favourites {
            return Err(no_such());
        }
        let mut collection = Collection::default();
        words.change(&mut collection)?;
        let kept = made(id, "Favourites", &identity, false, &collection);
        keep(&services, KIND, &kept, None).await?;
        return Ok(Json(CollectionView::new(&kept)?));
    };
    let view = CollectionView::new(&before)?;
    let mut collection = images_of(&before)?;
    words.change(&mut collection)?;
    let (label, content) = written(words.name.as_deref().unwrap_or(&view.name), &collection);
    let kept = Kept {
        shared: words.shared.unwrap_or(before.shared),
        version: before.version + 1,
        updated_at: Timestamp::now(),
        label,
        content,
        ..before.clone()
    };
    keep(&services, KIND, &kept, Some(&before)).await?;
    Ok(Json(CollectionView::new(&kept)?))
}

/// Remove a collection; its images stay with their tasks.
#[utoipa::path(
    delete,
    path = "/v1/collections/{collection}",
    operation_id = "removeCollection",
    tag = "review",
    params(CollectionId),
    responses(
        (status = 200, description = "What was removed", body = CollectionView),
        AnyProblem, TokenProblem, NamedProblem, ConflictProblem
    ),
    security(("token" = []))
)]
pub(super) async fn remove_collection(
    State(services): State<Services>,
    Creator(identity): Creator,
    _: NoParameters,
    CollectionId(id): CollectionId,
) -> Result<Json<CollectionView>> {
    if id == FAVOURITES {
        let message = "everybody has favourites: take the images out instead";
        return Err(Error::Conflict(message.to_owned()).into());
    }
    let kept = find(&services, &identity, &id).await?.ok_or_else(no_such)?;
    services.workflow.store.discard(KIND, &kept).await?;
    Ok(Json(CollectionView::new(&kept)?))
}

/// The collection, if the caller may change it.
async fn find(services: &Services, by: &Identity, id: &str) -> Result<Option<Kept>> {
    let kept = services.workflow.store.kept(KIND, &by.name, id).await?;
    if kept.as_ref().is_some_and(|kept| !may_change(by, kept)) {
        by.has_role(Role::Reviewer)?;
    }
    Ok(kept)
}

fn made(key: String, name: &str, by: &Identity, shared: bool, collection: &Collection) -> Kept {
    let (label, content) = written(name, collection);
    Kept { key, owner: by.name.clone(), shared, version: 1, updated_at: Timestamp::now(), label, content }
}
