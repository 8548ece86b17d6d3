//! S3 on loopback with one bucket: `s3s` speaks the protocol and checks signatures, the store keeps the
//! objects.

mod capacity;
mod conditions;
mod cors;
mod gateway;
mod listing;
mod object;
mod operations;
mod options;
mod store;
mod time;
mod upload;

use std::path::Path;
use std::sync::Arc;

use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue, ORIGIN};
use hyper::{Method, Request, Response, StatusCode};
use s3s::Body;
use s3s::auth::SimpleAuth;
use s3s::service::{S3Service, S3ServiceBuilder};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::access_key::AccessKey;
use crate::door::{Door, Refused};
use crate::{Result, folder, http};
use operations::S3Operations;
pub(crate) use store::ObjectStore;

pub use capacity::{Capacity, Full, PrefixUsage, Storage, usage};
pub use gateway::{Gateway, SIGNED_ENDPOINT};
pub use options::S3Options;
/// The body of a request to the gateway and of its response.
pub use s3s::Body as ObjectBody;

const LOCK: &str = "s3.lock";

/// A running S3.
#[derive(Debug)]
pub struct S3 {
    endpoint: String,
    storage: Storage,
    gateway: Gateway,
    server: JoinHandle<()>,
}

impl S3 {
    /// Serves the bucket kept in `folder` on `listener` until `shutdown` is cancelled. Pages that `door` lets in may use
    /// presigned URLs.
    ///
    /// An object is on disk, whole, before its upload is answered, and nothing of an interrupted upload is ever seen.
    ///
    /// # Errors
    /// Fails if the folder cannot be used, is in use, or its database cannot be opened.
    pub async fn start(
        folder: &Path,
        options: S3Options,
        door: Door,
        listener: TcpListener,
        shutdown: CancellationToken,
    ) -> Result<Self> {
        let endpoint = format!("http://{}", listener.local_addr()?);
        let lock = folder::lock(folder, LOCK)?;
        let store = Arc::new(ObjectStore::open(folder)?);

        let AccessKey { id, secret } = options.key.clone();
        let auth = SimpleAuth::from_single(id, secret);
        let bucket = options.bucket.clone();
        let storage = Storage::new(store.clone(), options.capacity.clone());
        let mut builder = S3ServiceBuilder::new(S3Operations::new(store, storage.clone(), options));
        builder.set_auth(auth);
        let service = builder.build();
        let gateway = Gateway::new(service.clone(), bucket);

        let server = tokio::spawn(async move {
            http::serve(listener, door, shutdown, refuse, move |request| respond(service.clone(), request)).await;
            drop(lock);
        });
        Ok(Self { endpoint, storage, gateway, server })
    }

    /// The `endpoint_url` for the SDK, which also needs `force_path_style`.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// What is kept.
    pub fn storage(&self) -> Storage {
        self.storage.clone()
    }

    /// A way to the objects from within this process.
    pub fn gateway(&self) -> Gateway {
        self.gateway.clone()
    }

    /// Waits until the service has stopped and every request has been answered.
    pub async fn stopped(self) {
        // A task that panicked has stopped as well.
        let _ = self.server.await;
    }
}

fn refuse(refused: Refused) -> Response<Body> {
    let error = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Error><Code>AccessDenied</Code><Message>{refused}</Message></Error>"
    );
    let mut response = Response::new(Body::from(error));
    *response.status_mut() = StatusCode::FORBIDDEN;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/xml"));
    response
}

async fn respond(service: S3Service, request: Request<Incoming>) -> Response<Body> {
    // The door lets in only pages that may use the URLs.
    let origin = request.headers().get(ORIGIN).cloned();
    if request.method() == Method::OPTIONS {
        return cors::preflight(origin, request.headers());
    }
    let mut response = service.call(request.map(Body::from)).await.unwrap_or_else(|error| {
        tracing::error!(error = %s3s::StdError::from(error), "S3 failed to respond");
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
        response
    });
    cors::allow(origin, response.headers_mut());
    response
}
