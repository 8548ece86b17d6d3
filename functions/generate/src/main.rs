//! The `generate` function: on Lambda, or polling the queue that `EASEL_QUEUE_URL` names.

use std::process::ExitCode;
use std::sync::Arc;

use easel_core::services::Services;
use easel_core::telemetry;
use easel_generate::studio::{Studio, StudioOptions, unavailable};
use easel_generate::worker::{Worker, WorkerOptions};
use easel_generate::{Error, Result, lambda, polling};

#[tokio::main]
async fn main() -> ExitCode {
    telemetry::start();
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(%error, "generate cannot go on");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<()> {
    let workflow = Services::from_environment().await?.workflow;
    let options = WorkerOptions::from_environment()?;
    let studio = match open().await {
        Ok(studio) => Arc::new(studio),
        Err(error) => {
            workflow.store.report_worker(&unavailable(&options.name, &error)).await?;
            return Err(error);
        }
    };
    let worker = Worker::new(workflow, studio, options);
    worker.report().await;
    if std::env::var_os(lambda::RUNTIME).is_some() { lambda::run(worker).await } else { polling::run(worker).await }
}

async fn open() -> Result<Studio> {
    let options = StudioOptions::from_environment()?;
    let opened = tokio::task::spawn_blocking(move || Studio::open(&options)).await;
    opened.map_err(|error| Error::Failed(format!("opening the model: {error}")))?
}
