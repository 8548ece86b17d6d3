//! What waits to be drawn, in which order, and when it may begin.

use std::collections::{HashMap, HashSet};

use axum::Json;
use axum::extract::State;
use easel_domain::identity::Identity;
use easel_domain::limits::pixel_evaluations;
use easel_domain::task::{Status, Task};
use easel_settings::shortened;
use easel_storage::store::{Filter, Owner, Prioritized, QueueState, Store, Turn, WaitingTask, turns};
use jiff::Timestamp;
use uuid::Uuid;

use crate::caller::Creator;
use crate::error::Result;
use crate::parameters::{PageParameters, Paged};
use crate::queue_view::{QueueView, QueuedTask};
use crate::schemas::{AnyProblem, TokenProblem};
use crate::services::Services;

/// The tasks that wait.
pub(super) struct Waiting;

impl Paged for Waiting {
    const WHAT: &'static str = "tasks";
    const LIMIT: usize = 20;
    const MOST: usize = 50;
    const DEEPEST: usize = 1_000;
}

/// How many of the newest drawn tasks the speed is measured on.
const MEASURED: usize = 20;
/// Most characters of a title.
const TITLE: usize = 200;
const MEGA: f64 = 1e6;

/// A task by its place in the queue.
struct Place {
    position: usize,
    work_before: f64,
    of: Whose,
}

enum Whose {
    First(Prioritized),
    InTurn { owner: String, place: usize },
}

/// Show what waits, in the order in which it is drawn.
#[utoipa::path(
    get,
    path = "/v1/queue",
    operation_id = "showQueue",
    tag = "read",
    params(PageParameters<Waiting>),
    responses((status = 200, description = "The queue", body = QueueView), AnyProblem, TokenProblem),
    security(("token" = []))
)]
pub(super) async fn show_queue(
    State(services): State<Services>,
    Creator(identity): Creator,
    PageParameters { limit, behind, .. }: PageParameters<Waiting>,
) -> Result<Json<QueueView>> {
    let store = &services.workflow.store;
    let (state, owners) = (store.queue().await?, store.owners_in_turn().await?);
    let waiting = owners.iter().map(|owner| u64::try_from(owner.waiting).unwrap_or_default()).sum();
    let first = waiting_first(store, &state, &owners).await?;
    let now = Timestamp::now();
    let reports = store.workers().await?;
    let workers = reports.iter().filter(|report| report.sdxl_available && report.is_fresh(now)).count();
    let speed = speed(store).await?;
    let pace = speed.map(|speed| speed * workers.max(1) as f64).filter(|pace| *pace > 0.0 && !state.is_paused());
    let places = places(&owners, &first);
    let mut places = places.into_iter().filter(|place| is_shown(place, &identity)).skip(behind);
    let page: Vec<_> = places.by_ref().take(limit).collect();
    let is_cut = places.next().is_some() && behind + limit < Waiting::DEEPEST;
    let tasks = queued(store, &page, &first, pace).await?;
    let counts = store.counts().await?;
    let count = |status: Status| counts.get(&status).copied().unwrap_or_default();
    let pause = state.pause.as_ref();
    Ok(Json(QueueView {
        paused: pause.is_some(),
        paused_at: pause.map(|pause| pause.at),
        paused_by: pause.filter(|_| identity.sees_all()).map(|pause| pause.by.clone()),
        waiting,
        running: count(Status::InProgress),
        awaiting_approval: identity.sees_all().then(|| count(Status::AwaitingApproval)),
        workers,
        speed: speed.map(|speed| speed / MEGA),
        tasks,
        next_cursor: is_cut.then(|| (behind + limit).to_string()),
    }))
}

fn is_shown(place: &Place, identity: &Identity) -> bool {
    let owner = match &place.of {
        Whose::First(task) => &task.owner,
        Whose::InTurn { owner, .. } => owner,
    };
    identity.sees_tasks_of(owner)
}

