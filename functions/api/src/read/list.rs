//! Lists of tasks, page by page.

use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use axum::response::Response;
use easel_domain::task::Status;
use easel_storage::store::{Filter, Page, Store};
use jiff::Timestamp;
use serde_json::{Value, json};
use utoipa::IntoParams;
use utoipa::openapi::path::{Parameter, ParameterIn};
use uuid::Uuid;

use crate::caller::Creator;
use crate::conditional::{Known, state_tag};
use crate::error::{ApiError, Result};
use crate::parameters::QueryParameters;
use crate::schemas::{AnyProblem, TokenProblem, Unchanged, parameter};
use crate::services::Services;
use crate::task_summary::TaskSummary;
use crate::views::TaskPage;

const LIMIT: usize = 20;
const MOST: usize = 100;
/// How many pages are looked through for tasks that a reviewer looks at.
const LOOKED_THROUGH: usize = 10;

/// List tasks, page by page.
///
/// A page ends early where its tasks are long: `next_cursor` says whether there is more. A list has no metadata, no
/// earlier attempts, no notes to single images, no progress and no large images; `GET /v1/tasks/{id}` has.
#[utoipa::path(
    get,
    path = "/v1/tasks",
    operation_id = "listTasks",
    tag = "read",
    params(ListParameters, Known),
    responses(
        (status = 200, description = "A page", body = TaskPage, headers(("ETag" = String))),
        Unchanged, AnyProblem, TokenProblem
    ),
    security(("token" = []))
)]
pub(super) async fn list_tasks(
    State(services): State<Services>,
    Creator(identity): Creator,
    ListParameters { mut filter, reviewer, limit, behind }: ListParameters,
    known: Known,
) -> Result<Response> {
    // To a creator, others' tasks do not exist.
    let asks_for_own = filter.owner_prefix.as_ref().is_none_or(|prefix| begins(&identity.name, prefix));
    if !identity.sees_all() {
        filter.owner_prefix = None;
        filter.owner = Some(identity.name.clone());
    }
    let store = &services.workflow.store;
    let page = match reviewer {
        _ if !identity.sees_all() && !asks_for_own => Page { tasks: Vec::new(), next: None },
        Some(reviewer) => reviewed_by(store, &reviewer, filter, limit, behind).await?,
        None => store.list(&filter, limit, behind).await?,
    };
    let versions: Vec<_> = page.tasks.iter().map(|task| (task.id, task.version)).collect();
    let ids: Vec<_> = page.tasks.iter().map(|task| task.id).collect();
    let discussions = store.discussions(&ids, Timestamp::now()).await?;
    let tag = state_tag(&(versions, page.next, &discussions))?;
    let shown = async {
        let tasks = TaskSummary::page(&page.tasks, &discussions, &identity, &services).await?;
        // What did not fit into the answer begins the next page.
        let is_cut = tasks.len() < page.tasks.len();
        let next = if is_cut { tasks.last().map(|task| task.id) } else { page.next };
        Ok(TaskPage { tasks, next_cursor: next.map(|id| id.to_string()) })
    };
    known.show(tag, shown).await
}

/// A page of those that reviewers look at whose name begins like this. Who looks at a task stands beside it, so that tasks are
/// looked through; a page ends early where too few of them are.
async fn reviewed_by(
    store: &Store,
    reviewer: &str,
    mut filter: Filter,
    limit: usize,
    behind: Option<Uuid>,
) -> Result<Page> {
    if filter.statuses.is_empty() {
        filter.statuses.push(Status::AwaitingApproval);
    }
    let mut found = Page { tasks: Vec::new(), next: behind };
    for _ in 0..LOOKED_THROUGH {
        let page = store.list(&filter, MOST, found.next).await?;
        let ids: Vec<_> = page.tasks.iter().map(|task| task.id).collect();
        let discussions = store.discussions(&ids, Timestamp::now()).await?;
        for task in page.tasks {
            let looks = discussions.get(&task.id).and_then(|discussion| discussion.reviewer.as_ref());
            if !looks.is_some_and(|looks| begins(&looks.name, reviewer)) {
                continue;
            }
            found.next = Some(task.id);
            found.tasks.push(task);
            if found.tasks.len() == limit {
                return Ok(found);
            }
        }
        found.next = page.next;
        if found.next.is_none() {
            break;
        }
    }
    Ok(found)
}

