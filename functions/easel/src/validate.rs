//! `easel validate`: whether everything is ready, line by line.

mod rendering;
mod service;

use std::time::Duration;

use easel_core::services::{BUCKET, Services, TABLE};
use easel_generate::polling::QUEUE_URL;
use easel_generate::sqs::Sqs;
use easel_generate::studio::Studio;
use easel_generate::validation::{self, Check, Outcome, Report};

use crate::client::Client;
use crate::failure::Failure;
use crate::output;
use crate::service_arguments::ValidateArguments;

/// Runs the command.
///
/// # Errors
/// Something is not ready, or the report cannot be written.
pub(crate) fn run(arguments: &ValidateArguments) -> Result<(), Failure> {
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
    let report = Report::new(checks);
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
    let failed = report.checks.iter().filter(|check| check.outcome == Outcome::Fail).count();
    Err(Failure::failed(format!("not ready: {failed} of {} checks failed; each says what to do", report.checks.len())))
}

/// This machine's device and model.
fn generator(arguments: &ValidateArguments) -> Result<Vec<Check>, Failure> {
    arguments.studio.computation.start_threads()?;
    output::note("Drawing a small picture twice …");
    let opened = arguments.studio.options().and_then(|options| Ok(Studio::open(&options)?));
    Ok(match opened {
        Ok(studio) => validation::check_studio(&studio),
        Err(failure) => {
            let advice = "`easel doctor` says more of the device; `--model` names another model";
            vec![Check::fail("model", "base is open", failure.to_string(), advice)]
        }
    })
}

/// Table, bucket and queue, where the environment names them.
fn services() -> Result<Vec<Check>, Failure> {
    let named = |name: &str| std::env::var(name).is_ok_and(|value| !value.is_empty());
    let missing = [("table", TABLE), ("bucket", BUCKET), ("queue", QUEUE_URL)];
    let not_named = |(subject, name): &(&str, &str)| {
        let advice = format!("to have it checked, set {name} and AWS's own variables");
        (!named(name)).then(|| Check::not_made(subject, "is there", format!("{name} is not set"), advice))
    };
    let mut checks: Vec<_> = missing.iter().filter_map(not_named).collect();
    let runtime = tokio::runtime::Runtime::new();
    let runtime = runtime.map_err(|error| Failure::failed(format!("starting threads: {error}")))?;
    runtime.block_on(async {
        if named(TABLE) && named(BUCKET) {
            checks.extend(validation::check_services(&Services::from_environment().await?.workflow).await);
        }
        if let Ok(url) = std::env::var(QUEUE_URL)
            && !url.is_empty()
        {
            checks.extend(validation::check_queue(&Sqs::new(Sqs::client().await, url)).await);
        }
        Ok(checks)
    })
}
