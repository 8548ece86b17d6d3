//! `easel label`: other titles and tags for tasks that are there.

use clap::Args;
use serde_json::{Map, Value, json};

use super::task_ids::task_id;
use super::{Client, ServiceArguments, text};
use crate::command_error::CommandError;
use crate::output;

#[derive(Debug, Args)]
pub(crate) struct LabelArguments {
    /// The tasks' ids, or so much of each beginning that it is the only one
    #[arg(required = true, value_name = "ID")]
    ids: Vec<String>,
    /// The title from now on; an empty one takes it away
    #[arg(long)]
    title: Option<String>,
    /// A tag to add (repeatable)
    #[arg(long, value_name = "TAG")]
    tag: Vec<String>,
    /// A tag to take away (repeatable)
    #[arg(long, value_name = "TAG")]
    remove_tag: Vec<String>,
    #[command(flatten)]
    service: ServiceArguments,
    /// Print one JSON object on standard output
    #[arg(long)]
    json: bool,
}

/// Most tasks of one call.
const AT_ONCE: usize = 100;

/// Runs the command.
///
/// # Errors
/// Nothing is to change, the service refuses one of the tasks, or it cannot be reached.
pub(crate) fn label(arguments: &LabelArguments) -> Result<(), CommandError> {
    let mut fields = Map::new();
    if let Some(title) = &arguments.title {
        fields.insert("title".to_owned(), if title.is_empty() { Value::Null } else { json!(title) });
    }
    for (name, tags) in [("add_tags", &arguments.tag), ("remove_tags", &arguments.remove_tag)] {
        if !tags.is_empty() {
            fields.insert(name.to_owned(), json!(tags));
        }
    }
    if fields.is_empty() {
        return Err(CommandError::wrong_use("say what changes: --title, --tag or --remove-tag"));
    }
    let client = Client::new(&arguments.service)?;
    let ids: Vec<_> = arguments.ids.iter().map(|id| task_id(&client, id)).collect::<Result<_, _>>()?;
    if let [id] = ids.as_slice() {
        let task = client.patch(&format!("/v1/tasks/{id}"), &Value::Object(fields))?;
        if arguments.json {
            return output::json(&task);
        }
        let tags: Vec<_> = task["tags"].as_array().into_iter().flatten().map(text).collect();
        return output::result(&format!("{} {} [{}]", text(&task["id"]), text(&task["title"]), tags.join(", ")));
    }
    let mut results = Vec::new();
    for ids in ids.chunks(AT_ONCE) {
        let mut body = fields.clone();
        body.insert("ids".to_owned(), json!(ids));
        body.insert("move".to_owned(), json!("relabel"));
        let answer = client.post("/v1/tasks/bulk", &Value::Object(body))?;
        results.extend(answer["results"].as_array().cloned().unwrap_or_default());
    }
    let refused: Vec<_> = results.iter().filter(|result| result["status"] != 200).collect();
    for result in &refused {
        output::note(&format!("{}: {}", text(&result["id"]), text(&result["problem"]["detail"])));
    }
    if arguments.json {
        output::json(&json!({"results": results}))?;
    } else {
        output::result(&format!("{} labelled", results.len() - refused.len()))?;
    }
    match refused.len() {
        0 => Ok(()),
        some => Err(CommandError::wrong_use(format!("{some} of {} tasks were not labelled", results.len()))),
    }
}
