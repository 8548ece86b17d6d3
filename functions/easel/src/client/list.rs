//! `easel list`.

use easel_domain::task::Status;
use serde_json::Value;

use super::{Client, ServiceArguments, text};
use crate::command_error::CommandError;
use crate::output;
use clap::Args;

#[derive(Debug, Args)]
pub(crate) struct ListArguments {
    /// Only tasks with this status: pending, in_progress, paused, awaiting_approval, approved, published, rejected,
    /// failed, cancelled or deleted
    #[arg(long, value_parser = status)]
    pub(crate) status: Option<Status>,
    /// Only tasks of this owner
    #[arg(long)]
    pub(crate) owner: Option<String>,
    /// Only tasks with this tag
    #[arg(long)]
    pub(crate) tag: Option<String>,
    /// Only tasks with this text in the prompt or the title, in any case
    #[arg(long)]
    pub(crate) text: Option<String>,
    /// List the oldest first
    #[arg(long)]
    pub(crate) oldest: bool,
    /// List at most this many tasks
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub(crate) limit: u32,
    #[command(flatten)]
    pub(crate) service: ServiceArguments,
    /// Print one JSON object on standard output
    #[arg(long)]
    pub(crate) json: bool,
}

/// Most tasks of one page of the API.
const PAGE: u32 = 100;

/// Runs the command.
///
/// # Errors
/// The service's.
pub(crate) fn list(arguments: &ListArguments) -> Result<(), CommandError> {
    let client = Client::new(&arguments.service)?;
    let mut tasks: Vec<Value> = Vec::new();
    let mut cursor: Option<String> = None;
    loop {
        let missing = arguments.limit.saturating_sub(u32::try_from(tasks.len()).unwrap_or(u32::MAX));
        if missing == 0 {
            break;
        }
        let limit = missing.min(PAGE).to_string();
        let parameters = [
            ("status", arguments.status.map(Status::as_str)),
            ("owner", arguments.owner.as_deref()),
            ("tag", arguments.tag.as_deref()),
            ("text", arguments.text.as_deref()),
            ("order", arguments.oldest.then_some("oldest")),
            ("limit", Some(limit.as_str())),
            ("cursor", cursor.as_deref()),
        ];
        let given = parameters.iter().filter_map(|(name, value)| Some((*name, (*value)?)));
        let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(given).finish();
        let page = client.get(&format!("/v1/tasks?{query}"))?;
        tasks.extend(page["tasks"].as_array().cloned().unwrap_or_default());
        cursor = page["next_cursor"].as_str().map(str::to_owned);
        if cursor.is_none() {
            break;
        }
    }
    if arguments.json {
        return output::json(&tasks);
    }
    if tasks.is_empty() {
        output::note("No tasks");
        return Ok(());
    }
    let lines: Vec<_> = tasks.iter().map(line).collect();
    output::result(&lines.join("\n"))
}

fn line(task: &Value) -> String {
    let title = Some(&task["title"]).filter(|title| title.is_string());
    let name = text(title.unwrap_or(&task["attempt"]["settings"]["prompt"]));
    format!("{}  {:17}  {:12}  {}", text(&task["id"]), text(&task["status"]), text(&task["owner"]), name)
}

fn status(text: &str) -> Result<Status, String> {
    let names = Status::ALL.map(Status::as_str).join(", ");
    Status::named(text).ok_or_else(|| format!("use one of {names}"))
}
