//! `easel comment`, `easel comments`: what people say about a task and its images.

use clap::Args;
use easel_settings::Kind;
use serde_json::{Map, Value, json};

use super::{Client, ServiceArguments, text};
use crate::command_error::CommandError;
use crate::output::{self, escaped};

#[derive(Debug, Args)]
pub(crate) struct CommentArguments {
    /// The task's id
    id: String,
    /// What to say; @name mentions somebody
    text: String,
    /// The image that it is about, counted from 0
    #[arg(long, value_name = "N")]
    image: Option<u32>,
    /// Where in the image, in fractions from its top left corner, such as 0.5,0.25 or, with a width and a height,
    /// 0.5,0.25,0.1,0.2
    #[arg(long, value_name = "X,Y[,W,H]", requires = "image", value_parser = |typed: &str| Kind::Area.parse(typed))]
    region: Option<Value>,
    /// The id of the comment that it answers
    #[arg(long, value_name = "ID")]
    answers: Option<String>,
    #[command(flatten)]
    service: ServiceArguments,
    /// Print the comment as one JSON object on standard output
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct CommentsArguments {
    /// The task's id
    id: String,
    #[command(flatten)]
    service: ServiceArguments,
    /// Print one JSON object on standard output
    #[arg(long)]
    json: bool,
}

/// Most comments of one page of the API.
const PAGE: usize = 100;

/// Comments on a task.
///
/// # Errors
/// The service refuses or cannot be reached.
pub(crate) fn comment(arguments: &CommentArguments) -> Result<(), CommandError> {
    let mut fields = Map::from_iter([("text".to_owned(), json!(arguments.text))]);
    let given =
        [("image", json!(arguments.image)), ("region", json!(arguments.region)), ("answers", json!(arguments.answers))];
    fields
        .extend(given.into_iter().filter(|(_, value)| !value.is_null()).map(|(name, value)| (name.to_owned(), value)));
    let client = Client::new(&arguments.service)?;
    let comment = client.post(&format!("/v1/tasks/{}/comments", arguments.id), &Value::Object(fields))?;
    if arguments.json { output::json(&comment) } else { output::result(&text(&comment["id"])) }
}

/// Prints what people say about a task, oldest first.
///
/// # Errors
/// The service refuses or cannot be reached.
pub(crate) fn comments(arguments: &CommentsArguments) -> Result<(), CommandError> {
    let client = Client::new(&arguments.service)?;
    let (mut comments, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = client.get(&format!("/v1/tasks/{}/comments?limit={PAGE}{cursor}", arguments.id))?;
        comments.extend(page["comments"].as_array().cloned().unwrap_or_default());
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    if arguments.json {
        return output::json(&json!({"comments": comments}));
    }
    output::result(&comments.iter().map(line).collect::<Vec<_>>().join("\n"))
}

/// A comment in one line.
fn line(comment: &Value) -> String {
    let image = comment["image"].as_u64().map(|image| {
        let numbers = ["x", "y", "width", "height"].into_iter().filter_map(|name| comment["region"][name].as_f64());
        let place = numbers.map(|number| number.to_string()).collect::<Vec<_>>().join(",");
        let place = if place.is_empty() { place } else { format!(" at {place}") };
        format!(" attempt {} image {image}{place}", comment["attempt"])
    });
    let resolved = comment["resolution"]["by"].as_str().map(|by| format!(" (resolved by {})", escaped(by)));
    format!(
        "{} {} {}{}{}: {}",
        text(&comment["id"]),
        text(&comment["at"]),
        text(&comment["by"]),
        image.unwrap_or_default(),
        resolved.unwrap_or_default(),
        text(&comment["text"])
    )
}
