//! Keeping views and styles, for oneself or for everybody.

use axum::Json;
use axum::extract::State;
use easel_domain::Error;
use easel_domain::identity::{Identity, Role};
use easel_storage::store::{Kept, MAX_KEPT, Saved, ShelfKind};
use jiff::Timestamp;

use crate::body::Body;
use crate::caller::Creator;
use crate::error::{ApiError, Result};
use crate::kept_view::{Name, SavedStyle, SavedView, may_change, read_label};
use crate::parameters::NoParameters;
use crate::schemas::{self, AnyProblem, BodyProblem, ConflictProblem, NamedProblem, TokenProblem};
use crate::services::Services;

/// Save a view under a name, in the place of one that is there.
#[utoipa::path(
    put,
    path = "/v1/views/{name}",
    operation_id = "saveView",
    tag = "review",
    params(Name),
    request_body = schemas::ViewBody,
    responses(
        (status = 200, description = "The view", body = SavedView),
        AnyProblem, TokenProblem, ConflictProblem, BodyProblem
    ),
    security(("token" = []))
)]
pub(super) async fn save_view(
    State(services): State<Services>,
    Creator(identity): Creator,
    _: NoParameters,
    Name(name): Name,
    body: Body,
) -> Result<Json<SavedView>> {
    Ok(Json(SavedView::new(save(&services, ShelfKind::Views, &identity, name, &body).await?)?))
}

/// Remove a saved view.
#[utoipa::path(
    delete,
    path = "/v1/views/{name}",
    operation_id = "removeView",
    tag = "review",
    params(Name),
    responses((status = 200, description = "What was removed", body = SavedView), AnyProblem, TokenProblem, NamedProblem),
    security(("token" = []))
)]
pub(super) async fn remove_view(
    State(services): State<Services>,
    Creator(identity): Creator,
    _: NoParameters,
    Name(name): Name,
) -> Result<Json<SavedView>> {
    Ok(Json(SavedView::new(remove(&services, ShelfKind::Views, &identity, &name).await?)?))
}

/// Save a style under a name, in the place of one that is there.
///
/// A style's text takes the prompt in where it says `{prompt}`; other text comes after the prompt. Clients apply it before
/// they ask for images, so that a task has the prompt that is drawn.
#[utoipa::path(
    put,
    path = "/v1/styles/{name}",
    operation_id = "saveStyle",
    tag = "review",
    params(Name),
    request_body = schemas::StyleBody,
    responses(
        (status = 200, description = "The style", body = SavedStyle),
        AnyProblem, TokenProblem, ConflictProblem, BodyProblem
    ),
    security(("token" = []))
)]
pub(super) async fn save_style(
    State(services): State<Services>,
    Creator(identity): Creator,
    _: NoParameters,
    Name(name): Name,
    body: Body,
) -> Result<Json<SavedStyle>> {
    Ok(Json(SavedStyle::new(save(&services, ShelfKind::Styles, &identity, name, &body).await?)?))
}

/// Remove a style.
#[utoipa::path(
    delete,
    path = "/v1/styles/{name}",
    operation_id = "removeStyle",
    tag = "review",
    params(Name),
    responses((status = 200, description = "What was removed", body = SavedStyle), AnyProblem, TokenProblem, NamedProblem),
    security(("token" = []))
)]
pub(super) async fn remove_style(
    State(services): State<Services>,
    Creator(identity): Creator,
    _: NoParameters,
    Name(name): Name,
) -> Result<Json<SavedStyle>> {
    Ok(Json(SavedStyle::new(remove(&services, ShelfKind::Styles, &identity, &name).await?)?))
}

async fn save(services: &Services, kind: ShelfKind, by: &Identity, name: String, body: &Body) -> Result<Kept> {
    let (label, shared) = read_label(kind, body.object()?)?;
    let before = services.workflow.store.kept(kind, &by.name, &name).await?;
    // What others share under the name stays, unless it is to be shared anew.
    let before = before.filter(|before| shared || before.owner == by.name);
    if shared || before.as_ref().is_some_and(|before| before.shared) {
        by.has_role(Role::Reviewer)?;
    }
    let version = before.as_ref().map_or(1, |before| before.version + 1);
    let owner = before.as_ref().filter(|before| before.shared && shared).map_or(&by.name, |before| &before.owner);
    let (owner, updated_at) = (owner.clone(), Timestamp::now());
    let kept = Kept { key: name, owner, shared, version, updated_at, label, content: serde_json::Map::new() };
    keep(services, kind, &kept, before.as_ref()).await?;
    Ok(kept)
}

/// Keeps something, unless there is no room for it.
///
/// # Errors
/// Returns [`Error::Conflict`] if there is no room, or if others changed it at the same moment.
pub(super) async fn keep(services: &Services, kind: ShelfKind, kept: &Kept, before: Option<&Kept>) -> Result<()> {
    let store = &services.workflow.store;
    if before.is_none_or(|before| before.shared != kept.shared) {
        let owner = Some(kept.owner.as_str()).filter(|_| !kept.shared);
        if store.shelf_count(kind, owner).await? >= MAX_KEPT {
            let whose = if kept.shared { "everybody" } else { "you" };
            let message = format!("there are {MAX_KEPT} for {whose}, which is the limit: remove one first");
            return Err(Error::Conflict(message).into());
        }
    }
    match store.keep(kind, kept, before).await? {
        Saved::Done => Ok(()),
        Saved::Stale => {
            let message = "somebody else has just changed it, or the name is taken: look again, then repeat it";
            Err(Error::Conflict(message.to_owned()).into())
        }
    }
}

async fn remove(services: &Services, kind: ShelfKind, by: &Identity, name: &str) -> Result<Kept> {
    let store = &services.workflow.store;
    let Some(kept) = store.kept(kind, &by.name, name).await? else {
        return Err(ApiError::NotFound("neither you nor everybody has something under this name".to_owned()));
    };
    if !may_change(by, &kept) {
        by.has_role(Role::Reviewer)?;
    }
    store.discard(kind, &kept).await?;
    Ok(kept)
}
