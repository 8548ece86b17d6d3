//! Saves a task's images.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::{Client, cause};
use crate::command_error::CommandError;
use crate::output::{self, escaped};
use crate::output_files::{self, OutputFiles};

/// The files for `count` images, checked; `None` if none are wanted.
///
/// # Errors
/// The name is no PNG file's, or nothing can be written there.
pub(crate) fn files(path: Option<&Path>, count: u32) -> Result<Option<OutputFiles>, CommandError> {
    let Some(path) = path else { return Ok(None) };
    if !path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("png")) {
        let message = format!("--output: {} does not end in .png, which is what the service has", path.display());
        return Err(CommandError::wrong_use(message));
    }
    OutputFiles::new(Some(path), 0, count).map(Some)
}

/// An image's file.
///
/// # Errors
/// It cannot be fetched.
pub(crate) fn fetch(client: &Client, image: &Value) -> Result<Vec<u8>, CommandError> {
    let answer = client.http().get(image["url"].as_str().unwrap_or_default()).send();
    let answer = answer.and_then(reqwest::blocking::Response::error_for_status);
    let bytes = answer.and_then(reqwest::blocking::Response::bytes);
    let failed = |error: reqwest::Error| CommandError::failed(format!("fetching an image: {}", cause(&error)));
    bytes.map(Vec::from).map_err(failed)
}

/// Where everybody sees a task's images.
pub(crate) fn public_urls(task: &Value) -> impl Iterator<Item = String> {
    let images = task["attempt"]["images"].as_array().map(Vec::as_slice).unwrap_or_default();
    images.iter().filter_map(|image| Some(escaped(image["published_url"].as_str()?)))
}

/// Saves the images of the task's current attempt.
///
/// # Errors
/// They cannot be fetched or written.
pub(crate) fn save(client: &Client, task: &Value, files: &OutputFiles) -> Result<Vec<PathBuf>, CommandError> {
    let images = task["attempt"]["images"].as_array().map(Vec::as_slice).unwrap_or_default();
    if images.is_empty() {
        let status = task["status"].as_str().unwrap_or_default();
        return Err(CommandError::failed(format!("the task is {status} and has no images")));
    }
    let paths = files.paths(images.len());
    for (image, path) in images.iter().zip(&paths) {
        output_files::replace(path, &fetch(client, image)?)?;
        output::note(&format!("Saved {}", path.display()));
    }
    Ok(paths)
}
