//! `easel submit`: asks for pictures, watches them being drawn, saves them.

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};

use super::{Client, cause, pictures};
use crate::failure::Failure;
use crate::output;
use crate::pairs::guidance_interval;
use crate::progress::TaskProgress;
use crate::service_arguments::SubmitArguments;

/// How often a task is looked at while it is drawn.
const INTERVAL: Duration = Duration::from_millis(500);

/// Runs the command.
///
/// # Errors
/// The service's, or the pictures cannot be drawn or saved.
pub(crate) fn submit(arguments: &SubmitArguments) -> Result<(), Failure> {
    let files = pictures::files(arguments.output.as_deref(), arguments.count.unwrap_or(1))?;
    let client = Client::new(&arguments.service)?;
    let mut order = order(arguments)?;
    if let Some(path) = &arguments.init {
        order.insert("init_image".to_owned(), json!(upload(&client, path)?));
    }
    let mut task = client.post("/v1/tasks", &Value::Object(order))?;
    let id = task["id"].as_str().unwrap_or_default().to_owned();
    output::note(&format!("Task {id}, seed {}", task["attempt"]["settings"]["seed"]));
    if !arguments.no_wait {
        task = wait(&client, &id)?;
        if let Some(files) = files {
            pictures::save(&client, &task, &files)?;
        }
    }
    if arguments.json {
        return output::json(&task);
    }
    output::result(&format!("{id} {}", task["status"].as_str().unwrap_or_default()))
}

fn order(arguments: &SubmitArguments) -> Result<Map<String, Value>, Failure> {
    let interval = arguments.guidance_interval.as_deref().map(guidance_interval).transpose()?;
    let fields = [
        ("prompt", json!(arguments.prompt)),
        ("negative_prompt", json!(arguments.negative_prompt)),
        ("steps", json!(arguments.steps)),
        ("guidance_scale", json!(arguments.guidance_scale)),
        ("guidance_interval", json!(interval)),
        ("seed", json!(arguments.seed)),
        ("width", json!(arguments.width)),
        ("height", json!(arguments.height)),
        ("count", json!(arguments.count)),
        ("scheduler", json!(arguments.scheduler)),
        ("strength", json!(arguments.strength)),
        ("title", json!(arguments.title)),
        ("tags", json!(arguments.tags)),
    ];
    let given = fields.into_iter().filter(|(_, value)| !value.is_null());
    Ok(given.map(|(name, value)| (name.to_owned(), value)).collect())
}

/// Uploads a picture to start from; what comes back is its key.
fn upload(client: &Client, path: &Path) -> Result<String, Failure> {
    let failed = |reason: String| Failure::failed(format!("--init: {}: {reason}", path.display()));
    let bytes = std::fs::read(path).map_err(|error| failed(error.to_string()))?;
    let content_type = match image::guess_format(&bytes) {
        Ok(format @ (image::ImageFormat::Png | image::ImageFormat::Jpeg | image::ImageFormat::WebP)) => {
            format.to_mime_type()
        }
        _ => return Err(failed("is no PNG, JPEG or WebP picture".to_owned())),
    };
    let place = client.post("/v1/uploads", &json!({"content_type": content_type, "content_length": bytes.len()}))?;
    let url = place["url"].as_str().unwrap_or_default();
    let answer = client.http().put(url).header("content-type", content_type).body(bytes).send();
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
pub(crate) fn wait(client: &Client, id: &str) -> Result<Value, Failure> {
    wait_at_most(client, id, Duration::MAX)
}

/// Like [`wait`], but not for longer than `patience`.
///
/// # Errors
/// As [`wait`], or it takes longer.
pub(crate) fn wait_at_most(client: &Client, id: &str, patience: Duration) -> Result<Value, Failure> {
    let mut progress = TaskProgress::new();
    let began = Instant::now();
    while began.elapsed() < patience {
        let task = client.get(&format!("/v1/tasks/{id}"))?;
        match task["status"].as_str().unwrap_or_default() {
            "pending" => progress.begin("waiting for a worker"),
            "in_progress" => progress.step(&task["progress"]),
            "failed" => {
                let reason = task["attempt"]["failure"]["reason"].as_str().unwrap_or("the service does not say why");
                return Err(Failure::failed(format!("task {id} failed: {reason}")));
            }
            _ => return Ok(task),
        }
        std::thread::sleep(INTERVAL);
    }
    Err(Failure::failed(format!("task {id} is not drawn after {} s", patience.as_secs())))
}
