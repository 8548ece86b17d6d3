//! One move for many tasks, with a result for each.

use std::collections::HashSet;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use easel_domain::Error;
use easel_domain::task::{Move, Task};
use easel_settings::FieldError;
use serde::Deserialize;
use serde_json::{Map, Value};
use tokio::task::JoinSet;

use super::changes::Words;
use super::moving::move_task;
use crate::body::{Body, typed};
use crate::caller::Creator;
use crate::error::{ApiError, Result};
use crate::fields::{BULK, MAX_BULK};
use crate::parameters::NoParameters;
use crate::schemas::{self, AnyProblem, BodyProblem, TokenProblem};
use crate::services::Services;
use crate::task_id;
use crate::views::{BulkAnswer, BulkResult};

/// How many are moved at the same time.
const AT_ONCE: usize = 8;

#[derive(Deserialize)]
struct Bulk {
    ids: Vec<String>,
    #[serde(rename = "move")]
    action: Move,
}

/// Move up to 100 tasks.
#[utoipa::path(
    post,
    path = "/v1/tasks/bulk",
    operation_id = "moveTasks",
    tag = "review",
    request_body = schemas::BulkBody,
    responses(
        (status = 200, description = "What became of each task", body = BulkAnswer),
        AnyProblem, TokenProblem, BodyProblem
    ),
    security(("token" = []))
)]
pub(super) async fn move_tasks(
    State(services): State<Services>,
    Creator(identity): Creator,
    _: NoParameters,
    body: Body,
) -> Result<Json<BulkAnswer>> {
    let (bulk, object) = read(body.object()?).map_err(Error::Invalid)?;
    let words = Arc::new(Words::read(bulk.action, object)?);
    let mut results: Vec<Option<BulkResult>> = vec![None; bulk.ids.len()];
    let mut waiting = bulk.ids.into_iter().enumerate();
    let mut running = JoinSet::new();
    loop {
        while running.len() < AT_ONCE {
            let Some((place, id)) = waiting.next() else { break };
            let (services, identity, words) = (services.clone(), identity.clone(), words.clone());
            running.spawn(async move {
                let moved = match task_id::parse(&id) {
                    Ok(task) => move_task(&services, task, &words, &identity, None).await,
                    Err(unknown) => Err(unknown),
                };
                (place, result(id, moved))
            });
        }
        let Some(done) = running.join_next().await else { break };
        let (place, result) = done.map_err(|error| ApiError::Internal(error.to_string()))?;
        results[place] = Some(result);
    }
    Ok(Json(BulkAnswer { results: results.into_iter().flatten().collect() }))
}

/// The ids and the move, and what is left for the move to read.
fn read(mut object: Map<String, Value>) -> Result<(Bulk, Map<String, Value>), Vec<FieldError>> {
    let own: Map<_, _> = BULK.iter().filter_map(|field| object.remove_entry(field.name)).collect();
    let mut wrong = own.get("ids").and_then(Value::as_array).map_or_else(Vec::new, |ids| wrong_ids(ids));
    match typed(BULK, own) {
        Ok(bulk) if wrong.is_empty() => Ok((bulk, object)),
        Ok(_) => Err(wrong),
        Err(mut errors) => {
            errors.append(&mut wrong);
            Err(errors)
        }
    }
}

pub(super) fn wrong_ids(ids: &[Value]) -> Vec<FieldError> {
    if ids.is_empty() {
        return vec![FieldError::new("ids", format!("is empty: name 1 to {MAX_BULK} tasks"))];
    }
    let mut seen = HashSet::new();
    let repeated = ids.iter().filter_map(Value::as_str).find(|id| !seen.insert(*id));
    repeated.map(|id| FieldError::new("ids", format!("contains {id} twice"))).into_iter().collect()
}

fn result(id: String, moved: Result<Task>) -> BulkResult {
    match moved {
        Ok(task) => {
            BulkResult { id, status: 200, task_status: Some(task.status), version: Some(task.version), problem: None }
        }
        Err(error) => {
            let problem = error.problem();
            let status = problem.status().as_u16();
            BulkResult { id, status, task_status: None, version: None, problem: Some(problem) }
        }
    }
}
