//! Services on free ports, and the SDK's clients for them.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region};
use easel_embedded::dynamodb::DynamoDb;
use easel_embedded::notification::ObjectCreated;
use easel_embedded::s3::{S3, S3Options};
use easel_embedded::{Error, Result};
use tokio::net::TcpListener;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio_util::sync::CancellationToken;

pub(crate) const BUCKET: &str = "easel";

pub(crate) struct Running<S> {
    pub(crate) service: S,
    pub(crate) shutdown: CancellationToken,
}

pub(crate) async fn listener() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").await.expect("a free port")
}

/// What starts. A program that another test runs holds all locks of this one for the moment before it is another program,
/// those on folders that were let go too.
async fn started<S, F: Future<Output = Result<S>>>(start: impl Fn() -> F) -> S {
    for _ in 0..1000 {
        match start().await {
            Err(Error::InUse { .. }) => tokio::time::sleep(Duration::from_millis(10)).await,
            service => return service.expect("it starts"),
        }
    }
    panic!("the folder stays in use");
}

pub(crate) async fn start_dynamodb(folder: &Path) -> Running<DynamoDb> {
    let shutdown = CancellationToken::new();
    let start = || async { DynamoDb::start(folder, listener().await, shutdown.clone()).await };
    let service = started(start).await;
    Running { service, shutdown }
}

impl Running<DynamoDb> {
    pub(crate) fn client(&self) -> aws_sdk_dynamodb::Client {
        dynamodb_client(self.service.endpoint())
    }

    pub(crate) async fn stop(self) {
        self.shutdown.cancel();
        self.service.stopped().await;
    }
}

pub(crate) async fn start_s3(folder: &Path) -> (Running<S3>, UnboundedReceiver<ObjectCreated>) {
    let (sender, created) = unbounded_channel();
    let options = S3Options {
        bucket: BUCKET.to_owned(),
        access_key_id: "key".to_owned(),
        secret_access_key: "secret".to_owned(),
        watched_prefixes: vec!["uploads/".to_owned(), "requests/".to_owned()],
        notifier: Arc::new(move |object| drop(sender.send(object))),
    };
    let shutdown = CancellationToken::new();
    let start = || async { S3::start(folder, options.clone(), listener().await, shutdown.clone()).await };
    let service = started(start).await;
    (Running { service, shutdown }, created)
}

impl Running<S3> {
    pub(crate) fn client(&self) -> aws_sdk_s3::Client {
        s3_client(self.service.endpoint(), "secret")
    }

    pub(crate) async fn stop(self) {
        self.shutdown.cancel();
        self.service.stopped().await;
    }
}

pub(crate) fn dynamodb_client(endpoint: &str) -> aws_sdk_dynamodb::Client {
    let configuration = aws_sdk_dynamodb::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-central-1"))
        .credentials_provider(Credentials::new("key", "secret", None, None, "test"))
        .endpoint_url(endpoint)
        .retry_config(RetryConfig::disabled())
        .build();
    aws_sdk_dynamodb::Client::from_conf(configuration)
}

pub(crate) fn s3_client(endpoint: &str, secret: &str) -> aws_sdk_s3::Client {
    let configuration = aws_sdk_s3::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-central-1"))
        .credentials_provider(Credentials::new("key", secret, None, None, "test"))
        .endpoint_url(endpoint)
        .retry_config(RetryConfig::disabled())
        .force_path_style(true)
        .build();
    aws_sdk_s3::Client::from_conf(configuration)
}
