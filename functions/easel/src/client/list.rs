//! `easel list`.

use easel_domain::task::Status;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::{Client, ServiceArguments, text};
use crate::command_error::CommandError;
use crate::output;
use clap::Args;

#[derive(Debug, Args)]
pub(crate) struct ListArguments {
    /// Only tasks with one of these statuses: pending, in_progress, paused, awaiting_approval, approved, published,
    /// rejected, failed, cancelled, deleted
    #[arg(long, value_name = "STATUS,STATUS", value_parser = status, value_delimiter = ',')]
    pub(crate) status: Vec<Status>,
    /// Only tasks of owners whose name begins like this, in any case
    #[arg(long)]
    pub(crate) owner: Option<String>,
    /// Only tasks with a tag that begins like this, in any case
    #[arg(long)]
    pub(crate) tag: Option<String>,
    /// Only tasks for a model whose name begins like this, in any case
    #[arg(long)]
    pub(crate) model: Option<String>,
    /// Only tasks that are at this attempt, or a later one
    #[arg(long, value_name = "N")]
    pub(crate) attempt: Option<u32>,
    /// Only tasks that were asked for at this time or later, such as 2027-01-31T12:00:00Z or "3 days ago"
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) since: Option<Timestamp>,
    /// Only tasks that were asked for before this time
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) before: Option<Timestamp>,
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
    let statuses: Vec<_> = arguments.status.iter().map(|status| status.as_str()).collect();
    let statuses = Some(statuses.join(",")).filter(|statuses| !statuses.is_empty());
    let attempt = arguments.attempt.map(|attempt| attempt.to_string());
    let [since, before] = [arguments.since, arguments.before].map(|time| time.map(|time| time.to_string()));
    let mut tasks: Vec<Value> = Vec::new();
    let mut cursor: Option<String> = None;
    loop {
        let missing = arguments.limit.saturating_sub(u32::try_from(tasks.len()).unwrap_or(u32::MAX));
        if missing == 0 {
            break;
        }
        let limit = missing.min(PAGE).to_string();
        let parameters = [
            ("status", statuses.as_deref()),
            ("owner", arguments.owner.as_deref()),
            ("tag", arguments.tag.as_deref()),
            ("text", arguments.text.as_deref()),
            ("model", arguments.model.as_deref()),
            ("attempt", attempt.as_deref()),
            ("created_after", since.as_deref()),
            ("created_before", before.as_deref()),
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
    // Beside the list, so that what reads it meets tasks alone.
    output::note(&format!("{:36}  {:17}  {:12}  {:16}  TITLE OR PROMPT", "ID", "STATUS", "OWNER", "ASKED FOR (UTC)"));
    let lines: Vec<_> = tasks.iter().map(line).collect();
    output::result(&lines.join("\n"))?;
    if cursor.is_some() {
        output::note(&format!("There are more: --limit {} shows further ones", 2 * arguments.limit.max(1)));
    }
    Ok(())
}

fn line(task: &Value) -> String {
    let title = Some(&task["title"]).filter(|title| title.is_string());
    let name = text(title.unwrap_or(&task["attempt"]["settings"]["prompt"]));
    let asked: String = text(&task["created_at"]).replace('T', " ").chars().take(16).collect();
    format!("{}  {:17}  {:12}  {asked:16}  {name}", text(&task["id"]), text(&task["status"]), text(&task["owner"]))
}

/// A time, or how long ago it was.
fn time(text: &str) -> Result<Timestamp, String> {
    if let Ok(time) = text.parse() {
        return Ok(time);
    }
    let ago = text.trim().trim_end_matches("ago").trim().parse::<SignedDuration>().ok().or_else(|| {
        let (number, unit) = text.trim().trim_end_matches("ago").trim().split_once(' ')?;
        let hours = match unit.trim_end_matches('s') {
            "hour" => 1,
            "day" => 24,
            "week" => 7 * 24,
            _ => return None,
        };
        Some(SignedDuration::from_hours(number.parse::<i32>().ok().map(i64::from)? * hours))
    });
    let ago = ago.and_then(|ago| Timestamp::now().checked_sub(ago).ok());
    ago.ok_or_else(|| "give a time such as 2027-01-31T12:00:00Z, or how long ago, such as \"3 days ago\"".to_owned())
}

fn status(text: &str) -> Result<Status, String> {
    let names = Status::ALL.map(Status::as_str).join(", ");
    Status::named(text).ok_or_else(|| format!("use one of {names}"))
}
