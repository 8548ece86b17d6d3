//! The `generate` function: on Lambda, or polling the queue that `EASEL_QUEUE_URL` names.

use std::process::ExitCode;
use std::sync::Arc;

use easel_storage::workflow::Workflow;
use easel_system::environment::{self, LAMBDA_RUNTIME_API};
use easel_worker::engine::{Engine, EngineOptions, unavailable};
use easel_worker::polling::QueueUrls;
use easel_worker::worker::{Worker, WorkerOptions};
use easel_worker::{Error, Result, lambda, polling};

#[tokio::main]
async fn main() -> ExitCode {
    if let Some(answered) = easel_model::answer_probe() {
        return answered;
    }
    easel_telemetry::start();
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(%error, "generate failed");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<()> {
    // All variables are read first, so that a missing one is reported at once.
    let options = WorkerOptions::from_environment()?;
    let queues = if environment::is_set(LAMBDA_RUNTIME_API) { None } else { Some(QueueUrls::from_environment()?) };
    let workflow = Workflow::from_environment().await?;
    let engine = match open_engine().await {
        Ok(engine) => Arc::new(engine),
        Err(error) => {
            workflow.store.report_worker(&unavailable(&options.name, &error)).await?;
            return Err(error);
        }
    };
    let worker = Worker::new(workflow, engine, options);
    worker.report().await;
    match queues {
        Some(queues) => polling::run(worker, queues).await,
        None => lambda::run(worker).await,
    }
}

async fn open_engine() -> Result<Engine> {
    let options = EngineOptions::from_environment()?;
    let opened = tokio::task::spawn_blocking(move || Engine::open(&options)).await;
    opened.map_err(|error| Error::Failed(format!("opening the model: {error}")))?
}
