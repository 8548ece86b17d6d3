//! A service behind the functions is away: callers are told to come back, and nothing is half done.

use axum::body::Bytes;
use easel_api::{Identification, RoleClaim, Services};
use easel_test_support::embedded::{self, BUCKET, Running};
use easel_test_support::task_requests::unique;
use lambda_http::Response;
use serde_json::Value;
use tempfile::TempDir;

use crate::events::{event, send};

#[tokio::test(flavor = "multi_thread")]
async fn what_meets_an_outage_is_told_to_come_back_and_is_done_then() {
    let folder = TempDir::new().expect("a folder");
    let dynamodb = Running::dynamodb(&folder.path().join("rows")).await;
    let (s3, _created) = Running::s3(&folder.path().join("objects"), BUCKET).await;
    let workflow = embedded::workflow(&dynamodb, &s3);
    let services = Services::new(workflow, Identification::Authorizer(RoleClaim::default()));
    services.workflow.store.create_table().await.expect("a table");
    assert_eq!(create(&services, &unique("key")).await.status(), 201);

    s3.stop().await;
    let key = unique("key");
    check(&create(&services, &key).await, "S3");
    assert_eq!(listed(&services).await, 1, "nothing is half done");
    s3.start_again().await;
    assert_eq!(create(&services, &key).await.status(), 201);
    assert_eq!(listed(&services).await, 2);

    dynamodb.stop().await;
    let key = unique("key");
    check(&create(&services, &key).await, "DynamoDB");
    check(&list(&services).await, "DynamoDB");
    dynamodb.start_again().await;
    assert_eq!(listed(&services).await, 2, "nothing is half done");
    assert_eq!(create(&services, &key).await.status(), 201);
    assert_eq!(listed(&services).await, 3);

    tokio::join!(dynamodb.stop(), s3.stop());
}

async fn create(services: &Services, key: &str) -> Response<Bytes> {
    send(services, &event("create").replace("5c1f0c1e-heart", key), easel_api::create::router).await
}

async fn list(services: &Services) -> Response<Bytes> {
    send(services, &event("list"), easel_api::read::router).await
}

async fn listed(services: &Services) -> usize {
    let page: Value = serde_json::from_slice(list(services).await.body()).expect("JSON");
    page["tasks"].as_array().expect("tasks").len()
}

/// The answer names the service that is away, and when to come back.
fn check(answer: &Response<Bytes>, service: &str) {
    assert_eq!((answer.status().as_u16(), &answer.headers()["retry-after"]), (503, &"5".parse().expect("a header")));
    let problem: Value = serde_json::from_slice(answer.body()).expect("JSON");
    assert_eq!(problem["type"], "urn:easel:problem:unavailable", "{problem:#}");
    assert!(problem["detail"].as_str().is_some_and(|detail| detail.starts_with(service)), "{problem:#}");
}
