//! The desk alone, without an API, on a free port of this machine, whose address it prints. The environment is that of the
//! `desk` function.

use easel_desk::{DeskOptions, not_found, router};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let router = router(&DeskOptions::from_environment()?)?.fallback(not_found);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    println!("http://{}", listener.local_addr()?);
    axum::serve(listener, router).await?;
    Ok(())
}
