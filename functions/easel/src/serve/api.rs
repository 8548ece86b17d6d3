//! The API and the desk on one machine: the functions' own routers behind one listener.

use axum::Router;
use easel_api::Services;
use tokio::net::TcpListener;

/// Answers until `shutdown`.
///
/// # Errors
/// Returns what keeps the listener from being served.
pub(crate) async fn serve(
    listener: TcpListener,
    services: Services,
    desk: Router,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    let router = desk.fallback_service(easel_api::router(services));
    axum::serve(listener, router).with_graceful_shutdown(shutdown).await
}
