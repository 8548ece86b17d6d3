//! `easel submit`: asks for images, watches them being drawn, saves them.

use std::path::Path;
use std::time::{Duration, Instant};

use easel_domain::TaskImage;
use easel_settings::{IMAGE_FIELDS, Settings};
use serde_json::{Map, Value, json};

use super::drawn_with::warnings;
use super::styles::apply;
use super::{Client, ServiceArguments, cause, images, text};
use crate::arguments::fields::TaskRequestArguments;
use crate::command_error::CommandError;
use crate::output;
use crate::progress::TaskProgress;
use clap::Args;
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(crate) struct SubmitArguments {
    #[command(flatten)]
    task: TaskRequestArguments,
    /// A style to apply, by its name (repeatable; `easel styles` lists them)
    #[arg(long, value_name = "NAME")]
    style: Vec<String>,
    /// Do not wait for the images
    #[arg(long)]
    no_wait: bool,
    /// The PNG file to write once generated; several images are numbered [default: none]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    service: ServiceArguments,
    /// Print the task as one JSON object on standard output
    #[arg(long)]
    json: bool,
}

/// How often a task is looked at while it is drawn.
const INTERVAL: Duration = Duration::from_millis(500);

/// Runs the command.
///
/// # Errors
/// The service's, or the images cannot be drawn or saved.
pub(crate) fn submit(arguments: &SubmitArguments) -> Result<(), CommandError> {
    let count = arguments.task.values.get("count").and_then(Value::as_u64).unwrap_or(1);
    let files = images::files(arguments.output.as_deref(), u32::try_from(count).unwrap_or(u32::MAX))?;
    let client = Client::new(&arguments.service)?;
    let mut request = with_uploads(&client, arguments.task.values.clone(), arguments.task.init_image.as_deref())?;
    apply(&client, &arguments.style, &mut request)?;
    let mut task = client.post("/v1/tasks", &Value::Object(request))?;
    let id = task["id"].as_str().unwrap_or_default().to_owned();
    output::note(&format!("Task {id}, seed {}", task["attempt"]["settings"]["seed"]));
    if !arguments.no_wait {
        task = wait(&client, &id)?;
        warnings(&task["attempt"]).iter().for_each(|warning| output::note(warning));
        if let Some(files) = files {
            images::save(&client, &task, &files)?;
        }
    }
    if arguments.json {
        return output::json(&task);
    }
    output::result(&format!("{id} {}", text(&task["status"])))
}

/// A request with the keys of its images in the place of files, which are uploaded. Other tasks' images stay as they are
/// named.
///
/// # Errors
/// A file is no image, or the service refuses it.
pub(super) fn with_uploads(
    client: &Client,
    mut request: Map<String, Value>,
    init_image: Option<&Path>,
) -> Result<Map<String, Value>, CommandError> {
    let unreadable = |error: easel_settings::FieldError| CommandError::failed(error.to_string());
    let mut settings = Settings::from_checked(request.clone(), 0).map_err(unreadable)?;
    for (field, name) in settings.images_mut() {
        *name = key_of(client, &field, Path::new(name.as_str()))?;
    }
    if let Some(path) = init_image {
        settings.init_image = Some(key_of(client, "init_image", path)?);
    }
    let named = serde_json::to_value(&settings).map_err(|error| CommandError::failed(error.to_string()))?;
    let images = IMAGE_FIELDS.into_iter().filter_map(|field| Some((field.to_owned(), named.get(field)?.clone())));
    request.extend(images);
    Ok(request)
}

/// What names an image to the service: another task's by its id, a file by the key of its upload.
fn key_of(client: &Client, field: &str, named: &Path) -> Result<String, CommandError> {
    match named.to_str() {
        Some(name) if TaskImage::named(name).is_some() => Ok(name.to_owned()),
        _ => upload(client, field, named),
    }
}

/// Uploads an image; what comes back is its key.
fn upload(client: &Client, field: &str, path: &Path) -> Result<String, CommandError> {
    let option = field.split('[').next().unwrap_or(field).trim_end_matches('s').replace('_', "-");
    let failed = |reason: String| CommandError::failed(format!("--{option}: {}: {reason}", path.display()));
    let bytes = std::fs::read(path).map_err(|error| failed(error.to_string()))?;
    let content_type = match image::guess_format(&bytes) {
        Ok(format @ (image::ImageFormat::Png | image::ImageFormat::Jpeg | image::ImageFormat::WebP)) => {
            format.to_mime_type()
        }
        _ => return Err(failed("is not a PNG, JPEG or WebP image".to_owned())),
    };
    let place = client.post("/v1/uploads", &json!({"content_type": content_type, "content_length": bytes.len()}))?;
    let url = place["url"].as_str().unwrap_or_default();
    // The length, which the address is good for as well, is the body's own.
    let headers = place["headers"].as_object().into_iter().flatten().filter(|(name, _)| *name != "content-length");
    let put = headers.fold(client.http().put(url), |put, (name, value)| put.header(name, value.as_str().unwrap_or("")));
    let answer = put.body(bytes).send();
    let answer = answer.map_err(|error| failed(format!("uploading it: {}", cause(&error))))?;
    if !answer.status().is_success() {
        return Err(failed(format!("the upload is refused: {}", answer.status())));
    }
    Ok(place["key"].as_str().unwrap_or_default().to_owned())
}

/// Watches a task until somebody has to decide, or nothing more will happen.
///
/// # Errors
/// The service's, or the task failed.
pub(crate) fn wait(client: &Client, id: &str) -> Result<Value, CommandError> {
    wait_at_most(client, id, Duration::MAX)
}

/// Like [`wait`], but not for longer than `patience`.
///
/// # Errors
/// As [`wait`], or it takes longer.
pub(crate) fn wait_at_most(client: &Client, id: &str, patience: Duration) -> Result<Value, CommandError> {
    let mut progress = TaskProgress::new();
    let began = Instant::now();
    while began.elapsed() < patience {
        let task = client.get(&format!("/v1/tasks/{id}"))?;
        match task["status"].as_str().unwrap_or_default() {
            "pending" => progress.begin("waiting for a worker"),
            "in_progress" => progress.step(&task["progress"]),
            "failed" => {
                let reason = task["attempt"]["failure"]["reason"].as_str().unwrap_or("no reason given");
                return Err(CommandError::failed(format!("task {id} failed: {reason}")));
            }
            _ => return Ok(task),
        }
        std::thread::sleep(INTERVAL);
    }
    Err(CommandError::failed(format!("task {id} is not finished after {} s", patience.as_secs())))
}
