//! `easel approve`, `reject`, `publish`, `unpublish`, `cancel`, `retry`, `reopen`: decides on a task.

use clap::Args;
use easel_domain::task::MAX_REMARK;
use easel_settings::{Kind, MAX_COUNT};
use serde_json::{Map, Value, json};

use super::submit::with_uploads;
use super::task_ids::task_id;
use super::{Client, ServiceArguments, images, text};
use crate::arguments::fields::RetrySettingsArguments;
use crate::command_error::CommandError;
use crate::output;

/// Which task.
#[derive(Debug, Args)]
pub(crate) struct TaskArguments {
    /// The task's id, or so much of its beginning that it is the only one
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
    #[command(flatten)]
    notes: NoteArguments,
}

/// Of a command that may say something of single images.
#[derive(Debug, Args)]
struct NoteArguments {
    /// A note to one image, such as 0:too dark; may be given several times
    #[arg(long = "image-note", value_name = "IMAGE:NOTE", value_parser = note)]
    notes: Vec<Value>,
}

#[derive(Debug, Args)]
pub(crate) struct RejectArguments {
    #[command(flatten)]
    task: TaskArguments,
    /// The reason, for the next attempt
    #[arg(long, value_name = "TEXT", visible_alias = "note")]
    reason: Option<String>,
    #[command(flatten)]
    notes: NoteArguments,
    /// A place in an image where something is wrong, in fractions from its top left corner, such as 0:0.5,0.25 or, with a
    /// width and a height, 0:0.5,0.25,0.1,0.2:six fingers; may be given several times
    #[arg(long = "region", value_name = "IMAGE:X,Y[,W,H][:NOTE]", value_parser = region)]
    regions: Vec<Value>,
}

/// Of a command that has to say why.
#[derive(Debug, Args)]
pub(crate) struct ReopenArguments {
    #[command(flatten)]
    task: TaskArguments,
    /// Why it is taken back
    #[arg(long, value_name = "TEXT")]
    reason: String,
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
    arguments.notes.add_to(&mut fields);
    make(&Client::new(&arguments.task.service)?, &arguments.task, "approve", fields)
}

/// Turns a task's images down.
///
/// # Errors
/// The service refuses or cannot be reached.
pub(crate) fn reject(arguments: &RejectArguments) -> Result<(), CommandError> {
    let mut fields = Map::new();
    if let Some(reason) = &arguments.reason {
        fields.insert("reason".to_owned(), json!(reason));
    }
    arguments.notes.add_to(&mut fields);
    if !arguments.regions.is_empty() {
        fields.insert("regions".to_owned(), json!(arguments.regions));
    }
    make(&Client::new(&arguments.task.service)?, &arguments.task, "reject", fields)
}

impl NoteArguments {
    fn add_to(&self, fields: &mut Map<String, Value>) {
        if !self.notes.is_empty() {
            fields.insert("notes".to_owned(), json!(self.notes));
        }
    }
}

/// Takes back an approval, a rejection, a cancellation or a deletion.
///
/// # Errors
/// The service refuses or cannot be reached.
pub(crate) fn reopen(arguments: &ReopenArguments) -> Result<(), CommandError> {
    let fields = Map::from_iter([("reason".to_owned(), json!(arguments.reason))]);
    make(&Client::new(&arguments.task.service)?, &arguments.task, "reopen", fields)
}

/// A note to one image, as it was typed.
fn note(typed: &str) -> Result<Value, String> {
    only(Kind::ImageNotes { of: MAX_COUNT, length: MAX_REMARK }.parse(typed)?)
}

/// A place in an image, as it was typed.
fn region(typed: &str) -> Result<Value, String> {
    only(Kind::Regions { most: 1, of: MAX_COUNT, length: MAX_REMARK }.parse(typed)?)
}

/// The one entry of a list.
fn only(mut list: Value) -> Result<Value, String> {
    list.get_mut(0).map(Value::take).ok_or_else(|| "is empty".to_owned())
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
    let id = task_id(client, &arguments.id)?;
    let task = client.post(&format!("/v1/tasks/{id}/{action}"), &Value::Object(fields))?;
    if arguments.json {
        return output::json(&task);
    }
    let keys = task["publication"]["keys"].as_array().map(Vec::as_slice).unwrap_or_default();
    let shown =
        [text(&task["id"]), text(&task["status"])].into_iter().chain(approvals(&task)).chain(keys.iter().map(text));
    output::result(&shown.collect::<Vec<_>>().join(" "))?;
    images::public_urls(&task).for_each(|url| output::note(&format!("Everybody sees {url}")));
    Ok(())
}

/// How many reviewers have approved a task that takes several.
fn approvals(task: &Value) -> Option<String> {
    let given = task["attempt"]["approvals"].as_array().filter(|approvals| !approvals.is_empty())?.len();
    if task["status"] != "awaiting_approval" {
        return None;
    }
    Some(format!("({given} of {} approvals)", task["attempt"]["approvals_needed"]))
}
