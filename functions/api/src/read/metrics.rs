//! Metrics, counted and timed from the tasks themselves.

use std::future::ready;

use axum::extract::State;
use axum::response::Response;
use easel_domain::identity::Role;
use easel_domain::task::{GenerationReport, Status};
use easel_storage::store::Filter;
use jiff::Timestamp;

use crate::caller::Reviewer;
use crate::conditional::{Known, state_tag};
use crate::error::Result;
use crate::health::WorkerView;
use crate::parameters::NoParameters;
use crate::schemas::{AnyProblem, TokenProblem, Unchanged};
use crate::services::{DiskView, Services};
use crate::views::{DrawnTimes, MetricsView, Spread};

/// How many of the newest drawn tasks are looked at, for each state that drawn tasks are in.
const NEWEST: usize = 50;

/// Show counts and times.
#[utoipa::path(
    get,
    path = "/v1/metrics",
    operation_id = "metrics",
    tag = "read",
    params(Known),
    responses(
        (status = 200, description = "The metrics", body = MetricsView, headers(("ETag" = String))),
        Unchanged, AnyProblem, TokenProblem
    ),
    security(("token" = ["reviewer"]))
)]
pub(super) async fn metrics(
    State(services): State<Services>,
    Reviewer(identity): Reviewer,
    _: NoParameters,
    known: Known,
) -> Result<Response> {
    let store = &services.workflow.store;
    let counts = store.counts().await?;
    let tasks = counts.into_iter().map(|(status, count)| (status.as_str().to_owned(), count)).collect();
    let mut drawn = Vec::new();
    for status in [Status::AwaitingApproval, Status::Approved, Status::Published, Status::Rejected] {
        let page = store.list(&Filter::at(status), NEWEST, None).await?;
        drawn.extend(page.tasks.into_iter().filter_map(|task| {
            let images = task.attempt.images.len().max(1) as f64;
            Some((task.attempt.generation?, images))
        }));
    }
    let spread = |of: &dyn Fn(&GenerationReport, f64) -> Option<f64>| {
        Spread::of(drawn.iter().filter_map(|(report, images)| of(report, *images)).collect())
    };
    let drawn = DrawnTimes {
        tasks: drawn.len(),
        step_seconds: spread(&|report, _| Some(report.step_seconds)),
        image_seconds: spread(&|report, images| Some(report.drawing_seconds / images)),
        queue_seconds: spread(&|report, _| Some(report.queue_seconds)),
        dollars_per_image: spread(&|report, _| report.dollars_per_image),
    };
    let now = Timestamp::now();
    let workers = store.workers().await?.into_iter().map(|report| WorkerView::new(report, now)).collect();
    let metrics = MetricsView { tasks, drawn, workers, disk: None };
    // What others write to the disk is no news.
    let tag = state_tag(&metrics)?;
    let disk = services.disk.as_ref().map(|look| look());
    let disk = disk.map(|disk| DiskView { folder: disk.folder.filter(|_| identity.role == Role::Admin), ..disk });
    known.show(tag, ready(Ok(MetricsView { disk, ..metrics }))).await
}
