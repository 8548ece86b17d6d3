//! `easel show` and `easel history`.

use serde_json::{Value, json};

use super::{Client, ServiceArguments, images};
use crate::command_error::CommandError;
use crate::output;
use clap::Args;
use std::path::PathBuf;

/// Events of one page of the API.
const PAGE: u32 = 1_000;

#[derive(Debug, Args)]
pub(crate) struct ShowArguments {
    /// The task's id
    pub(crate) id: String,
    /// Save its images as this PNG file; several are numbered
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) service: ServiceArguments,
    /// Print one JSON object on standard output
    #[arg(long)]
    pub(crate) json: bool,
}

/// Shows a task, and saves its images if asked.
///
/// # Errors
/// The service's, or the images cannot be saved.
pub(crate) fn show(arguments: &ShowArguments) -> Result<(), CommandError> {
    let client = Client::new(&arguments.service)?;
    let task = client.get(&format!("/v1/tasks/{}", arguments.id))?;
    let count = task["attempt"]["images"].as_array().map_or(1, Vec::len);
    let files = images::files(arguments.output.as_deref(), u32::try_from(count.max(1)).unwrap_or(1))?;
    if let Some(files) = files {
        images::save(&client, &task, &files)?;
    }
    if arguments.json {
        return output::json(&task);
    }
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let moves = task["next_moves"].as_array().map(Vec::as_slice).unwrap_or_default();
    let moves: Vec<_> = moves.iter().filter_map(Value::as_str).collect();
    output::result(&format!(
        "{} {}\nprompt: {}\nowner: {}\nnext: {}",
        text(&task["id"]),
        text(&task["status"]),
        text(&task["attempt"]["settings"]["prompt"]),
        text(&task["owner"]),
        moves.join(", ")
    ))
}

/// Prints everything that happened to a task.
///
/// # Errors
/// The service's.
pub(crate) fn history(arguments: &ShowArguments) -> Result<(), CommandError> {
    let client = Client::new(&arguments.service)?;
    if arguments.json {
        return output::json(&json!({"events": events(&client, &arguments.id)?}));
    }
    output::result(&history_lines(&client, &arguments.id)?)
}

/// Everything that happened to a task, a line each.
///
/// # Errors
/// The service's.
pub(crate) fn history_lines(client: &Client, id: &str) -> Result<String, CommandError> {
    Ok(events(client, id)?.iter().map(line).collect::<Vec<_>>().join("\n"))
}

/// Everything that happened to a task, page by page.
fn events(client: &Client, id: &str) -> Result<Vec<Value>, CommandError> {
    let path = format!("/v1/tasks/{id}/history?limit={PAGE}");
    let (mut events, mut cursor) = (Vec::new(), String::new());
    loop {
        let mut page = client.get(&format!("{path}{cursor}"))?;
        if let Some(more) = page["events"].as_array_mut() {
            events.append(more);
        }
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return Ok(events),
        }
    }
}

fn line(event: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let from = event["from"].as_str().map_or_else(String::new, |from| format!("{from} → "));
    let reason = event["reason"].as_str().map_or_else(String::new, |reason| format!(": {reason}"));
    let by = format!("{} ({})", text(&event["by"]["name"]), text(&event["by"]["role"]));
    format!("{}  {:8}  {from}{}  by {by}{reason}", text(&event["at"]), text(&event["change"]), text(&event["to"]))
}
