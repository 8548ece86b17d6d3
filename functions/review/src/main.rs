//! The `review` function on Lambda.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    easel_core::http::serve(easel_review::handle).await
}
