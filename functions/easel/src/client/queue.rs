//! `easel queue`: what waits to be drawn; pausing and resuming all of it; having a task drawn first.

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::task_ids::task_id;
use super::{Client, ServiceArguments, text};
use crate::command_error::CommandError;
use crate::output;

#[derive(Debug, Args)]
pub(crate) struct QueueArguments {
    #[command(subcommand)]
    action: Option<QueueAction>,
    /// List at most this many tasks
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=50))]
    limit: u32,
    #[command(flatten)]
    service: ServiceArguments,
    /// Print one JSON object on standard output
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum QueueAction {
    /// Have nothing drawn from now on
    Pause {
        /// Also pause tasks that are being drawn; otherwise they finish
        #[arg(long)]
        running: bool,
    },
    /// Have tasks drawn again
    Resume,
    /// Have a task drawn before others
    First {
        /// The task's id, or so much of its beginning that it is the only one
        id: String,
        /// From 1 to 9, the highest is drawn first; 0 puts the task back in its turn
        #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(0..=9))]
        priority: u32,
    },
}

/// Runs the command.
///
/// # Errors
/// The service refuses or cannot be reached.
pub(crate) fn queue(arguments: &QueueArguments) -> Result<(), CommandError> {
    let client = Client::new(&arguments.service)?;
    let (answer, said) = match &arguments.action {
        None => {
            let queue = client.get(&format!("/v1/queue?limit={}", arguments.limit))?;
            let said = shown(&queue);
            (queue, said)
        }
        Some(QueueAction::Pause { running }) => {
            let running = if *running { "pause" } else { "finish" };
            let answer = client.put("/v1/queue", &json!({"paused": true, "running": running}))?;
            let said = format!("paused, and {} tasks that were being drawn", answer["tasks"]);
            (answer, said)
        }
        Some(QueueAction::Resume) => {
            let answer = client.put("/v1/queue", &json!({"paused": false}))?;
            let said = format!("resumed, and {} tasks that were paused with it", answer["tasks"]);
            (answer, said)
        }
        Some(QueueAction::First { id, priority }) => {
            let id = task_id(&client, id)?;
            let answer = client.put(&format!("/v1/tasks/{id}/priority"), &json!({"priority": priority}))?;
            (answer, format!("{id} priority {priority}"))
        }
    };
    if arguments.json { output::json(&answer) } else { output::result(&said) }
}

fn shown(queue: &Value) -> String {
    let (waiting, running) = (&queue["waiting"], &queue["running"]);
    let state = if queue["paused"] == true { ", paused" } else { "" };
    let mut lines = vec![format!("{waiting} waiting, {running} being drawn{state}")];
    for task in queue["tasks"].as_array().into_iter().flatten() {
        let start =
            task["starts_in_seconds"].as_f64().map_or_else(|| "-".to_owned(), |seconds| format!("{seconds:.0} s"));
        let priority = task["priority"].as_u64().filter(|priority| *priority > 0);
        let priority = priority.map_or_else(String::new, |priority| format!("!{priority}"));
        let (id, owner, title) = (text(&task["id"]), text(&task["owner"]), text(&task["title"]));
        lines.push(format!("{:>4}  {id}  {owner:12}  {start:>8}  {priority:2}  {title}", task["position"]));
    }
    lines.join("\n")
}
