//! The `housekeeping` function: it needs no model and no GPU, so that it works when those who generate do not.
//!
//! | event | what it does |
//! |---|---|
//! | messages that a queue has given up | asks again for their tasks |
//! | messages about removed public images | has caches forget them |
//! | `{"reconcile": true}` | asks again for what has waited for minutes; gives tasks of earlier versions the rows of their tags |
//! | `{"housekeeping": true}` | removes deleted tasks whose grace period is over |

mod caches;
mod error;
mod events;

use std::process::ExitCode;
use std::sync::Arc;

use easel_storage::workflow::Workflow;
use lambda_runtime::{LambdaEvent, service_fn};
use serde_json::Value;

use caches::Caches;
use error::{Error, Result};
use events::Housekeeping;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    easel_telemetry::start();
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(%error, "housekeeping failed");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<()> {
    let workflow = Workflow::from_environment().await?;
    let function = Arc::new(Housekeeping { workflow, caches: Caches::from_environment().await });
    let handler = service_fn(move |event: LambdaEvent<Value>| {
        let function = function.clone();
        async move { function.handle(event.payload).await.map_err(lambda_runtime::Error::from) }
    });
    lambda_runtime::run(handler).await.map_err(|error| Error::Runtime(error.to_string()))
}
