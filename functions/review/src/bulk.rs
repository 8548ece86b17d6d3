//! `POST /v1/tasks/bulk`: one move for many tasks, an answer for each.

use easel_core::error::{Error, Result, WrongField};
use easel_core::fields::Fields;
use easel_core::http::{Answer, BulkAnswer, BulkResult, Call, Problem};
use easel_core::identity::Identity;
use easel_core::services::Services;
use easel_core::task::Move;
use easel_core::workflow::Workflow;
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::moves;

/// Most tasks of one call.
const MOST: usize = 100;
/// How many are moved at the same time.
const AT_ONCE: usize = 8;

pub(crate) async fn move_many(services: &Services, call: &Call) -> Result<Answer> {
    let identity = call.identity()?;
    let (ids, step, fields) = read(call)?;
    let mut results: Vec<Option<BulkResult>> = vec![None; ids.len()];
    let mut waiting = ids.into_iter().enumerate();
    let mut running = JoinSet::new();
    loop {
        while running.len() < AT_ONCE {
            let Some((place, id)) = waiting.next() else { break };
            let (workflow, identity, fields) = (services.workflow.clone(), identity.clone(), fields.clone());
            running.spawn(async move { (place, move_one(&workflow, &id, step, fields, &identity).await) });
        }
        let Some(done) = running.join_next().await else { break };
        let (place, result) = done.map_err(|error| Error::Internal(error.to_string()))?;
        results[place] = Some(result);
    }
    Answer::json(200, &BulkAnswer { results: results.into_iter().flatten().collect() })
}

/// The ids, the move, and what is said with it.
fn read(call: &Call) -> Result<(Vec<String>, Move, Fields)> {
    let mut fields = call.fields()?;
    let names: Vec<_> = Move::BY_PEOPLE.iter().map(|step| step.as_str()).collect();
    let ids = fields.texts("ids", MOST, 100).unwrap_or_default();
    let step = fields.choice("move", &names).and_then(|name| Move::named(&name));
    let mut wrong = Vec::new();
    if ids.is_empty() && !fields.is_refused("ids") {
        fields.refuse("ids", format!("is missing or empty: name 1 to {MOST} tasks"));
    }
    if step.is_none() && !fields.is_refused("move") {
        fields.refuse("move", format!("is missing: say one of {}", names.join(", ")));
    }
    wrong.extend(fields.take_wrong());
    let mut sorted = ids.clone();
    sorted.sort_unstable();
    if let Some(twice) = sorted.windows(2).find(|pair| pair[0] == pair[1]) {
        wrong.push(WrongField::new("ids", format!("{} is there twice", twice[0])));
    }
    match step {
        Some(step) if wrong.is_empty() => Ok((ids, step, fields)),
        _ => Err(Error::Invalid(wrong)),
    }
}

async fn move_one(workflow: &Workflow, id: &str, step: Move, fields: Fields, identity: &Identity) -> BulkResult {
    let result = async {
        let id: Uuid = id.parse().map_err(|_| Error::NotFound(format!("there is no task {id}: ids are UUIDs")))?;
        let seen = workflow.store.task(id).await?;
        identity.may_make(step, &seen)?;
        let asked = moves::read(step, fields, &seen)?;
        moves::make(workflow, id, asked, identity, None).await
    };
    match result.await {
        Ok(task) => BulkResult {
            id: id.to_owned(),
            status: 200,
            task_status: Some(task.status),
            version: Some(task.version),
            problem: None,
        },
        Err(error) => {
            let problem = Problem::from(&error);
            BulkResult {
                id: id.to_owned(),
                status: problem.status,
                task_status: None,
                version: None,
                problem: Some(problem),
            }
        }
    }
}
