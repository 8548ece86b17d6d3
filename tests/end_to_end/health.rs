//! What the service says of itself.

use easel_test_support::service::{Service, Who};
use easel_test_support::task_requests::{small, unique};
use easel_test_support::waiting::eventually;
use serde_json::json;

#[tokio::test]
async fn health_is_what_the_worker_reported() {
    let service = Service::shared();
    let anybody = service.bearer(None);
    let health = eventually("a worker's report", || async {
        let health = anybody.get("/health").await.expect(200);
        Some(health).filter(|health| health["sdxl_available"] == true)
    })
    .await;
    for field in ["base_model_loaded", "refiner_model_loaded", "refinement_enabled"] {
        assert!(health[field].is_boolean(), "{field}: {health:#}");
    }
    for field in ["device", "backend", "device_name", "precision", "model", "version", "reported_at"] {
        assert!(health[field].as_str().is_some_and(|text| !text.is_empty()), "{field}: {health:#}");
    }
    let limits = &health["limits"];
    for field in ["work", "waiting_tasks", "waiting_work", "uploads_a_day"] {
        assert!(limits[field].as_f64().is_some_and(|limit| limit > 0.0), "{field}: {limits:#}");
    }
    assert!(health["report_age_seconds"].as_f64().is_some_and(|age| age >= 0.0), "{health:#}");
    if service.is_local() {
        assert_eq!((&health["device"], &health["backend"]), (&json!("cpu"), &json!("flex")));
    }
}

#[tokio::test]
async fn a_service_without_a_worker_says_so() {
    let service = Service::without_worker();
    if !service.is_local() {
        eprintln!("left out: the deployment has a worker");
        return;
    }
    let health = service.bearer(None).get("/health").await.expect(200);
    assert_eq!((&health["sdxl_available"], &health["device"]), (&json!(false), &json!(null)));
}

#[tokio::test]
async fn metrics_count_tasks_and_time_drawings() {
    let service = Service::shared();
    let (creator, reviewer) = service.people();
    let tag = unique("metrics");
    creator.draw(small(&tag)).await;
    let metrics = reviewer.get("/v1/metrics").await.expect(200);
    assert!(metrics["tasks"]["awaiting_approval"].as_u64().is_some_and(|count| count >= 1), "{metrics:#}");
    for status in ["pending", "in_progress", "approved", "published", "rejected", "failed", "cancelled"] {
        assert!(metrics["tasks"][status].is_u64(), "{status}: {metrics:#}");
    }
    if service.is_local() {
        let (disk, used) = (&metrics["disk"], metrics["disk"]["used_bytes"].as_u64());
        assert!(used.is_some_and(|bytes| bytes > 0) && disk["free_bytes"].is_u64(), "{metrics:#}");
        assert_eq!(disk["folder"], json!(null), "admins learn it");
        let disk = service.person(Who::Admin).get("/v1/metrics").await.expect(200)["disk"].clone();
        assert_eq!(disk["folder"].as_str().map(std::path::PathBuf::from), service.data());
    }
    assert!(metrics["drawn"]["tasks"].as_u64().is_some_and(|count| count >= 1), "{metrics:#}");
    for time in ["step_seconds", "image_seconds", "queue_seconds"] {
        let spread = &metrics["drawn"][time];
        let (median, p95) = (spread["median"].as_f64(), spread["p95"].as_f64());
        assert!(median.is_some_and(|median| median >= 0.0) && p95 >= median, "{time}: {metrics:#}");
    }
}

#[tokio::test]
async fn the_description_names_every_route() {
    let service = Service::without_worker();
    let description = service.bearer(None).get("/openapi.json").await.expect(200);
    assert!(description["openapi"].as_str().is_some_and(|version| version.starts_with("3.1")), "{description}");
    let routes = easel_api::document().expect("a description");
    for (path, operations) in routes["paths"].as_object().expect("paths") {
        for method in operations.as_object().expect("operations").keys() {
            assert!(description["paths"][path][method]["responses"].is_object(), "{method} {path}");
        }
    }
}
