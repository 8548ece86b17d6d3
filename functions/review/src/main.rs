//! The `review` function on Lambda.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    easel_api::serve(easel_api::review::router).await
}
