//! `easel styles`, and styles for what is asked for.

use clap::{Args, Subcommand};
use easel_domain::Style;
use serde_json::{Map, Value, json};

use super::{Client, ServiceArguments, segment, text};
use crate::command_error::CommandError;
use crate::output;

#[derive(Debug, Args)]
pub(crate) struct StylesArguments {
    #[command(subcommand)]
    action: Option<StyleAction>,
    #[command(flatten)]
    service: ServiceArguments,
    /// Print one JSON object on standard output
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum StyleAction {
    /// Save a style, in the place of one of the same name
    Save {
        /// Its name
        name: String,
        /// Words around the prompt, which {prompt} stands for, or words after it
        #[arg(long, value_name = "TEXT")]
        prompt: Option<String>,
        /// The same for the negative prompt
        #[arg(long, value_name = "TEXT")]
        negative_prompt: Option<String>,
        /// A setting (repeatable), such as steps=20
        #[arg(long, value_name = "NAME=VALUE")]
        setting: Vec<String>,
        /// For everybody (needs the role reviewer)
        #[arg(long)]
        shared: bool,
    },
    /// Remove a style
    Remove {
        /// Its name
        name: String,
    },
}

/// Runs the command.
///
/// # Errors
/// The service refuses or cannot be reached.
pub(crate) fn styles(arguments: &StylesArguments) -> Result<(), CommandError> {
    let client = Client::new(&arguments.service)?;
    let answer = match &arguments.action {
        None => client.get("/v1/styles")?,
        Some(StyleAction::Save { name, prompt, negative_prompt, setting, shared }) => {
            let settings = setting.iter().map(|given| read(given)).collect::<Result<Map<_, _>, _>>()?;
            let mut body = json!({"settings": settings, "shared": shared});
            for (field, words) in [("prompt", prompt), ("negative_prompt", negative_prompt)] {
                if let Some(words) = words {
                    body[field] = json!(words);
                }
            }
            client.put(&format!("/v1/styles/{}", segment(name)), &body)?
        }
        Some(StyleAction::Remove { name }) => client.delete(&format!("/v1/styles/{}", segment(name)))?,
    };
    if arguments.json {
        return output::json(&answer);
    }
    let all = answer["styles"].as_array().cloned().unwrap_or_else(|| vec![answer.clone()]);
    output::result(&all.iter().map(line).collect::<Vec<_>>().join("\n"))
}

fn line(style: &Value) -> String {
    let shared = if style["shared"] == true { "shared" } else { "yours" };
    format!("{:20}  {shared:6}  {}", text(&style["name"]), text(&style["prompt"])).trim_end().to_owned()
}

/// A setting by its name, as somebody typed it.
fn read(given: &str) -> Result<(String, Value), CommandError> {
    let wrong = |reason: String| CommandError::wrong_use(format!("--setting {given}: {reason}"));
    let (name, typed) = given.split_once('=').ok_or_else(|| wrong("write NAME=VALUE".to_owned()))?;
    let field = Style::settings().into_iter().find(|field| field.name == name.replace('-', "_"));
    let field = field.ok_or_else(|| wrong("a style has no such setting".to_owned()))?;
    Ok((field.name.to_owned(), field.kind.parse(typed).map_err(wrong)?))
}

/// Applies the service's styles with these names to a request, one after the other.
///
/// # Errors
/// There is no such style, or the service cannot be reached.
pub(super) fn apply(client: &Client, names: &[String], request: &mut Map<String, Value>) -> Result<(), CommandError> {
    for name in names {
        let found = client.get(&format!("/v1/styles/{}", segment(name)));
        let found = found.map_err(|error| error.context(&format!("--style {name}")))?;
        let style: Style = serde_json::from_value(found).map_err(|error| CommandError::failed(error.to_string()))?;
        style.apply(request);
    }
    Ok(())
}
