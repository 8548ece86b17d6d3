//! What nobody needs any more goes, as the lifecycle rules of the bucket have it on AWS.

use std::time::Duration;

use easel_domain::task::Status;
use easel_embedded::s3::Storage;
use easel_storage::gallery::keys;
use easel_storage::workflow::Workflow;
use jiff::{SignedDuration, Timestamp};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// How often is looked for what can go.
const EVERY: Duration = Duration::from_secs(3600);
/// How long the request of a task that is done stays: long enough for everybody who has just read of it.
const DONE_REQUESTS: SignedDuration = SignedDuration::from_hours(1);
/// How long an init image waits to be used.
const UNUSED_INPUTS: SignedDuration = SignedDuration::from_hours(24);
/// A task that is paused for longer starts over.
const CHECKPOINTS: SignedDuration = SignedDuration::from_hours(30 * 24);

/// Clears away what can go, now and every hour, until `shutdown`.
pub(super) async fn keep_clear(workflow: Workflow, storage: Storage, shutdown: CancellationToken) {
    loop {
        match clear(&workflow, &storage, Timestamp::now()).await {
            Ok(removed) => tracing::info!(removed, "removed what nobody needs any more"),
            Err(error) => tracing::warn!(%error, "what nobody needs any more could not be removed"),
        }
        if shutdown.run_until_cancelled(tokio::time::sleep(EVERY)).await.is_none() {
            return;
        }
    }
}

/// Removes requests of tasks that are done or not there, init images that no task uses, and old checkpoints; how many.
///
/// # Errors
/// A service fails. The next call removes the rest.
async fn clear(workflow: &Workflow, storage: &Storage, now: Timestamp) -> easel_storage::Result<usize> {
    let old = |prefix: &str, age: SignedDuration| {
        let keys = storage.written_before(prefix, now - age);
        keys.map_err(|error| easel_storage::Error::Internal(format!("the index of objects: {error}")))
    };
    let mut removed = 0;
    for key in old(keys::REQUESTS, DONE_REQUESTS)? {
        if !is_awaited(workflow, &key).await? {
            workflow.gallery.remove(&key).await?;
            removed += 1;
        }
    }
    for key in old(keys::INPUTS, UNUSED_INPUTS)? {
        // Uploads that belong to nobody are of an earlier version, which did not write down who uses them.
        let is_counted = key.matches('/').count() > 1;
        if is_counted && !workflow.store.is_used(&key).await? {
            workflow.gallery.remove(&key).await?;
            removed += 1;
        }
    }
    for key in old(keys::CHECKPOINTS, CHECKPOINTS)? {
        workflow.gallery.remove(&key).await?;
        removed += 1;
    }
    Ok(removed)
}

/// Whether a request is of a task that still has to be drawn.
async fn is_awaited(workflow: &Workflow, key: &str) -> easel_storage::Result<bool> {
    let id = key.strip_prefix(keys::REQUESTS).and_then(|name| name.split(['.', '/']).next()?.parse::<Uuid>().ok());
    let Some(id) = id else { return Ok(false) };
    let task = workflow.store.find(id).await?;
    Ok(task.is_some_and(|task| matches!(task.status, Status::Pending | Status::InProgress | Status::Paused)))
}

#[cfg(test)]
mod tests {
    use easel_domain::TaskRequest;
    use easel_domain::identity::{Identity, Role};
    use easel_test_support::embedded::{self, BUCKET, Running};
    use serde_json::json;

    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn only_what_nobody_needs_goes() {
        let folder = tempfile::tempdir().expect("a folder");
        let dynamodb = Running::dynamodb(&folder.path().join("rows")).await;
        let (s3, _created) = Running::s3(&folder.path().join("objects"), BUCKET).await;
        let storage = s3.storage().await;
        let workflow = embedded::workflow(&dynamodb, &s3);
        workflow.store.create_table().await.expect("a table");
        let carla = Identity::new("carla", Role::Creator);
        let [used, unused] = ["used", "unused"].map(|name| format!("{}{name}", keys::inputs_of(&carla.name)));
        for key in [&used, &unused] {
            workflow.gallery.write(key, b"image".to_vec(), "image/png").await.expect("uploaded");
        }
        let request = json!({"prompt": "a heart", "width": 64, "height": 64, "init_image": used});
        let request = TaskRequest::read(request.as_object().expect("an object").clone()).expect("a request");
        let waiting = workflow.create(request, &carla, None).await.expect("a task").task;
        let gone = keys::request(Uuid::now_v7());
        let old_checkpoint = keys::checkpoint(Uuid::now_v7(), 1);
        for key in [&gone, &old_checkpoint] {
            workflow.gallery.write(key, b"{}".to_vec(), "application/json").await.expect("written");
        }
        let everything = || async {
            let mut all = Vec::new();
            for prefix in [keys::REQUESTS, keys::INPUTS, keys::CHECKPOINTS] {
                all.extend(workflow.gallery.keys(prefix).await.expect("keys"));
            }
            all.sort();
            all
        };
        let before = everything().await;
        assert_eq!(before.len(), 5, "{before:?}");
        assert_eq!(clear(&workflow, &storage, Timestamp::now()).await.expect("looked"), 0, "nothing is old");

        let later = Timestamp::now() + SignedDuration::from_hours(31 * 24);
        assert_eq!(clear(&workflow, &storage, later).await.expect("cleared"), 3);
        let mut kept = vec![keys::request(waiting.id), used];
        kept.sort();
        assert_eq!(everything().await, kept);
        assert_eq!(clear(&workflow, &storage, later).await.expect("cleared"), 0);
    }
}
