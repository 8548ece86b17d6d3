//! S3: the embedded one, and one that keeps checksums, as the embedded one does not.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::process::Command;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};
use easel_embedded::s3::S3;
use easel_test_support::embedded::{ACCESS_KEY_ID, REGION, Running, SECRET_ACCESS_KEY};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

pub(crate) const BUCKET: &str = "models";

/// The embedded S3.
pub(crate) struct Embedded {
    service: Running<S3>,
    client: aws_sdk_s3::Client,
    runtime: Runtime,
    _folder: TempDir,
}

impl Embedded {
    pub(crate) fn start() -> Self {
        let (runtime, folder) = (Runtime::new().unwrap(), crate::support::folder());
        let (service, _) = runtime.block_on(Running::s3(folder.path(), BUCKET));
        Self { client: service.client(), service, runtime, _folder: folder }
    }

    pub(crate) fn put(&self, key: &str, content: &[u8]) {
        let put = self.client.put_object().bucket(BUCKET).key(key).body(content.to_vec().into());
        self.runtime.block_on(put.send()).unwrap();
    }

    /// The command with what it finds this S3 by.
    pub(crate) fn with<'c>(&self, command: &'c mut Command) -> &'c mut Command {
        found_by(command, &self.service.endpoint())
    }
}

fn found_by<'c>(command: &'c mut Command, endpoint: &str) -> &'c mut Command {
    command
        .env("AWS_ENDPOINT_URL_S3", endpoint)
        .env("AWS_REGION", REGION)
        .env("AWS_ACCESS_KEY_ID", ACCESS_KEY_ID)
        .env("AWS_SECRET_ACCESS_KEY", SECRET_ACCESS_KEY)
        .env("AWS_EC2_METADATA_DISABLED", "true")
}

/// An S3 with objects that carry headers of their own.
pub(crate) struct WithHeaders {
    address: SocketAddr,
    objects: Objects,
    _runtime: Runtime,
}

type Objects = Arc<Mutex<BTreeMap<String, (Vec<u8>, Vec<(&'static str, String)>)>>>;

impl WithHeaders {
    pub(crate) fn start() -> Self {
        let (runtime, objects) = (Runtime::new().unwrap(), Objects::default());
        let router = Router::new().fallback(answer).with_state(objects.clone());
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        runtime.spawn(async move { axum::serve(listener, router).await });
        Self { address, objects, _runtime: runtime }
    }

    pub(crate) fn put(&self, key: &str, content: &[u8], headers: Vec<(&'static str, String)>) {
        self.objects.lock().unwrap().insert(key.to_owned(), (content.to_vec(), headers));
    }

    pub(crate) fn with<'c>(&self, command: &'c mut Command) -> &'c mut Command {
        found_by(command, &format!("http://{}", self.address))
    }
}

async fn answer(State(objects): State<Objects>, request: Request) -> Response {
    let objects = objects.lock().unwrap();
    let path = request.uri().path().trim_start_matches('/');
    let key = path.strip_prefix(BUCKET).unwrap_or_default().trim_start_matches('/');
    if key.is_empty() {
        let contents = objects
            .iter()
            .map(|(key, (content, _))| format!("<Contents><Key>{key}</Key><Size>{}</Size></Contents>", content.len()));
        let contents: String = contents.collect();
        return format!("<ListBucketResult><IsTruncated>false</IsTruncated>{contents}</ListBucketResult>")
            .into_response();
    }
    let Some((content, headers)) = objects.get(key) else { return StatusCode::NOT_FOUND.into_response() };
    let mut response = Response::builder();
    for (name, value) in headers {
        // Checksums come with heads; on whole objects the SDK would check them by itself.
        if request.method() == Method::HEAD || *name == "etag" {
            response = response.header(*name, value);
        }
    }
    response.body(content.clone().into()).unwrap()
}
