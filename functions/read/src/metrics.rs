//! `GET /v1/metrics`: counted and timed from the tasks themselves.

use std::collections::BTreeMap;
use std::future::ready;

use easel_core::error::{Error, Result};
use easel_core::http::{Answer, Call, DrawnTimes, MetricsView, Spread, Tag};
use easel_core::services::Services;
use easel_core::store::Filter;
use easel_core::task::{GenerationReport, Status};
use tokio::task::JoinSet;

/// How many of the newest drawn tasks are looked at, for each state that drawn tasks are in.
const NEWEST: usize = 50;

pub(crate) async fn metrics(services: &Services, call: &Call) -> Result<Answer> {
    call.parameters().finish()?;
    let store = &services.workflow.store;
    let mut counts = JoinSet::new();
    for status in Status::ALL {
        let store = store.clone();
        counts.spawn(async move { (status, store.count(status).await) });
    }
    let mut tasks = BTreeMap::new();
    while let Some(counted) = counts.join_next().await {
        let (status, count) = counted.map_err(|error| Error::Internal(error.to_string()))?;
        tasks.insert(status.as_str().to_owned(), count?);
    }

    let mut drawn = Vec::new();
    for status in [Status::AwaitingApproval, Status::Approved, Status::Published, Status::Rejected] {
        let page = store.list(&Filter { status: Some(status), ..Filter::default() }, NEWEST, None).await?;
        drawn.extend(page.tasks.into_iter().filter_map(|task| {
            let pictures = task.attempt.pictures.len().max(1) as f64;
            Some((task.attempt.generation?, pictures))
        }));
    }
    let spread = |of: &dyn Fn(&GenerationReport, f64) -> Option<f64>| {
        Spread::of(drawn.iter().filter_map(|(report, pictures)| of(report, *pictures)).collect())
    };
    let drawn = DrawnTimes {
        tasks: drawn.len(),
        step_seconds: spread(&|report, _| Some(report.step_seconds)),
        picture_seconds: spread(&|report, pictures| Some(report.drawing_seconds / pictures)),
        queue_seconds: spread(&|report, _| Some(report.queue_seconds)),
        dollars_per_picture: spread(&|report, _| report.dollars_per_picture),
    };
    let metrics = MetricsView { tasks, drawn };
    call.show(Tag::weak(&metrics)?, ready(Ok(metrics))).await
}
