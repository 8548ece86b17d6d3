//! The `desk` function on Lambda.

use easel_desk::{Desk, DeskOptions};
use lambda_http::{Request, RequestExt, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    let desk = Desk::new(&DeskOptions::from_environment()?)?;
    let desk = &desk;
    lambda_http::run(service_fn(move |request: Request| async move {
        Ok::<_, lambda_http::Error>(desk.answer(request.method(), request.raw_http_path(), request.headers()))
    }))
    .await
}