/// Which tasks to list, how many, and behind which one.
pub(super) struct ListParameters {
    filter: Filter,
    reviewer: Option<String>,
    limit: usize,
    behind: Option<Uuid>,
}

impl<S: Send + Sync> FromRequestParts<S> for ListParameters {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self> {
        let mut parameters = QueryParameters::from_request_parts(parts, state).await?;
        let some = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        let short = |text: &str| some(text).filter(|text| text.chars().count() <= Filter::MAX_TEXT);
        let length = format!("is not 1 to {} characters long", Filter::MAX_TEXT);
        let time = |text: &str| text.parse::<Timestamp>().ok();
        let statuses = format!("is not a list of {}", statuses().join(", "));
        let filter = Filter {
            statuses: parameters.read("status", &statuses, several).unwrap_or_default(),
            owner: None,
            owner_prefix: parameters.read("owner", &length, short),
            tag_prefix: parameters.read("tag", &length, short),
            model_prefix: parameters.read("model", &length, short),
            text: parameters.read("text", &length, short),
            attempt: parameters
                .read("attempt", "is not a number from 1 on", |text| text.parse().ok().filter(|number| *number > 0)),
            created_after: parameters.read("created_after", "is not a time such as 2027-01-31T12:00:00Z", time),
            created_before: parameters.read("created_before", "is not a time such as 2027-01-31T12:00:00Z", time),
            oldest_first: parameters.read("order", "is neither newest nor oldest", oldest_first).unwrap_or_default(),
        };
        let reviewer = parameters.read("reviewer", &length, short);
        let within = |text: &str| text.parse().ok().filter(|limit| (1..=MOST).contains(limit));
        let limit = parameters.read("limit", &format!("is not a number from 1 to {MOST}"), within);
        let behind = parameters.read("cursor", "is not the `next_cursor` of a page", |text| text.parse().ok());
        parameters.finish()?;
        Ok(Self { filter, reviewer, limit: limit.unwrap_or(LIMIT), behind })
    }
}

impl IntoParams for ListParameters {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let time = json!({"type": "string", "format": "date-time"});
        let search = json!({"type": "string", "minLength": 1, "maxLength": Filter::MAX_TEXT});
        let order = json!({"type": "string", "enum": ["newest", "oldest"], "default": "newest"});
        let limit = json!({"type": "integer", "minimum": 1, "maximum": MOST, "default": LIMIT});
        let query =
            |name: &str, description: &str, schema: Value| parameter(ParameterIn::Query, name, description, schema);
        vec![
            query(
                "status",
                "Only tasks in these states, with commas between; without it, all but deleted ones",
                json!({"type": "string", "pattern": format!("^({0})(,({0}))*$", statuses().join("|"))}),
            ),
            query("owner", "Only tasks of people whose name begins like this, whatever the case", search.clone()),
            query("tag", "Only tasks with a tag that begins like this, whatever the case", search.clone()),
            query("model", "Only tasks for a model whose name begins like this, whatever the case", search.clone()),
            query("text", "Only tasks with this in the prompt or the title, whatever the case", search.clone()),
            query(
                "reviewer",
                "Only tasks that a reviewer looks at whose name begins like this, whatever the case; without `status`, of those \
                 that await approval",
                search,
            ),
            query(
                "attempt",
                "Only tasks that are at this attempt, or a later one",
                json!({"type": "integer", "minimum": 1}),
            ),
            query("created_after", "Only tasks that were asked for at this time or later", time.clone()),
            query("created_before", "Only tasks that were asked for before this time", time),
            query("order", "Which tasks come first", order),
            query("limit", "Most tasks of the page", limit),
            query(
                "cursor",
                "The `next_cursor` of the page before, with the same parameters",
                json!({"type": "string", "format": "uuid"}),
            ),
        ]
    }
}

fn statuses() -> Vec<&'static str> {
    Status::ALL.iter().map(|status| status.as_str()).collect()
}

/// Statuses with commas between.
fn several(text: &str) -> Option<Vec<Status>> {
    text.split(',').map(Status::named).collect()
}

fn begins(name: &str, prefix: &str) -> bool {
    name.to_lowercase().starts_with(&prefix.to_lowercase())
}

fn oldest_first(order: &str) -> Option<bool> {
    match order {
        "newest" => Some(false),
        "oldest" => Some(true),
        _ => None,
    }
}
