//! `GET /v1/tasks`.

use easel_core::error::Result;
use easel_core::http::{Answer, Call, TaskPage, TaskView};
use easel_core::services::Services;
use easel_core::store::Filter;
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
    };
    let within = |text: &str| text.parse().ok().filter(|limit| (1..=MOST).contains(limit));
    let limit = parameters.read("limit", &format!("is not a number from 1 to {MOST}"), within);
    let below = parameters.read("cursor", "is not the `next_cursor` of a page", |text| text.parse::<Uuid>().ok());
    parameters.finish()?;
    // Others' tasks are, to a creator, not there at all.
    if !identity.sees_all() {
        if filter.owner.as_ref().is_some_and(|owner| *owner != identity.name) {
            return Answer::json(200, &TaskPage { tasks: Vec::new(), next_cursor: None });
        }
        filter.owner = Some(identity.name.clone());
    }
    let workflow = &services.workflow;
    let page = workflow.store.list(&filter, limit.unwrap_or(LIMIT), below).await?;
    let mut tasks = Vec::new();
    for task in &page.tasks {
        tasks.push(TaskView::new(task, None, identity, &workflow.gallery).await?);
    }
    Answer::json(200, &TaskPage { tasks, next_cursor: page.next.map(|id| id.to_string()) })
}
