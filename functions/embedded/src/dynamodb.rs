//! DynamoDB on loopback: dynoxide over one SQLite file, behind a gate that checks signatures.

mod operations;
mod signature;

use std::io;
use std::path::Path;
use std::time::{Duration, SystemTime};

use dynoxide::Database;
use easel_system::files;
use hyper::body::Incoming;
use hyper::header::CONTENT_TYPE;
use hyper::{HeaderMap, Method, Request, Response, StatusCode};
use s3s::Body;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::access_key::AccessKey;
use crate::door::{Door, Refused};
use crate::{Error, Result, folder, http};
use signature::Unsigned;

/// The database within the folder.
pub(crate) const FILE: &str = "dynamodb.sqlite";
const LOCK: &str = "dynamodb.lock";
/// How often expired items are deleted. AWS may take days, so readers check the expiry themselves in any case.
const SWEEP_EVERY: Duration = Duration::from_secs(30);
/// DynamoDB's own limit for bodies, bytes.
const BODY_LIMIT: usize = 16 * 1024 * 1024;
const JSON: &str = "application/x-amz-json-1.0";

/// A running DynamoDB.
#[derive(Debug)]
pub struct DynamoDb {
    endpoint: String,
    server: JoinHandle<()>,
    sweeper: JoinHandle<()>,
}

impl DynamoDb {
    /// Serves the tables kept in `folder` on `listener` to who signs with `key`, until `shutdown` is cancelled.
    ///
    /// Each write is on disk before it is answered.
    ///
    /// # Errors
    /// Fails if the folder cannot be used, is in use, or its database cannot be opened.
    pub async fn start(
        folder: &Path,
        key: AccessKey,
        door: Door,
        listener: TcpListener,
        shutdown: CancellationToken,
    ) -> Result<Self> {
        let endpoint = format!("http://{}", listener.local_addr()?);
        let lock = folder::lock(folder, LOCK)?;
        let database = open(folder)?;

        let sweeper = tokio::spawn(sweep(database.clone(), shutdown.clone()));
        let server = tokio::spawn(async move {
            let respond = move |request| respond(database.clone(), key.clone(), request);
            http::serve(listener, door, shutdown, refuse, respond).await;
            drop(lock);
        });
        Ok(Self { endpoint, server, sweeper })
    }

    /// The `endpoint_url` for the SDK.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Waits until the service has stopped and every request has been answered.
    pub async fn stopped(self) {
        // A task that panicked has stopped as well.
        let _ = tokio::join!(self.server, self.sweeper);
    }
}

fn open(folder: &Path) -> Result<Database> {
    let file = folder.join(FILE);
    let in_folder = |source| Error::Folder { folder: folder.to_owned(), source };
    let path = file.to_str().ok_or_else(|| in_folder(io::Error::other("its name is not UTF-8")))?;
    // SQLite gives the files beside it the same permissions.
    files::private_file(&file).map_err(in_folder)?;
    let database =
        Database::new(path).map_err(|error| Error::Database { file: file.clone(), reason: error.to_string() })?;
    files::make_files_private(folder).map_err(in_folder)?;
    Ok(database)
}

async fn respond(database: Database, key: AccessKey, request: Request<Incoming>) -> Response<Body> {
    let (head, body) = request.into_parts();
    let body = match Body::from(body).store_all_limited(BODY_LIMIT).await {
        Ok(body) => body,
        Err(error) => {
            tracing::debug!(error, "a request broke off or is too long");
            return failure(StatusCode::PAYLOAD_TOO_LARGE, "RequestEntityTooLarge", "the body is longer than 16 MB");
        }
    };
    if let Err(reason) = signature::check(&key, &head, &body, SystemTime::now()) {
        tracing::info!(%reason, "refused");
        return failure(StatusCode::FORBIDDEN, code(reason), &reason.to_string());
    }
    let Some(operation) = operation(&head.method, &head.headers) else { return unknown_operation() };
    let running = tokio::task::spawn_blocking(move || operations::run(&database, &operation, &body)).await;
    match running {
        Ok(None) => unknown_operation(),
        Ok(Some(Ok(output))) => json(StatusCode::OK, output),
        Ok(Some(Err(error))) => {
            let status = StatusCode::from_u16(error.status_code()).unwrap_or(StatusCode::BAD_REQUEST);
            json(status, error.to_json())
        }
        Err(error) => {
            tracing::error!(%error, "DynamoDB failed to respond");
            failure(StatusCode::INTERNAL_SERVER_ERROR, "InternalServerError", "the operation broke off")
        }
    }
}

fn operation(method: &Method, headers: &HeaderMap) -> Option<String> {
    let target = headers.get("x-amz-target").and_then(|target| target.to_str().ok())?;
    operations::named(target).filter(|_| method == Method::POST).map(str::to_owned)
}

fn unknown_operation() -> Response<Body> {
    failure(StatusCode::BAD_REQUEST, "UnknownOperationException", "the header X-Amz-Target names no operation")
}

fn refuse(refused: Refused) -> Response<Body> {
    failure(StatusCode::FORBIDDEN, "AccessDeniedException", &refused.to_string())
}

/// AWS's code for it.
fn code(reason: Unsigned) -> &'static str {
    match reason {
        Unsigned::Missing => "MissingAuthenticationTokenException",
        Unsigned::Incomplete => "IncompleteSignatureException",
        Unsigned::UnknownKey => "UnrecognizedClientException",
        Unsigned::Expired | Unsigned::Wrong => "InvalidSignatureException",
    }
}

fn failure(status: StatusCode, code: &str, message: &str) -> Response<Body> {
    let body = json!({"__type": format!("com.amazonaws.dynamodb.v20120810#{code}"), "message": message});
    json(status, body.to_string())
}

fn json(status: StatusCode, body: String) -> Response<Body> {
    let response = Response::builder()
        .status(status)
        .header(CONTENT_TYPE, JSON)
        .header("x-amzn-requestid", Uuid::new_v4().simple().to_string())
        .body(Body::from(body));
    response.unwrap_or_default()
}

async fn sweep(database: Database, shutdown: CancellationToken) {
    let mut ticks = tokio::time::interval(SWEEP_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while shutdown.run_until_cancelled(ticks.tick()).await.is_some() {
        let database = database.clone();
        match tokio::task::spawn_blocking(move || database.sweep_ttl()).await {
            Ok(Ok(0)) => {}
            Ok(Ok(deleted)) => tracing::debug!(deleted, "deleted expired items"),
            Ok(Err(error)) => tracing::warn!(%error, "could not delete expired items"),
            Err(error) => tracing::warn!(%error, "could not delete expired items"),
        }
    }
}
