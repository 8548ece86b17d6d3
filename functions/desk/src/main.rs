//! The `desk` function on Lambda.

use easel_desk::{DeskOptions, not_found, router};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    lambda_http::run(router(&DeskOptions::from_environment()?)?.fallback(not_found)).await
}
