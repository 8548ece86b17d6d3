//! A service behind the functions is away: callers are told to come back, and nothing is half done.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use easel_core::http::identification::Identification;
use easel_core::services::Services;
use easel_embedded::dynamodb::DynamoDb;
use easel_embedded::s3::{S3, S3Options};
use lambda_http::{Body, Response};
use serde_json::Value;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::events::{event, send};
use crate::orders::unique;
use crate::service::Addresses;
use crate::storage::Storage;

const NAME: &str = "easel";

/// An embedded service that can be away for a while.
struct Place {
    folder: PathBuf,
    address: String,
    stop: CancellationToken,
}

impl Place {
    async fn new(folder: &Path) -> (Self, TcpListener) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address").to_string();
        (Self { folder: folder.to_owned(), address, stop: CancellationToken::new() }, listener)
    }

    /// The same port, for a new life.
    async fn again(&mut self) -> TcpListener {
        self.stop = CancellationToken::new();
        TcpListener::bind(&self.address).await.expect("the same port")
    }

    async fn rows(&self, listener: TcpListener) -> DynamoDb {
        DynamoDb::start(&self.folder, listener, self.stop.clone()).await.expect("DynamoDB starts")
    }

    async fn objects(&self, listener: TcpListener) -> S3 {
        let options = S3Options {
            bucket: NAME.to_owned(),
            access_key_id: NAME.to_owned(),
            secret_access_key: NAME.to_owned(),
            watched_prefixes: Vec::new(),
            notifier: Arc::new(drop),
        };
        S3::start(&self.folder, options, listener, self.stop.clone()).await.expect("S3 starts")
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_meets_an_outage_is_told_to_come_back_and_is_done_then() {
    let folder = TempDir::new().expect("a folder");
    let (mut rows, listener) = Place::new(&folder.path().join("rows")).await;
    let dynamodb = rows.rows(listener).await;
    let (mut objects, listener) = Place::new(&folder.path().join("objects")).await;
    let s3 = objects.objects(listener).await;
    let storage = Storage::new(&Addresses {
        api: String::new(),
        desk: None,
        s3_endpoint: format!("http://{}", objects.address),
        bucket: NAME.to_owned(),
        dynamodb_endpoint: format!("http://{}", rows.address),
        table: NAME.to_owned(),
        region: "us-east-1".to_owned(),
        access_key_id: NAME.to_owned(),
        secret_access_key: NAME.to_owned(),
        session_token: None,
    });
    let services = Services { workflow: storage.workflow(), identification: Identification::Authorizer };
    services.workflow.store.create_table().await.expect("a table");
    assert_eq!(create(&services, &unique("key")).await.status(), 201);

    objects.stop.cancel();
    s3.stopped().await;
    let key = unique("key");
    check(&create(&services, &key).await, "S3");
    assert_eq!(listed(&services).await, 1, "nothing is half done");
    let listener = objects.again().await;
    let s3 = objects.objects(listener).await;
    assert_eq!(create(&services, &key).await.status(), 201);
    assert_eq!(listed(&services).await, 2);

    rows.stop.cancel();
    dynamodb.stopped().await;
    let key = unique("key");
    check(&create(&services, &key).await, "DynamoDB");
    check(&list(&services).await, "DynamoDB");
    let listener = rows.again().await;
    let dynamodb = rows.rows(listener).await;
    assert_eq!(listed(&services).await, 2, "nothing is half done");
    assert_eq!(create(&services, &key).await.status(), 201);
    assert_eq!(listed(&services).await, 3);

    rows.stop.cancel();
    objects.stop.cancel();
    tokio::join!(dynamodb.stopped(), s3.stopped());
}

async fn create(services: &Services, key: &str) -> Response<Body> {
    send(services, &event("create").replace("5c1f0c1e-heart", key), easel_create::handle).await
}

async fn list(services: &Services) -> Response<Body> {
    send(services, &event("list"), easel_read::handle).await
}

async fn listed(services: &Services) -> usize {
    let page: Value = serde_json::from_slice(list(services).await.body()).expect("JSON");
    page["tasks"].as_array().expect("tasks").len()
}

/// The answer names the service that is away, and when to come back.
fn check(answer: &Response<Body>, service: &str) {
    assert_eq!((answer.status().as_u16(), &answer.headers()["retry-after"]), (503, &"5".parse().expect("a header")));
    let problem: Value = serde_json::from_slice(answer.body()).expect("JSON");
    assert_eq!(problem["type"], "urn:easel:problem:unavailable", "{problem:#}");
    assert!(problem["detail"].as_str().is_some_and(|detail| detail.starts_with(service)), "{problem:#}");
}
