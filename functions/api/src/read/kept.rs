//! What people keep: views and styles, their own and everybody's.

use axum::Json;
use axum::extract::State;
use easel_storage::store::{Kept, ShelfKind};

use crate::caller::Creator;
use crate::error::{ApiError, Result};
use crate::kept_view::{Name, SavedStyle, SavedStyles, SavedView, SavedViews};
use crate::parameters::NoParameters;
use crate::schemas::{AnyProblem, NamedProblem, TokenProblem};
use crate::services::Services;

/// List saved views: yours and those that are shared.
#[utoipa::path(
    get,
    path = "/v1/views",
    operation_id = "listViews",
    tag = "read",
    responses((status = 200, description = "The views", body = SavedViews), AnyProblem, TokenProblem),
    security(("token" = []))
)]
pub(super) async fn list_views(
    State(services): State<Services>,
    Creator(identity): Creator,
    _: NoParameters,
) -> Result<Json<SavedViews>> {
    let kept = services.workflow.store.shelf(ShelfKind::Views, &identity.name).await?;
    Ok(Json(SavedViews { views: kept.into_iter().map(SavedView::new).collect::<Result<_>>()? }))
}

/// Show a saved view.
#[utoipa::path(
    get,
    path = "/v1/views/{name}",
    operation_id = "getView",
    tag = "read",
    params(Name),
    responses((status = 200, description = "The view", body = SavedView), AnyProblem, TokenProblem, NamedProblem),
    security(("token" = []))
)]
pub(super) async fn get_view(
    State(services): State<Services>,
    Creator(identity): Creator,
    _: NoParameters,
    Name(name): Name,
) -> Result<Json<SavedView>> {
    Ok(Json(SavedView::new(find(&services, ShelfKind::Views, &identity.name, &name).await?)?))
}

/// List styles: yours and those that are shared.
#[utoipa::path(
    get,
    path = "/v1/styles",
    operation_id = "listStyles",
    tag = "read",
    responses((status = 200, description = "The styles", body = SavedStyles), AnyProblem, TokenProblem),
    security(("token" = []))
)]
pub(super) async fn list_styles(
    State(services): State<Services>,
    Creator(identity): Creator,
    _: NoParameters,
) -> Result<Json<SavedStyles>> {
    let kept = services.workflow.store.shelf(ShelfKind::Styles, &identity.name).await?;
    Ok(Json(SavedStyles { styles: kept.into_iter().map(SavedStyle::new).collect::<Result<_>>()? }))
}

/// Show a style.
#[utoipa::path(
    get,
    path = "/v1/styles/{name}",
    operation_id = "getStyle",
    tag = "read",
    params(Name),
    responses((status = 200, description = "The style", body = SavedStyle), AnyProblem, TokenProblem, NamedProblem),
    security(("token" = []))
)]
pub(super) async fn get_style(
    State(services): State<Services>,
    Creator(identity): Creator,
    _: NoParameters,
    Name(name): Name,
) -> Result<Json<SavedStyle>> {
    Ok(Json(SavedStyle::new(find(&services, ShelfKind::Styles, &identity.name, &name).await?)?))
}

async fn find(services: &Services, kind: ShelfKind, owner: &str, name: &str) -> Result<Kept> {
    let kept = services.workflow.store.kept(kind, owner, name).await?;
    kept.ok_or_else(|| ApiError::NotFound("neither you nor everybody has something under this name".to_owned()))
}
