//! From an HTTP request to a handler and back.

use lambda_http::{Body, Request, RequestExt, Response, service_fn};
use tracing::Instrument;

use super::answer::Answer;
use super::call::Call;
use super::problem::Problem;
use crate::error::{Error, Result};
use crate::services::Services;
use crate::telemetry;

/// Answers one request with `handle`, errors and all.
pub async fn answer<F, Answering>(request: Request, services: Services, handle: F) -> Response<Body>
where
    F: FnOnce(Services, Call) -> Answering,
    Answering: Future<Output = Result<Answer>>,
{
    let method = request.method().clone();
    let path = request.raw_http_path().to_owned();
    let request_id = request.lambda_context_ref().map(|context| context.request_id.clone()).unwrap_or_default();
    let span = tracing::info_span!("request", %method, path, request_id);
    async {
        let result = match Call::new(&request, &services.identification) {
            Ok(call) => handle(services, call).await,
            Err(error) => Err(error),
        };
        let answer = result.unwrap_or_else(|error| {
            report(&error);
            Problem::from(&error).into_answer()
        });
        answer.into_response()
    }
    .instrument(span)
    .await
}

/// What callers get told only in part is logged in whole.
fn report(error: &Error) {
    match error {
        Error::Unavailable { service, detail } => tracing::error!(service, detail, "a service is not to be had"),
        Error::Internal(detail) => tracing::error!(detail, "a fault of ours"),
        other => tracing::info!(reason = %other, "refused"),
    }
}

/// Runs a function on Lambda: sets up once, then answers until the end.
///
/// # Errors
/// What keeps the function from starting.
pub async fn serve<F, Answering>(handle: F) -> Result<(), lambda_http::Error>
where
    F: Fn(Services, Call) -> Answering + Copy + Send,
    Answering: Future<Output = Result<Answer>> + Send,
{
    telemetry::start();
    let services = Services::from_environment().await?;
    lambda_http::run(service_fn(move |request: Request| {
        let services = services.clone();
        async move { Ok::<_, lambda_http::Error>(answer(request, services, handle).await) }
    }))
    .await
}
