//! The API and the desk on one machine: the functions' own routers behind one listener.

use axum::Router;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use easel_embedded::door::{Door, Refused};
use easel_embedded::http;
use easel_problem::Problem;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use super::listening::Listening;

/// Answers until `shutdown`.
pub(super) async fn serve(listening: Listening, router: Router, shutdown: CancellationToken) {
    let door = Door::for_own_pages(listening.names);
    let respond = move |request| {
        let answering = router.clone().oneshot(request);
        async move {
            match answering.await {
                Ok(response) => response,
                Err(never) => match never {},
            }
        }
    };
    http::serve(listening.listener, door, shutdown, refuse, respond).await;
}

fn refuse(refused: Refused) -> Response {
    let title = match refused {
        Refused::Host => "Another host",
        Refused::Origin => "Another origin",
    };
    Problem::new(StatusCode::FORBIDDEN, "wrong-door", title, refused.to_string()).into_response()
}
