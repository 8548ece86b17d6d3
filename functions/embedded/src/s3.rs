//! S3 on loopback with one bucket: `s3s` speaks the protocol and checks signatures, the store keeps the
//! objects.

mod conditions;
mod cors;
mod listing;
mod operations;
mod store;
mod upload;

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use hyper::body::Incoming;
use hyper::{Method, Request, Response, StatusCode};
use s3s::Body;
use s3s::auth::SimpleAuth;
use s3s::service::{S3Service, S3ServiceBuilder};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::notification::ObjectCreated;
use crate::{Result, folder, http};
use operations::Operations;
use store::Store;

const LOCK: &str = "s3.lock";

/// What S3 serves, and to whom.
#[derive(Clone)]
pub struct S3Options {
    /// The only bucket; other names answer `NoSuchBucket`.
    pub bucket: String,
    /// The access key id that signs requests and URLs.
    pub access_key_id: String,
    /// The secret of that access key.
    pub secret_access_key: String,
    /// Key prefixes whose new objects are reported.
    pub watched_prefixes: Vec<String>,
    /// Told of each new object under a watched prefix, after the object can be read. It must not block.
    pub notifier: Arc<dyn Fn(ObjectCreated) + Send + Sync>,
}

impl fmt::Debug for S3Options {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { bucket, watched_prefixes, .. } = self;
        let mut debug = formatter.debug_struct("S3Options");
        debug.field("bucket", bucket).field("watched_prefixes", watched_prefixes).finish_non_exhaustive()
    }
}

/// A running S3.
#[derive(Debug)]
pub struct S3 {
    endpoint: String,
    server: JoinHandle<()>,
}

impl S3 {
    /// Serves the bucket kept in `folder` on `listener` until `shutdown` is cancelled.
    ///
    /// An object is on disk, whole, before its upload is answered, and nothing of an interrupted upload is ever seen.
    ///
    /// # Errors
    /// When the folder cannot be used, is in use, or its database cannot be opened.
    pub async fn start(
        folder: &Path,
        options: S3Options,
        listener: TcpListener,
        shutdown: CancellationToken,
    ) -> Result<Self> {
        let endpoint = format!("http://{}", listener.local_addr()?);
        let lock = folder::lock(folder, LOCK)?;
        let store = Arc::new(Store::open(folder)?);

        let auth = SimpleAuth::from_single(options.access_key_id.clone(), options.secret_access_key.clone());
        let mut builder = S3ServiceBuilder::new(Operations::new(store, options));
        builder.set_auth(auth);
        let service = builder.build();

        let server = tokio::spawn(async move {
            http::serve(listener, shutdown, move |request| answer(service.clone(), request)).await;
            drop(lock);
        });
        Ok(Self { endpoint, server })
    }

    /// What the SDK takes as `endpoint_url`; it needs `force_path_style`, too.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Waits until the service has stopped and every request has been answered.
    pub async fn stopped(self) {
        // A task that panicked has stopped, too.
        let _ = self.server.await;
    }
}

async fn answer(service: S3Service, request: Request<Incoming>) -> Response<Body> {
    let origin = cors::allowed_origin(request.headers());
    if request.method() == Method::OPTIONS {
        return cors::preflight(origin, request.headers());
    }
    let mut response = service.call(request.map(Body::from)).await.unwrap_or_else(|error| {
        tracing::error!(error = %s3s::StdError::from(error), "S3 could not answer");
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
        response
    });
    cors::allow(origin, response.headers_mut());
    response
}
