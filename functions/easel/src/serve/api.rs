//! The API and the desk on one machine: the functions' own handlers behind one listener.

use std::collections::HashMap;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body as HttpBody, to_bytes};
use axum::extract::Request as HttpRequest;
use axum::response::{IntoResponse, Response as HttpResponse};
use axum::routing::any;
use easel_core::Error;
use easel_core::http::{Answer, Call, Function, MAX_BODY, Problem};
use easel_core::services::Services;
use easel_desk::Desk;
use lambda_http::{Body, Request, RequestExt, Response};
use tokio::net::TcpListener;

/// Answers until `shutdown`.
///
/// # Errors
/// The listener's.
pub(crate) async fn serve(
    listener: TcpListener,
    services: Services,
    desk: Desk,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    let desk = Arc::new(desk);
    let desk = any(async move |request: HttpRequest| {
        into_http(desk.answer(request.method(), request.uri().path(), request.headers()))
    });
    let router = Router::new().route("/", desk.clone()).route("/desk/{*file}", desk);
    let router = router.fallback(move |request| answer(services.clone(), request));
    axum::serve(listener, router).with_graceful_shutdown(shutdown).await
}

async fn answer(services: Services, request: HttpRequest) -> HttpResponse {
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, MAX_BODY).await else {
        let length = parts.headers.get("content-length").and_then(|length| length.to_str().ok()?.parse().ok());
        let error = Error::TooLong { length: length.unwrap_or(MAX_BODY + 1), limit: MAX_BODY };
        return into_http(Problem::from(&error).into_answer().into_response());
    };
    let path = parts.uri.path().to_owned();
    let mut parameters: HashMap<String, Vec<String>> = HashMap::new();
    for (name, value) in form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes()) {
        parameters.entry(name.into_owned()).or_default().push(value.into_owned());
    }
    let request = Request::from_parts(parts, Body::Binary(body.to_vec()));
    let request = request.with_raw_http_path(path).with_query_string_parameters(parameters);
    into_http(easel_core::http::answer(request, services, dispatch).await)
}

/// Each route goes to the function that has it on AWS.
async fn dispatch(services: Services, call: Call) -> easel_core::Result<Answer> {
    match call.route.function {
        Function::Create => easel_create::handle(services, call).await,
        Function::Review => easel_review::handle(services, call).await,
        Function::Read => easel_read::handle(services, call).await,
    }
}

fn into_http(response: Response<Body>) -> HttpResponse {
    response.map(|body| HttpBody::from(body.to_vec())).into_response()
}
