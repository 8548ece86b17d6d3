//! Calls to services that wait until something else has happened.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use aws_smithy_http_client::Builder;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use tokio_util::sync::CancellationToken;

use crate::crashing::name;

/// The first call of a kind, which waits until it may go on.
#[derive(Clone)]
pub struct PausePoint(Arc<Point>);

/// Says of a call, by its number and by what it asks for, whether it pauses.
type Predicate = Box<dyn Fn(usize, &str) -> bool + Send + Sync>;

struct Point {
    is_it: Predicate,
    calls: AtomicUsize,
    reached: CancellationToken,
    going_on: CancellationToken,
}

impl PausePoint {
    /// Pauses the calls that `is_it` names by their number, from 1, and by what they ask for.
    #[must_use]
    pub fn new(is_it: impl Fn(usize, &str) -> bool + Send + Sync + 'static) -> Self {
        Self(Arc::new(Point {
            is_it: Box::new(is_it),
            calls: AtomicUsize::new(0),
            reached: CancellationToken::new(),
            going_on: CancellationToken::new(),
        }))
    }

    /// A client of HTTP that pauses here.
    #[must_use]
    pub fn http_client(&self) -> SharedHttpClient {
        SharedHttpClient::new(PausingClient { inner: Builder::new().build_http(), point: self.clone() })
    }

    /// Waits until a call waits here.
    pub async fn reached(&self) {
        self.0.reached.cancelled().await;
    }

    /// Lets every call go on, the later ones included.
    pub fn go_on(&self) {
        self.0.going_on.cancel();
    }
}

impl fmt::Debug for PausePoint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("PausePoint").field("calls", &self.0.calls).finish_non_exhaustive()
    }
}

#[derive(Debug)]
struct PausingClient {
    inner: SharedHttpClient,
    point: PausePoint,
}

impl HttpClient for PausingClient {
    fn http_connector(&self, settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
        let inner = self.inner.http_connector(settings, components);
        SharedHttpConnector::new(PausingConnector { inner, point: self.point.clone() })
    }
}

#[derive(Debug)]
struct PausingConnector {
    inner: SharedHttpConnector,
    point: PausePoint,
}

impl HttpConnector for PausingConnector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let point = self.point.0.clone();
        let number = point.calls.fetch_add(1, Ordering::SeqCst) + 1;
        let pauses = (point.is_it)(number, &name(&request));
        let inner = self.inner.clone();
        HttpConnectorFuture::new(async move {
            if pauses {
                point.reached.cancel();
                point.going_on.cancelled().await;
            }
            inner.call(request).await
        })
    }
}
