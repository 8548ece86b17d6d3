//! What the API says of workers.

use easel_storage::store::WorkerReport;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::support::{TestApi, carla, robin};

const SECRET: &str = "/srv/models/sdxl is not readable, nor is s3://models";

fn report(worker: &str, minutes_ago: i64, reason: Option<&str>) -> WorkerReport {
    let at = Timestamp::now() - SignedDuration::from_mins(minutes_ago);
    let report = json!({
        "worker": worker, "at": at, "sdxl_available": reason.is_none(), "device": if reason.is_none() { "cuda" } else { "none" },
        "base_model_loaded": true, "refiner_model_loaded": false, "refinement_enabled": false, "backend": "cuda",
        "device_name": "a GPU", "precision": "f16", "fallback_reason": reason, "model": worker, "version": "1",
        "cold_start_seconds": 1.0,
    });
    serde_json::from_value(report).expect("a report")
}

#[tokio::test]
async fn a_worker_is_there_as_long_as_it_is_heard_of() {
    let api = TestApi::start().await;
    let store = &api.services.workflow.store;
    let health = async || api.call(&carla(), "GET", "/health", &Value::Null).await.expect(200);
    let empty = health().await;
    assert_eq!(empty["sdxl_available"], false);
    let limits = json!({
        "work": 8_000.0, "step_work": null, "waiting_tasks": 500, "waiting_work": 200_000.0, "uploads_a_day": 200,
    });
    assert_eq!(empty["limits"], limits);
    store.report_worker(&report("one", 10, None)).await.expect("reported");
    let silent = health().await;
    assert_eq!(silent["sdxl_available"], false);
    let reason = silent["fallback_reason"].as_str().expect("a reason");
    assert!(reason.starts_with("no worker has been heard of since"), "{reason}");
    // One that is broken does not speak for those that are well.
    store.report_worker(&report("two", 2, None)).await.expect("reported");
    store.report_worker(&report("three", 0, Some(SECRET))).await.expect("reported");
    let well = health().await;
    assert_eq!((&well["sdxl_available"], &well["model"]), (&json!(true), &json!("two")));
    // A report takes the place of the same worker's last one.
    store.report_worker(&report("two", 0, Some(SECRET))).await.expect("reported");
    let broken = health().await;
    assert_eq!((&broken["sdxl_available"], &broken["device"]), (&json!(false), &json!("none")));
    assert!(!broken.to_string().contains("/srv") && !broken.to_string().contains("s3:"), "{broken:#}");

    let metrics = api.call(&robin(), "GET", "/v1/metrics", &Value::Null).await.expect(200);
    let workers = metrics["workers"].as_array().expect("workers");
    let told: Vec<_> = workers.iter().map(|worker| (&worker["is_silent"], &worker["fallback_reason"])).collect();
    assert_eq!(told.len(), 3);
    assert_eq!(told[0], (&json!(false), &json!(SECRET)), "those who run the service learn why");
    assert_eq!(told[2], (&json!(true), &json!(null)));
    api.call(&carla(), "GET", "/v1/metrics", &Value::Null).await.expect(403);
}

#[tokio::test]
async fn workers_on_demand_share_a_row_and_may_be_silent() {
    let api = TestApi::start().await;
    let store = &api.services.workflow.store;
    for instance in 0..5 {
        let report = WorkerReport { on_demand: true, ..report(&format!("generate/{instance}"), 60, None) };
        store.report_worker(&report).await.expect("reported");
    }
    assert_eq!(store.workers().await.expect("workers").len(), 1);
    let health = api.call(&carla(), "GET", "/health", &Value::Null).await.expect(200);
    assert_eq!(health["sdxl_available"], true);
}
