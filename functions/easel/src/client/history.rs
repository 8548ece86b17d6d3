//! `easel history`.

use clap::Args;
use easel_domain::task::{EventRecord, verify};
use serde_json::{Value, json};
use uuid::Uuid;

use super::task_ids::task_id;
use super::{Client, ServiceArguments, text};
use crate::command_error::CommandError;
use crate::output::{self, escaped};

#[derive(Debug, Args)]
pub(crate) struct HistoryArguments {
    /// The task's id, or so much of its beginning that it is the only one
    id: String,
    /// Check that every event is as it was written and none is missing (needs the role reviewer)
    #[arg(long)]
    verify: bool,
    #[command(flatten)]
    service: ServiceArguments,
    /// Print one JSON object on standard output
    #[arg(long)]
    json: bool,
}

/// Most events of one page of the API.
const PAGE: usize = 1_000;

/// Prints everything that happened to a task.
///
/// # Errors
/// The service's, or the history is not as it was written.
pub(crate) fn history(arguments: &HistoryArguments) -> Result<(), CommandError> {
    let client = Client::new(&arguments.service)?;
    let id = task_id(&client, &arguments.id)?;
    let (events, newest) = events(&client, &id)?;
    if arguments.json {
        output::json(&json!({"events": events}))?;
    } else {
        output::result(&lines(&events))?;
    }
    if arguments.verify {
        let role = client.get("/v1/identity")?["role"].as_str().unwrap_or_default().to_owned();
        if role == "creator" {
            let message = "--verify: the ids of tokens and requests are part of what is checked, and creators do not see \
                           them: use the token of a reviewer or an admin";
            return Err(CommandError::wrong_use(message));
        }
        output::note(&check(&id, &events, &newest)?);
    }
    Ok(())
}

/// Everything that happened to a task, a line each.
///
/// # Errors
/// The service's.
pub(crate) fn history_lines(client: &Client, id: &str) -> Result<String, CommandError> {
    Ok(lines(&events(client, id)?.0))
}

/// The whole history, and the newest event by the task's own row.
fn events(client: &Client, id: &str) -> Result<(Vec<Value>, Value), CommandError> {
    let (mut events, mut newest) = (Vec::new(), None);
    let mut cursor = String::new();
    loop {
        let page = client.get(&format!("/v1/tasks/{id}/history?limit={PAGE}{cursor}"))?;
        // The first one is from before all events that were read.
        newest.get_or_insert_with(|| page["newest"].clone());
        events.extend(page["events"].as_array().cloned().unwrap_or_default());
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return Ok((events, newest.unwrap_or_default())),
        }
    }
}

/// Says that the history is as it was written.
fn check(id: &str, events: &[Value], newest: &Value) -> Result<String, CommandError> {
    let odd = |error: &dyn std::fmt::Display| CommandError::failed(format!("the history cannot be read: {error}"));
    let task: Uuid = id.parse().map_err(|error| odd(&error))?;
    let records = events.iter().map(|event| serde_json::from_value::<EventRecord>(event.clone()));
    let records = records.collect::<Result<Vec<_>, _>>().map_err(|error| odd(&error))?;
    let newest = newest["version"].as_u64().zip(newest["hash"].as_str());
    let tied = verify(task, &records, newest).map_err(|broken| CommandError::failed(broken.to_string()))?;
    let erased = records.iter().filter(|event| event.erased).count();
    let mut said = format!("{} events, each as it was written", records.len());
    if tied < records.len() {
        said = format!("{} events, the last {tied} as they were written; those before have no hash", records.len());
    }
    if erased > 0 {
        said.push_str(&format!("; what {erased} of them brought is erased"));
    }
    Ok(said)
}

fn lines(events: &[Value]) -> String {
    events.iter().map(line).collect::<Vec<_>>().join("\n")
}

fn line(event: &Value) -> String {
    let from = event["from"].as_str().map_or_else(String::new, |from| format!("{} → ", escaped(from)));
    let reason = event["reason"].as_str().map_or_else(String::new, |reason| format!(": {}", escaped(reason)));
    let by = format!("{} ({})", text(&event["by"]["name"]), text(&event["by"]["role"]));
    format!("{}  {:8}  {from}{}  by {by}{reason}", text(&event["at"]), text(&event["change"]), text(&event["to"]))
}
