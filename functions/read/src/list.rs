//! `GET /v1/tasks`.

use easel_core::error::Result;
use easel_core::http::{Answer, Call, Tag, TaskPage, TaskView};
use easel_core::services::Services;
use easel_core::store::{Filter, Page};
use easel_core::task::Status;
use uuid::Uuid;

const LIMIT: usize = 20;
const MOST: usize = 100;

pub(crate) async fn list(services: &Services, call: &Call) -> Result<Answer> {
    let identity = call.identity()?;
    let names: Vec<_> = Status::ALL.iter().map(|status| status.as_str()).collect();
    let mut parameters = call.parameters();
    let some = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
    let mut filter = Filter {
        status: parameters.read("status", &format!("is none of {}", names.join(", ")), Status::named),
        owner: parameters.read("owner", "is empty", some),
        tag: parameters.read("tag", "is empty", some),
        text: parameters.read("text", &format!("is not 1 to {} characters long", Filter::MAX_TEXT), |text| {
            some(text).filter(|text| text.chars().count() <= Filter::MAX_TEXT)
        }),
        oldest_first: parameters.read("order", "is neither newest nor oldest", oldest_first).unwrap_or_default(),
    };
    let within = |text: &str| text.parse().ok().filter(|limit| (1..=MOST).contains(limit));
    let limit = parameters.read("limit", &format!("is not a number from 1 to {MOST}"), within);
    let behind = parameters.read("cursor", "is not the `next_cursor` of a page", |text| text.parse::<Uuid>().ok());
    parameters.finish()?;
    let workflow = &services.workflow;
    // Others' tasks are, to a creator, not there at all.
    let asks_for_own = filter.owner.as_ref().is_none_or(|owner| *owner == identity.name);
    if !identity.sees_all() {
        filter.owner = Some(identity.name.clone());
    }
    let page = if identity.sees_all() || asks_for_own {
        workflow.store.list(&filter, limit.unwrap_or(LIMIT), behind).await?
    } else {
        Page { tasks: Vec::new(), next: None }
    };
    let versions: Vec<_> = page.tasks.iter().map(|task| (task.id, task.version)).collect();
    let tag = Tag::weak(&(versions, page.next))?;
    let shown = async {
        let mut tasks = Vec::new();
        for task in &page.tasks {
            tasks.push(TaskView::new(task, None, identity, &workflow.gallery).await?);
        }
        Ok(TaskPage { tasks, next_cursor: page.next.map(|id| id.to_string()) })
    };
    call.show(tag, shown).await
}

fn oldest_first(order: &str) -> Option<bool> {
    match order {
        "newest" => Some(false),
        "oldest" => Some(true),
        _ => None,
    }
}
