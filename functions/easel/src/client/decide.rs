//! `easel approve`, `reject`, `publish`, `unpublish`, `cancel`, `retry`: decides on a task.

use clap::Args;
use serde_json::{Map, Value, json};

use super::submit::with_uploads;
use super::{Client, ServiceArguments, text};
use crate::arguments::fields::RetrySettingsArguments;
use crate::command_error::CommandError;
use crate::output;

/// Which task.
#[derive(Debug, Args)]
pub(crate) struct TaskArguments {
    /// The task's id
    id: String,
    #[command(flatten)]
    service: ServiceArguments,
    /// Print the task as one JSON object on standard output
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ApproveArguments {
    #[command(flatten)]
    task: TaskArguments,
    /// A note for the history
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,
    /// The images to approve, counted from 0, such as 0,2; the others are never published [default: all]
    #[arg(long, value_name = "N,N", value_delimiter = ',')]
    images: Vec<u32>,
}

#[derive(Debug, Args)]
pub(crate) struct RejectArguments {
    #[command(flatten)]
    task: TaskArguments,
    /// The reason, for the next attempt
    #[arg(long, value_name = "TEXT", visible_alias = "note")]
    reason: Option<String>,
}

/// Of a command that may say why.
#[derive(Debug, Args)]
pub(crate) struct ReasonArguments {
    #[command(flatten)]
    task: TaskArguments,
    /// The reason
    #[arg(long, value_name = "TEXT", visible_alias = "note")]
    reason: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct RetryArguments {
    #[command(flatten)]
    task: TaskArguments,
    /// Make the attempt that failed once more as it was, with the same seed
    #[arg(long)]
    same: bool,
    #[command(flatten)]
    settings: RetrySettingsArguments,
}

/// Accepts a task's images.
///
/// # Errors
/// The service refuses or cannot be reached.
pub(crate) fn approve(arguments: &ApproveArguments) -> Result<(), CommandError> {
    let mut fields = Map::new();
    if let Some(note) = &arguments.note {
        fields.insert("note".to_owned(), json!(note));
    }
    if !arguments.images.is_empty() {
        fields.insert("images".to_owned(), json!(arguments.images));
    }
    make(&Client::new(&arguments.task.service)?, &arguments.task, "approve", fields)
}

/// Turns a task's images down.
///
/// # Errors
/// The service refuses or cannot be reached.
pub(crate) fn reject(arguments: &RejectArguments) -> Result<(), CommandError> {
    decide(&arguments.task, "reject", &[("reason", &arguments.reason)])
}

/// Cancels a task.
///
/// # Errors
/// The service refuses or cannot be reached.
pub(crate) fn cancel(arguments: &ReasonArguments) -> Result<(), CommandError> {
    decide(&arguments.task, "cancel", &[("reason", &arguments.reason)])
}

/// Makes a task's images public.
///
/// # Errors
/// The service refuses or cannot be reached.
pub(crate) fn publish(arguments: &TaskArguments) -> Result<(), CommandError> {
    decide(arguments, "publish", &[])
}

/// Takes a task's public images away.
///
/// # Errors
/// The service refuses or cannot be reached.
pub(crate) fn unpublish(arguments: &ReasonArguments) -> Result<(), CommandError> {
    decide(&arguments.task, "unpublish", &[("reason", &arguments.reason)])
}

/// Asks for a further attempt at a task, with other settings where they are given.
///
/// # Errors
/// The service refuses or cannot be reached.
pub(crate) fn retry(arguments: &RetryArguments) -> Result<(), CommandError> {
    let client = Client::new(&arguments.task.service)?;
    let settings = &arguments.settings;
    let mut fields = with_uploads(&client, settings.values.clone(), settings.init_image.as_deref())?;
    if arguments.same {
        fields.insert("same".to_owned(), json!(true));
    }
    make(&client, &arguments.task, "retry", fields)
}

fn decide(arguments: &TaskArguments, action: &str, fields: &[(&str, &Option<String>)]) -> Result<(), CommandError> {
    let given = fields.iter().filter_map(|(name, text)| Some(((*name).to_owned(), json!(text.as_ref()?))));
    make(&Client::new(&arguments.service)?, arguments, action, given.collect())
}

fn make(
    client: &Client,
    arguments: &TaskArguments,
    action: &str,
    fields: Map<String, Value>,
) -> Result<(), CommandError> {
    let task = client.post(&format!("/v1/tasks/{}/{action}", arguments.id), &Value::Object(fields))?;
    if arguments.json {
        return output::json(&task);
    }
    let keys = task["publication"]["keys"].as_array().map(Vec::as_slice).unwrap_or_default();
    let shown = [text(&task["id"]), text(&task["status"])].into_iter().chain(keys.iter().map(text));
    output::result(&shown.collect::<Vec<_>>().join(" "))
}
