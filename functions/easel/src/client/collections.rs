//! `easel collections`, `collect`, `download`: sets of images.

use std::io::Write;
use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use super::task_ids::task_id;
use super::{Client, ServiceArguments, images, text};
use crate::command_error::CommandError;
use crate::{output, output_files};

#[derive(Debug, Args)]
pub(crate) struct CollectionsArguments {
    #[command(flatten)]
    service: ServiceArguments,
    /// Print one JSON object on standard output
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct CollectArguments {
    /// The collection: its id, its name, or favourites; with a new name, one is made
    collection: String,
    /// The task's id, or so much of its beginning that it is the only one
    id: String,
    /// The images of its newest attempt, counted from 0, such as 0,2 [default: all]
    #[arg(long, value_name = "N,N", value_delimiter = ',')]
    images: Vec<u32>,
    /// Take the images out instead
    #[arg(long)]
    remove: bool,
    #[command(flatten)]
    service: ServiceArguments,
    /// Print one JSON object on standard output
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct DownloadArguments {
    /// The collection: its id, its name, or favourites
    collection: String,
    /// The ZIP file to write
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    #[command(flatten)]
    service: ServiceArguments,
}

/// Most images of one page of the API.
const PAGE: usize = 50;

/// Lists collections.
///
/// # Errors
/// The service refuses or cannot be reached.
pub(crate) fn collections(arguments: &CollectionsArguments) -> Result<(), CommandError> {
    let client = Client::new(&arguments.service)?;
    let list = client.get("/v1/collections")?;
    if arguments.json {
        return output::json(&list);
    }
    let lines: Vec<_> = list["collections"].as_array().into_iter().flatten().map(line).collect();
    output::result(&lines.join("\n"))
}

fn line(collection: &Value) -> String {
    let shared =
        if collection["shared"] == true { format!("shared by {}", text(&collection["owner"])) } else { String::new() };
    format!(
        "{:36}  {:>3} images  {}  {shared}",
        text(&collection["id"]),
        collection["count"],
        text(&collection["name"])
    )
    .trim_end()
    .to_owned()
}

/// Puts a task's images into a collection, or takes them out.
///
/// # Errors
/// The service refuses or cannot be reached.
pub(crate) fn collect(arguments: &CollectArguments) -> Result<(), CommandError> {
    let client = Client::new(&arguments.service)?;
    let task = client.get(&format!("/v1/tasks/{}", task_id(&client, &arguments.id)?))?;
    let there = task["attempt"]["images"].as_array().map(Vec::as_slice).unwrap_or_default();
    let wanted = |image: &&Value| {
        let index = image["index"].as_u64();
        arguments.images.is_empty() || arguments.images.iter().any(|wanted| index == Some(u64::from(*wanted)))
    };
    let reference =
        |image: &Value| json!({"task": task["id"], "attempt": task["attempt"]["number"], "image": image["index"]});
    let images: Vec<_> = there.iter().filter(wanted).map(reference).collect();
    if images.is_empty() || (!arguments.images.is_empty() && images.len() < arguments.images.len()) {
        let message = format!("the task has {} images, which are counted from 0", there.len());
        return Err(CommandError::wrong_use(message));
    }
    let change = json!({(if arguments.remove { "remove" } else { "add" }): images});
    let collection = match find(&client, &arguments.collection)? {
        Some(id) => client.patch(&format!("/v1/collections/{id}"), &change)?,
        None if arguments.remove => return Err(unknown(&arguments.collection)),
        None => client.post("/v1/collections", &json!({"name": arguments.collection, "add": images}))?,
    };
    if arguments.json { output::json(&collection) } else { output::result(&line(&collection)) }
}

/// Saves a collection as a ZIP file: each image, and its settings beside it.
///
/// # Errors
/// The service refuses or cannot be reached, or the file cannot be written.
pub(crate) fn download(arguments: &DownloadArguments) -> Result<(), CommandError> {
    output_files::check(&arguments.output, "--output")?;
    let client = Client::new(&arguments.service)?;
    let id = find(&client, &arguments.collection)?.ok_or_else(|| unknown(&arguments.collection))?;
    let failed = |error: &dyn std::fmt::Display| {
        CommandError::failed(format!("--output: {}: {error}", arguments.output.display()))
    };
    let folder = easel_system::files::folder_of(&arguments.output);
    // Whole or not at all, and never all of it in memory.
    let file = tempfile::NamedTempFile::new_in(folder).map_err(|error| failed(&error))?;
    let mut archive = ZipWriter::new(file);
    // Images are compressed already.
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    let (mut saved, mut cursor) = (0, None::<String>);
    loop {
        let behind = cursor.map_or_else(String::new, |cursor| format!("&cursor={cursor}"));
        let page = client.get(&format!("/v1/collections/{id}?limit={PAGE}{behind}"))?;
        for image in page["images"].as_array().into_iter().flatten() {
            saved += 1;
            let name = file_name(saved, image);
            let record = serde_json::to_vec_pretty(&record(image)).map_err(|error| failed(&error))?;
            for (extension, bytes) in [("png", images::fetch(&client, image)?), ("json", record)] {
                archive.start_file(format!("{name}.{extension}"), options).map_err(|error| failed(&error))?;
                archive.write_all(&bytes).map_err(|error| failed(&error))?;
            }
        }
        cursor = page["next_cursor"].as_str().map(str::to_owned);
        if cursor.is_none() {
            break;
        }
    }
    let file = archive.finish().map_err(|error| failed(&error))?;
    file.persist(&arguments.output).map_err(|error| failed(&error.error))?;
    output::result(&format!("{saved} images in {}", arguments.output.display()))
}

/// What is beside an image: all that is known of it but where it can be fetched for an hour.
fn record(image: &Value) -> Value {
    let mut record = image.clone();
    if let Some(record) = record.as_object_mut() {
        record.retain(|name, _| !name.ends_with("url"));
    }
    record
}

/// A name that sorts as the collection does and that every system takes.
fn file_name(number: usize, image: &Value) -> String {
    let words = image["title"].as_str().or_else(|| image["settings"]["prompt"].as_str()).unwrap_or_default();
    let plain: String = words.chars().map(|letter| if letter.is_alphanumeric() { letter } else { ' ' }).collect();
    let short: String = plain.split_whitespace().collect::<Vec<_>>().join("-").chars().take(40).collect();
    let name = format!("{number:03}-{short}-{}", image["seed"]);
    name.replace("--", "-")
}

/// The id of the collection with this id or name.
fn find(client: &Client, wanted: &str) -> Result<Option<String>, CommandError> {
    let list = client.get("/v1/collections")?;
    let collections = list["collections"].as_array().map(Vec::as_slice).unwrap_or_default();
    let named = collections.iter().find(|collection| {
        let is = |field: &str| collection[field].as_str().is_some_and(|text| text.eq_ignore_ascii_case(wanted));
        is("id") || is("name")
    });
    Ok(named.and_then(|collection| collection["id"].as_str()).map(str::to_owned))
}

fn unknown(wanted: &str) -> CommandError {
    CommandError::wrong_use(format!("there is no collection {wanted:?}: `easel collections` lists them"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_files_are_safe_and_sorted() {
        let image = |title: &str| json!({"title": title, "seed": 7});
        assert_eq!(file_name(3, &image("../a/b:c \u{1F600} Öl")), "003-a-b-c-Öl-7");
        assert_eq!(file_name(12, &json!({"title": null, "settings": {"prompt": ""}, "seed": 7})), "012-7");
    }
}
