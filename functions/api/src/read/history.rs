//! A task's history, page by page.

use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use axum::response::Response;
use serde_json::json;
use utoipa::IntoParams;
use utoipa::openapi::path::{Parameter, ParameterIn};

use crate::caller::Creator;
use crate::conditional::{Known, state_tag, version_tag};
use crate::error::{ApiError, Result};
use crate::parameters::QueryParameters;
use crate::schemas::{AnyProblem, TaskProblem, TokenProblem, Unchanged, parameter};
use crate::services::Services;
use crate::task_id::TaskId;
use crate::task_view::EventView;
use crate::views::{HistoryView, NewestEvent};

const LIMIT: usize = 100;
const MOST: usize = 1_000;

/// Show what happened to a task, page by page.
///
/// The history outlives the task, so that it can be said who deleted it.
#[utoipa::path(
    get,
    path = "/v1/tasks/{id}/history",
    operation_id = "getHistory",
    tag = "read",
    params(TaskId, HistoryParameters, Known),
    responses(
        (status = 200, description = "Its history", body = HistoryView, headers(("ETag" = String))),
        Unchanged, AnyProblem, TokenProblem, TaskProblem
    ),
    security(("token" = []))
)]
pub(super) async fn get_history(
    State(services): State<Services>,
    Creator(identity): Creator,
    TaskId(id): TaskId,
    HistoryParameters { limit, behind }: HistoryParameters,
    known: Known,
) -> Result<Response> {
    let store = &services.workflow.store;
    // Before the events, so that they are not behind it.
    let newest = store.newest_event(id).await?;
    let page = store.history_page(id, behind, limit).await?;
    let first = if behind == 0 { page.events.first().cloned() } else { store.event_at(id, 1).await? };
    if !first.is_some_and(|event| event.change.owner().is_some_and(|owner| identity.sees_tasks_of(owner))) {
        return Err(easel_domain::Error::NotFound(id).into());
    }
    // The end of a history has the tag of the task, which has the same version.
    let tag = match page.next {
        Some(next) => state_tag(&(behind, next))?,
        None => version_tag(page.events.last().map_or(behind, |last| last.version))?,
    };
    let shown = async {
        let events = page.events.iter().map(|event| EventView::new(event, &identity)).collect();
        let newest = newest.map(|(version, hash)| NewestEvent { version, hash });
        Ok(HistoryView { events, next_cursor: page.next.map(|version| version.to_string()), newest })
    };
    known.show(tag, shown).await
}

/// How many events, and behind which one.
pub(super) struct HistoryParameters {
    limit: usize,
    behind: u64,
}

impl<S: Send + Sync> FromRequestParts<S> for HistoryParameters {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self> {
        let mut parameters = QueryParameters::from_request_parts(parts, state).await?;
        let within = |text: &str| text.parse().ok().filter(|limit| (1..=MOST).contains(limit));
        let limit = parameters.read("limit", &format!("is not a number from 1 to {MOST}"), within);
        let behind = parameters
            .read("cursor", "is not the `next_cursor` of a page", |text| text.parse::<u32>().ok().map(u64::from));
        parameters.finish()?;
        Ok(Self { limit: limit.unwrap_or(LIMIT), behind: behind.unwrap_or_default() })
    }
}

impl IntoParams for HistoryParameters {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let limit = json!({"type": "integer", "minimum": 1, "maximum": MOST, "default": LIMIT});
        let cursor = json!({"type": "string", "pattern": "^[0-9]{1,9}$"});
        vec![
            parameter(ParameterIn::Query, "limit", "Most events of the page", limit),
            parameter(ParameterIn::Query, "cursor", "The `next_cursor` of the page before", cursor),
        ]
    }
}
