//! `easel show`.

use serde_json::Value;

use super::drawn_with::drawn_with;
use super::task_ids::task_id;
use super::{Client, ServiceArguments, images, text};
use crate::command_error::CommandError;
use crate::output::{self, escaped};
use clap::Args;
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(crate) struct ShowArguments {
    /// The task's id, or so much of its beginning that it is the only one
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
    let task = client.get(&format!("/v1/tasks/{}", task_id(&client, &arguments.id)?))?;
    let count = task["attempt"]["images"].as_array().map_or(1, Vec::len);
    let files = images::files(arguments.output.as_deref(), u32::try_from(count.max(1)).unwrap_or(1))?;
    if let Some(files) = files {
        images::save(&client, &task, &files)?;
    }
    if arguments.json {
        return output::json(&task);
    }
    let moves = task["next_moves"].as_array().map(Vec::as_slice).unwrap_or_default();
    let moves: Vec<_> = moves.iter().filter_map(Value::as_str).collect();
    let mut lines = vec![
        format!("{} {}", text(&task["id"]), text(&task["status"])),
        format!("prompt: {}", text(&task["attempt"]["settings"]["prompt"])),
    ];
    lines.extend(drawn_with(&task["attempt"]));
    lines.extend(task["attempt"]["failure"]["reason"].as_str().map(|reason| format!("failed: {}", escaped(reason))));
    lines.extend(decision_lines(&task["attempt"]["rejection"], "rejected"));
    let approvals = task["attempt"]["approvals"].as_array().map(Vec::as_slice).unwrap_or_default();
    for decision in approvals.iter().chain([&task["approval"]]) {
        lines.extend(decision_lines(decision, "approved"));
    }
    lines.push(format!("owner: {}", text(&task["owner"])));
    let tags: Vec<_> = task["tags"].as_array().into_iter().flatten().map(text).collect();
    if !tags.is_empty() {
        lines.push(format!("tags: {}", tags.join(", ")));
    }
    lines.extend(images::public_urls(&task).map(|url| format!("public: {url}")));
    lines.push(format!("next: {}", moves.join(", ")));
    output::result(&lines.join("\n"))
}

/// Who decided what, and what they said of which image.
fn decision_lines(decision: &Value, what: &str) -> Vec<String> {
    let Some(by) = decision["by"].as_str() else { return Vec::new() };
    let said = decision["note"].as_str().map(|note| format!(": {}", escaped(note))).unwrap_or_default();
    let of_images =
        ["notes", "regions"].into_iter().flat_map(|field| decision[field].as_array().cloned().unwrap_or_default());
    let of_images = of_images.map(|remark| {
        let numbers: Vec<_> =
            ["x", "y", "width", "height"].into_iter().filter_map(|name| remark[name].as_f64()).collect();
        let place = numbers.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
        let place = if place.is_empty() { place } else { format!(" at {place}") };
        let said = remark["note"].as_str().map(|note| format!(": {}", escaped(note))).unwrap_or_default();
        format!("  image {}{place}{said}", remark["image"])
    });
    [format!("{what} by {}{said}", escaped(by))].into_iter().chain(of_images).collect()
}
