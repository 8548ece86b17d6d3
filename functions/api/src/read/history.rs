//! A task's history, page by page.

use axum::extract::State;
use axum::response::Response;

use crate::caller::Creator;
use crate::conditional::{Known, state_tag, version_tag};
use crate::error::Result;
use crate::parameters::{PageParameters, Paged};
use crate::schemas::{AnyProblem, TaskProblem, TokenProblem, Unchanged};
use crate::services::Services;
use crate::task_id::TaskId;
use crate::task_view::EventView;
use crate::views::{HistoryView, NewestEvent};

/// What happened to a task.
pub(super) struct Events;

impl Paged for Events {
    const WHAT: &'static str = "events";
    const LIMIT: usize = 100;
    const MOST: usize = 1_000;
    const DEEPEST: usize = 1_000_000_000;
}

/// Show what happened to a task, page by page.
///
/// The history outlives the task, so that it can be said who deleted it.
#[utoipa::path(
    get,
    path = "/v1/tasks/{id}/history",
    operation_id = "getHistory",
    tag = "read",
    params(TaskId, PageParameters<Events>, Known),
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
    PageParameters { limit, behind, .. }: PageParameters<Events>,
    known: Known,
) -> Result<Response> {
    let store = &services.workflow.store;
    let behind = u64::try_from(behind).unwrap_or(u64::MAX);
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
