//! `easel approve`, `reject`, `publish`, `cancel`: decides on a task.

use easel_core::task::Move;
use serde_json::{Value, json};

use super::Client;
use crate::failure::Failure;
use crate::output;
use crate::service_arguments::DecisionArguments;

/// Makes a move on a task.
///
/// # Errors
/// The service's.
pub(crate) fn decide(arguments: &DecisionArguments, step: Move) -> Result<(), Failure> {
    let field = match step {
        Move::Approve => Some("note"),
        Move::Reject | Move::Cancel => Some("reason"),
        _ => None,
    };
    let body = match (field, &arguments.note) {
        (Some(field), Some(note)) => json!({field: note}),
        (Some(_), None) => json!({}),
        (None, None) => json!({}),
        (None, Some(_)) => return Err(Failure::wrong_use(format!("--note: `{step}` takes none"))),
    };
    let client = Client::new(&arguments.service)?;
    let task = client.post(&format!("/v1/tasks/{}/{step}", arguments.id), &body)?;
    if arguments.json {
        return output::json(&task);
    }
    let keys = task["publication"]["keys"].as_array().map(Vec::as_slice).unwrap_or_default();
    let keys: Vec<_> = keys.iter().filter_map(Value::as_str).collect();
    let status = task["status"].as_str().unwrap_or_default();
    output::result([vec![arguments.id.as_str(), status], keys].concat().join(" ").as_str())
}
