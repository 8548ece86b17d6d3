//! The queue is in memory. What waits or was being drawn when the service stopped is put into it again.

use std::time::Duration;

use easel_domain::task::Status;
use easel_embedded::notification::{Creation, ObjectCreated};
use easel_embedded::queue::Queue;
use easel_storage::gallery::keys;
use easel_storage::store::Filter;
use easel_storage::workflow::Workflow;
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use crate::command_error::CommandError;

const PAGE: usize = 100;

/// How often other services are asked for new tasks, where nothing announces them.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// Announces every task that is not drawn yet, oldest first.
pub(super) async fn enqueue_tasks(workflow: &Workflow, queue: &Queue, region: &str) -> Result<(), CommandError> {
    let mut ids = Vec::new();
    for status in [Status::InProgress, Status::Pending] {
        let filter = Filter { status: Some(status), ..Filter::default() };
        let mut below = None;
        loop {
            let page = workflow.store.list(&filter, PAGE, below).await?;
            ids.extend(page.tasks.iter().map(|task| task.id));
            below = page.next;
            if below.is_none() {
                break;
            }
        }
    }
    ids.sort_unstable();
    ids.into_iter().for_each(|id| announce(workflow, queue, region, keys::request(id)));
    Ok(())
}

/// Announces every dropped file: one that was made into a task before makes the same task again, which is there already.
pub(super) async fn enqueue_uploads(workflow: &Workflow, queue: &Queue, region: &str) -> Result<(), CommandError> {
    let uploads = workflow.gallery.keys(keys::UPLOADS).await?;
    uploads.into_iter().for_each(|key| announce(workflow, queue, region, key));
    Ok(())
}

/// Looks for new tasks until `shutdown`, where nothing announces them.
pub(super) async fn watch(workflow: Workflow, queue: Queue, region: String, shutdown: CancellationToken) {
    while shutdown.run_until_cancelled(tokio::time::sleep(LOOK_EVERY)).await.is_some() {
        if queue.is_empty()
            && let Err(failure) = enqueue_tasks(&workflow, &queue, &region).await
        {
            tracing::warn!(?failure, "new tasks could not be looked for");
        }
    }
}

fn announce(workflow: &Workflow, queue: &Queue, region: &str, key: String) {
    let created = ObjectCreated {
        by: Creation::Put,
        bucket: workflow.gallery.bucket().to_owned(),
        key,
        size: 0,
        e_tag: String::new(),
        time: Timestamp::now(),
        sequencer: 0,
    };
    queue.send(created.to_event(region).to_string());
}
