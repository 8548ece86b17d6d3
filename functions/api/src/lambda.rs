//! A router as a Lambda function.

use axum::Router;

use crate::services::Services;

/// Answers requests until Lambda ends the function.
///
/// # Errors
/// Returns what keeps the function from starting, such as a missing environment variable.
pub async fn serve(router: fn(Services) -> Router) -> Result<(), lambda_http::Error> {
    easel_telemetry::start();
    let services = Services::from_environment().await?;
    lambda_http::run(router(services)).await
}
