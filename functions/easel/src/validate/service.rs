//! A service, as its callers see it.

use std::time::Duration;

use easel_worker::validation::ReadinessCheck;
use serde_json::{Value, json};

use crate::client::{self, Client, images};
use crate::command_error::CommandError;

const SUBJECT: &str = "service";
const PROMPT: &str = "a large red heart on a blue background";
const SEED: u64 = 42;
const STEPS: u32 = 4;

/// Looks at the service, and has an image drawn twice if there is a token.
pub(super) fn check(client: &Client, patience: Duration) -> Vec<ReadinessCheck> {
    let mut checks = Vec::new();
    match client.get("/health") {
        Ok(health) => checks.extend(check_health(&health)),
        Err(failure) => {
            let advice = "see that the address is the API's and that it can be reached from here";
            checks.push(ReadinessCheck::fail(SUBJECT, "answers", failure.to_string(), advice));
            return checks;
        }
    }
    checks.push(check_authentication(client));
    checks.extend(check_image(client, patience));
    checks
}

fn check_health(health: &Value) -> Vec<ReadinessCheck> {
    let text = |name: &str| health[name].as_str().unwrap_or("none").to_owned();
    let (is, reason) = (|name: &str| health[name] == true, health["fallback_reason"].as_str());
    let seen = format!("as reported at {}", text("reported_at"));
    let advice = reason.unwrap_or("no worker has reported yet: request an image, and look at the log of the worker");
    let fallback = reason.map(|reason| format!("; not used: {reason}")).unwrap_or_default();
    let device = format!("{} ({}, {}){fallback}", text("device_name"), text("backend"), text("precision"));
    let refiner = if is("refiner_model_loaded") { "is open" } else { "none: images are the base's alone" };
    let (version, own) = (text("version"), env!("CARGO_PKG_VERSION"));
    let other = "deploy the version of this command, or check with the command of that version";
    vec![
        ReadinessCheck::pass(SUBJECT, "answers", "/health"),
        ReadinessCheck::that(is("sdxl_available"), "device", "is chosen and computes", device, advice),
        ReadinessCheck::that(
            is("base_model_loaded"),
            "model",
            "base is open",
            format!("{}, {seen}", text("model")),
            advice,
        ),
        ReadinessCheck::pass("model", "refiner", refiner),
        ReadinessCheck::that(version == own, SUBJECT, "has this command's version", version, other).expecting(own),
    ]
}

/// Whether callers without a token are rejected.
fn check_authentication(client: &Client) -> ReadinessCheck {
    let what = "rejects calls without a token";
    match client.status_without_token("/v1/tasks") {
        Ok(status) => {
            let advice = "put the authorizer back in front of the API: anyone can use it";
            ReadinessCheck::that(matches!(status, 401 | 403), SUBJECT, what, format!("answers {status}"), advice)
        }
        Err(failure) => {
            ReadinessCheck::fail(SUBJECT, what, failure.to_string(), "run it again when the service can be reached")
        }
    }
}

/// Two tasks with the same seed, which are deleted again.
fn check_image(client: &Client, patience: Duration) -> Vec<ReadinessCheck> {
    let what = "is reproducible: two runs give identical bytes";
    if !client.has_token() {
        let advice = "set EASEL_TOKEN to a creator's token";
        return vec![ReadinessCheck::not_made("image", what, "there is no token", advice)];
    }
    match draw(client, patience).and_then(|first| Ok((first, draw(client, patience)?))) {
        Ok((first, second)) => {
            let advice = "all workers of one service must have the same model, device and precision";
            let found = format!("{STEPS} steps, seed {SEED}, {} and {} bytes", first.len(), second.len());
            vec![ReadinessCheck::that(first == second, "image", what, found, advice)]
        }
        Err(failure) => {
            let advice = "see the task's history and the log of the worker";
            vec![ReadinessCheck::fail("image", what, failure.to_string(), advice)]
        }
    }
}

/// The content of the image of a new task, which is deleted again, drawn or not.
fn draw(client: &Client, patience: Duration) -> Result<Vec<u8>, CommandError> {
    let order = json!({"prompt": PROMPT, "seed": SEED, "steps": STEPS, "title": "easel validate"});
    let task = client.post("/v1/tasks", &order)?;
    let id = task["id"].as_str().unwrap_or_default();
    let drawn = client::wait_at_most(client, id, patience);
    let drawn = drawn.and_then(|task| images::fetch(client, &task["attempt"]["images"][0]));
    let deleted = client.delete(&format!("/v1/tasks/{id}"));
    let bytes = drawn?;
    deleted.map_err(|failure| failure.context("deleting the task"))?;
    Ok(bytes)
}