/// The tasks that come before others, as far as they wait.
async fn waiting_first(store: &Store, state: &QueueState, owners: &[Owner]) -> Result<Vec<Prioritized>> {
    let mut first = Vec::new();
    for task in state.in_turn(owners) {
        if store.is_waiting(&task.owner, task.task).await? {
            first.push(task);
        }
    }
    Ok(first)
}

/// Every place of the queue, as far as it is shown to anybody.
fn places(owners: &[Owner], first: &[Prioritized]) -> Vec<Place> {
    let mut places = Vec::new();
    let mut rest = owners.to_vec();
    let mut work = 0.0;
    for task in first {
        places.push(Place { position: places.len() + 1, work_before: work, of: Whose::First(task.clone()) });
        // Whoever has just been served comes last.
        if let Some(at) = rest.iter().position(|owner| owner.name == task.owner) {
            let mut owner = rest.remove(at);
            let share = owner.work / owner.waiting.max(1);
            work += share as f64;
            (owner.waiting, owner.work) = (owner.waiting - 1, owner.work - share);
            rest.push(owner);
        }
    }
    let ahead = places.len();
    places.extend(turns(&rest).enumerate().map(|(number, Turn { owner, place, work_before })| Place {
        position: ahead + number + 1,
        work_before: work + work_before as f64,
        of: Whose::InTurn { owner: owner.to_owned(), place: usize::try_from(place).unwrap_or_default() },
    }));
    places
}

/// The tasks at these places.
async fn queued(store: &Store, page: &[Place], first: &[Prioritized], pace: Option<f64>) -> Result<Vec<QueuedTask>> {
    let first: HashSet<Uuid> = first.iter().map(|task| task.task).collect();
    let mut deepest: HashMap<&str, usize> = HashMap::new();
    for place in page {
        if let Whose::InTurn { owner, place } = &place.of {
            let deep = deepest.entry(owner).or_default();
            *deep = (*deep).max(place + 1);
        }
    }
    let mut lists: HashMap<&str, Vec<WaitingTask>> = HashMap::new();
    for (owner, deep) in deepest {
        let mut list = store.tasks_waiting(owner, Some(deep + first.len())).await?;
        list.retain(|task| !first.contains(&task.task));
        lists.insert(owner, list);
    }
    let mut tasks = Vec::new();
    for Place { position, work_before, of } in page {
        let (id, priority) = match of {
            Whose::First(task) => (task.task, task.priority),
            Whose::InTurn { owner, place } => match lists.get(owner.as_str()).and_then(|list| list.get(*place)) {
                Some(task) => (task.task, 0),
                None => continue,
            },
        };
        // A worker may have taken it since.
        let Some(task) = store.find(id).await?.filter(|task| task.status == Status::Pending) else { continue };
        tasks.push(QueuedTask {
            id,
            position: *position,
            title: title(&task),
            priority,
            waiting_since: task.updated_at,
            work: pixel_evaluations(&task.attempt.settings) as f64 / MEGA,
            starts_in_seconds: pace.map(|pace| work_before / pace),
            owner: task.owner,
        });
    }
    Ok(tasks)
}

fn title(task: &Task) -> String {
    shortened(task.title.as_deref().unwrap_or(&task.attempt.settings.prompt), TITLE).into_owned()
}

/// Evaluations of a pixel a second, of the newest drawn tasks together.
async fn speed(store: &Store) -> Result<Option<f64>> {
    let statuses = vec![Status::AwaitingApproval, Status::Approved, Status::Published, Status::Rejected];
    let page = store.list(&Filter { statuses, ..Filter::default() }, MEASURED, None).await?;
    let (mut work, mut seconds) = (0.0, 0.0);
    for task in page.tasks {
        if let Some(report) = &task.attempt.generation {
            work += pixel_evaluations(&task.attempt.settings) as f64;
            seconds += report.drawing_seconds;
        }
    }
    Ok((seconds > 0.0).then(|| work / seconds))
}
