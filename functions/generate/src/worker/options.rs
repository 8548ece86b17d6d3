//! How a worker goes about its work.

use std::env;
use std::str::FromStr;
use std::time::Duration;

use crate::error::{Error, Result};

/// How a worker goes about its work.
#[derive(Debug, Clone)]
pub struct WorkerOptions {
    /// The worker's name. No two workers at work have the same: a task held under this name was held by an earlier life
    /// of this one.
    pub name: String,
    /// Steps between two checkpoints.
    pub checkpoint_every: usize,
    /// For how long a task is held after the last sign of life.
    pub lease: Duration,
    /// What is left of the time when work stops, beside what the next step needs.
    pub margin: Duration,
    /// How often the queue delivers a message before it gives it up.
    pub deliveries: u32,
    /// How long a request waits for the move that it announces.
    pub wait_for_move: Duration,
    /// When a message is tried again, times its deliveries.
    pub retry_after: Duration,
    /// For how long services that fail are tried again on the spot.
    pub patience: Duration,
    /// How often the task is looked at while a step runs.
    pub look_every: Duration,
    /// How often progress is written.
    pub write_every: Duration,
    /// US dollars that an hour of this worker costs, where known.
    pub dollars_per_hour: Option<f64>,
}

impl WorkerOptions {
    /// The usual ones.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            checkpoint_every: 5,
            lease: Duration::from_secs(60),
            margin: Duration::from_secs(10),
            deliveries: 3,
            wait_for_move: Duration::from_secs(2),
            retry_after: Duration::from_secs(5),
            patience: Duration::from_secs(60),
            look_every: Duration::from_millis(250),
            write_every: Duration::from_secs(1),
            dollars_per_hour: None,
        }
    }

    /// What `EASEL_WORKER`, `EASEL_CHECKPOINT_EVERY`, `EASEL_MAX_DELIVERIES` and `EASEL_DOLLARS_PER_HOUR` say; on
    /// Lambda, the function's memory has a price.
    ///
    /// # Errors
    /// [`Error::WrongUse`] names the variable that is no number.
    pub fn from_environment() -> Result<Self> {
        let usual = Self::new(name());
        let memory: Option<f64> = number("AWS_LAMBDA_FUNCTION_MEMORY_SIZE")?;
        let stated = number::<f64>("EASEL_DOLLARS_PER_HOUR")?;
        Ok(Self {
            checkpoint_every: number("EASEL_CHECKPOINT_EVERY")?
                .filter(|steps| *steps > 0)
                .unwrap_or(usual.checkpoint_every),
            deliveries: number("EASEL_MAX_DELIVERIES")?.filter(|count| *count > 0).unwrap_or(usual.deliveries),
            dollars_per_hour: stated.or_else(|| memory.map(super::price::lambda_hour)),
            ..usual
        })
    }
}

/// A name that nobody else has: the log stream's on Lambda, else the host's and one drawn for this process.
fn name() -> String {
    let set = |variable: &str| env::var(variable).ok().filter(|value| !value.is_empty());
    if let Some(name) = set("EASEL_WORKER") {
        return name;
    }
    let function = set("AWS_LAMBDA_FUNCTION_NAME");
    if let (Some(function), Some(stream)) = (&function, set("AWS_LAMBDA_LOG_STREAM_NAME")) {
        return format!("{function}/{stream}");
    }
    let host = function.or_else(|| set("HOSTNAME")).unwrap_or_else(|| "generate".to_owned());
    format!("{host}/{}", uuid::Uuid::new_v4().simple())
}

fn number<T: FromStr>(variable: &str) -> Result<Option<T>> {
    let Some(text) = env::var(variable).ok().filter(|text| !text.is_empty()) else { return Ok(None) };
    let wrong = || Error::WrongUse(format!("{variable}: `{text}` is not a number that can be used here"));
    text.trim().parse().map(Some).map_err(|_| wrong())
}
