//! Processes that end in the middle of a call to a service, as a power cut would end them.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use aws_smithy_http_client::Builder;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use parking_lot::Mutex;
use tokio::runtime;
use tokio_util::sync::CancellationToken;

/// On which side of a call the process ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The service never sees the request.
    Before,
    /// The service has done it, and nobody hears of it.
    After,
}

/// The call at which a process ends. Calls are counted from 1 over all clients that go through it.
#[derive(Clone)]
pub struct CrashPoint(Arc<Point>);

struct Point {
    call: usize,
    side: Side,
    calls: AtomicUsize,
    is_over: AtomicBool,
    crashed: CancellationToken,
    at: Mutex<Option<String>>,
}

impl CrashPoint {
    /// Ends the process at the call with this number.
    #[must_use]
    pub fn new(call: usize, side: Side) -> Self {
        Self(Arc::new(Point {
            call,
            side,
            calls: AtomicUsize::new(0),
            is_over: AtomicBool::new(false),
            crashed: CancellationToken::new(),
            at: Mutex::new(None),
        }))
    }

    /// A client of HTTP for the process that is to end here.
    #[must_use]
    pub fn http_client(&self) -> SharedHttpClient {
        SharedHttpClient::new(CrashingClient { inner: Builder::new().build_http(), point: self.clone() })
    }

    /// The call that the process ended at, if it came that far.
    #[must_use]
    pub fn reached(&self) -> Option<String> {
        self.0.at.lock().clone()
    }

    /// Runs a process until it is done or ends at this point; `None` if it ended. Whatever it was doing is gone with it:
    /// its tasks, timers and connections.
    ///
    /// # Panics
    /// If the process panics.
    pub async fn run<T: Send + 'static>(&self, process: impl Future<Output = T> + Send + 'static) -> Option<T> {
        let runtime = runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
        let running = runtime.spawn(process);
        let done = tokio::select! {
            done = running => Some(done.expect("the process does not panic")),
            () = self.0.crashed.cancelled() => None,
        };
        self.0.is_over.store(true, Ordering::SeqCst);
        runtime.shutdown_background();
        done
    }
}

impl fmt::Debug for CrashPoint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:?} call {}", self.0.side, self.0.call)
    }
}

#[derive(Debug)]
struct CrashingClient {
    inner: SharedHttpClient,
    point: CrashPoint,
}

impl HttpClient for CrashingClient {
    fn http_connector(&self, settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
        let inner = self.inner.http_connector(settings, components);
        SharedHttpConnector::new(CrashingConnector { inner, point: self.point.clone() })
    }
}

#[derive(Debug)]
struct CrashingConnector {
    inner: SharedHttpConnector,
    point: CrashPoint,
}

impl HttpConnector for CrashingConnector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let point = self.point.0.clone();
        let number = point.calls.fetch_add(1, Ordering::SeqCst) + 1;
        let is_last = number == point.call;
        let name = is_last.then(|| name(&request));
        if point.is_over.load(Ordering::SeqCst) || number > point.call || (is_last && point.side == Side::Before) {
            return HttpConnectorFuture::new(async move { point.end(name).await });
        }
        let answer = self.inner.call(request);
        HttpConnectorFuture::new(async move {
            let answer = answer.await;
            if is_last || point.is_over.load(Ordering::SeqCst) { point.end(name).await } else { answer }
        })
    }
}

impl Point {
    /// Ends the process if `name` is the call to end at; nothing that was called by then ever comes back.
    async fn end<T>(&self, name: Option<String>) -> T {
        if name.is_some() {
            self.is_over.store(true, Ordering::SeqCst);
            *self.at.lock() = name;
            self.crashed.cancel();
        }
        std::future::pending().await
    }
}

/// What a request asks for, for people.
pub(crate) fn name(request: &HttpRequest) -> String {
    match request.headers().get("x-amz-target") {
        Some(target) => target.rsplit('.').next().unwrap_or(target).to_owned(),
        None => format!("{} {}", request.method(), request.uri().split('?').next().unwrap_or_default()),
    }
}
