//! `easel validate`: whether everything is ready, line by line.

mod rendering;
mod service;

use std::time::Duration;

use easel_storage::workflow::Workflow;
use easel_system::environment::{self, BUCKET, QUEUE_URL, TABLE};
use easel_worker::engine::Engine;
use easel_worker::sqs::Sqs;
use easel_worker::validation::{self, CheckOutcome, ReadinessCheck, ReadinessReport};

use crate::client::Client;
use crate::command_error::CommandError;
use crate::output;
use crate::serve::EngineArguments;
use clap::Args;

#[derive(Debug, Args)]
pub(crate) struct ValidateArguments {
    /// ReadinessCheck the service at this address instead of this machine's device and model
    #[arg(long, value_name = "URL")]
    pub(crate) endpoint: Option<String>,
    /// A creator's token for that service, to have an image generated; the tasks are deleted again
    #[arg(long, value_name = "TOKEN", env = environment::TOKEN, hide_env_values = true)]
    pub(crate) token: Option<String>,
    /// Seconds to wait for an image from that service
    #[arg(long, value_name = "S", default_value_t = 1200)]
    pub(crate) patience: u64,
    #[command(flatten)]
    pub(crate) engine: EngineArguments,
    /// Print a table in Markdown
    #[arg(long, conflicts_with = "json")]
    pub(crate) markdown: bool,
    /// Print one JSON object on standard output
    #[arg(long)]
    pub(crate) json: bool,
}

/// Runs the command.
///
/// # Errors
/// Something is not ready, or the report cannot be written.
pub(crate) fn run(arguments: &ValidateArguments) -> Result<(), CommandError> {
    let mut checks = validation::check_configuration();
    match arguments.endpoint.as_deref().filter(|url| !url.is_empty()) {
        Some(url) => {
            let token = arguments.token.clone().filter(|token| !token.is_empty());
            let patience = Duration::from_secs(arguments.patience);
            checks.extend(service::check(&Client::to(url, token)?, patience));
        }
        None => checks.extend(generator(arguments)?),
    }
    checks.extend(services()?);
    let report = ReadinessReport::new(checks);
    if arguments.json {
        output::json(&report)?;
    } else if arguments.markdown {
        output::result(&rendering::markdown(&report))?;
    } else {
        output::result(&rendering::text(&report))?;
    }
    if report.ready {
        return Ok(());
    }
    let failed = report.checks.iter().filter(|check| check.outcome == CheckOutcome::Fail).count();
    Err(CommandError::failed(format!(
        "not ready: {failed} of {} checks failed; see the remedy of each",
        report.checks.len()
    )))
}

/// This machine's device and model.
fn generator(arguments: &ValidateArguments) -> Result<Vec<ReadinessCheck>, CommandError> {
    arguments.engine.computation.start_threads()?;
    output::note("Generating a small image twice …");
    let opened = arguments.engine.fetch().and_then(|options| Ok(Engine::open(&options)?));
    Ok(match opened {
        Ok(engine) => validation::check_engine(&engine),
        Err(failure) => {
            let advice = "`easel doctor` has more about the device; `--model` names another model";
            vec![ReadinessCheck::fail("model", "base is open", failure.to_string(), advice)]
        }
    })
}

/// Table, bucket and queue, where the environment names them.
fn services() -> Result<Vec<ReadinessCheck>, CommandError> {
    let named = environment::is_set;
    let missing = [("table", TABLE), ("bucket", BUCKET), ("queue", QUEUE_URL)];
    let not_named = |(subject, name): &(&str, &str)| {
        let advice = format!("to have it checked, set {name} and AWS's own variables");
        (!named(name)).then(|| ReadinessCheck::not_made(subject, "is there", format!("{name} is not set"), advice))
    };
    let mut checks: Vec<_> = missing.iter().filter_map(not_named).collect();
    let runtime = tokio::runtime::Runtime::new();
    let runtime = runtime.map_err(|error| CommandError::failed(format!("starting threads: {error}")))?;
    runtime.block_on(async {
        if named(TABLE) && named(BUCKET) {
            checks.extend(validation::check_services(&Workflow::from_environment().await?).await);
        }
        if let Some(url) = environment::text(QUEUE_URL) {
            checks.extend(validation::check_queue(&Sqs::new(Sqs::client().await, url)).await);
        }
        Ok(checks)
    })
}
