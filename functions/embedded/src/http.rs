//! Serving HTTP on a listener until shutdown.

use std::convert::Infallible;
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::{Body, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::door::{Door, Refused};

/// How long requests in progress may take after shutdown has begun.
const GRACE: Duration = Duration::from_secs(10);
/// How long to wait after a failed accept: the process may be out of file descriptors for a while.
const AFTER_FAILURE: Duration = Duration::from_millis(100);

/// Responds to each request that the door lets in with `respond`, and to the others with `refuse`, until `shutdown` is
/// cancelled and the requests in progress are done.
pub async fn serve<B, R>(
    listener: TcpListener,
    door: Door,
    shutdown: CancellationToken,
    refuse: fn(Refused) -> Response<B>,
    respond: impl Fn(Request<Incoming>) -> R + Clone + Send + Sync + 'static,
) where
    B: Body<Data: Send, Error: Into<Box<dyn Error + Send + Sync>>> + Send + 'static,
    R: Future<Output = Response<B>> + Send + 'static,
{
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(door.head_within);
    let connections = GracefulShutdown::new();
    let free = Arc::new(Semaphore::new(door.connections));
    let door = Arc::new(door);
    while let Some(accepted) = shutdown.run_until_cancelled(accept(&listener, &free)).await {
        let (stream, permit) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "could not accept a connection");
                tokio::time::sleep(AFTER_FAILURE).await;
                continue;
            }
        };
        let (door, respond) = (door.clone(), respond.clone());
        let service = service_fn(move |request| {
            let response = door.check(&request).map(|()| respond(request));
            async move {
                Ok::<_, Infallible>(match response {
                    Ok(response) => response.await,
                    Err(refused) => {
                        tracing::info!(reason = %refused, "refused");
                        refuse(refused)
                    }
                })
            }
        });
        let connection = builder.serve_connection(TokioIo::new(stream), service).into_owned();
        let connection = connections.watch(connection);
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(error, "a connection broke");
            }
            drop(permit);
        });
    }
    drop(listener);
    if tokio::time::timeout(GRACE, connections.shutdown()).await.is_err() {
        tracing::warn!("stopped before every request had its response");
    }
}

/// The next connection, once there is room for one.
async fn accept(
    listener: &TcpListener,
    free: &Arc<Semaphore>,
) -> std::io::Result<(tokio::net::TcpStream, tokio::sync::OwnedSemaphorePermit)> {
    let permit = free.clone().acquire_owned().await.map_err(std::io::Error::other)?;
    Ok((listener.accept().await?.0, permit))
}
