//! A worker's options.

use std::str::FromStr;
use std::time::Duration;

use easel_system::environment::{
    self, CHECKPOINT_EVERY, DOLLARS_PER_HOUR, HOSTNAME, LAMBDA_LOG_STREAM, LAMBDA_MEMORY, LAMBDA_NAME, MAX_DELIVERIES,
    TIME_SLICE, WORKER,
};

use crate::error::{Error, Result};
use crate::price;

/// How long a task is generated before it makes way.
const USUAL_TIME_SLICE: Duration = Duration::from_secs(120);

/// A worker's options.
#[derive(Debug, Clone)]
pub struct WorkerOptions {
    /// The worker's name, unique among running workers: a task claimed under this name was claimed by this worker,
    /// perhaps before a restart.
    pub name: String,
    /// Denoising steps between two checkpoints.
    pub checkpoint_every: usize,
    /// How long a task stays claimed after the last heartbeat.
    pub lease: Duration,
    /// The time that must be left when work stops, besides what the next step needs.
    pub margin: Duration,
    /// How often the queue delivers a message before giving it up.
    pub deliveries: u32,
    /// How often a task is tried at the same step before an error fails it.
    pub tries: u32,
    /// How long a task is generated before it makes way for somebody else's that waits; without, it does not.
    pub time_slice: Option<Duration>,
    /// How long a request waits for the move that it announces.
    pub wait_for_move: Duration,
    /// The pause before a message is delivered again, multiplied by its deliveries so far.
    pub retry_after: Duration,
    /// How long a call may fail while the services answer others. One that fails because a service is away is retried for
    /// longer.
    pub patience: Duration,
    /// How often the task is checked for moves while a step runs.
    pub check_every: Duration,
    /// How often progress is written.
    pub write_every: Duration,
    /// US dollars that an hour of this worker costs, where known.
    pub dollars_per_hour: Option<f64>,
}

impl WorkerOptions {
    /// The default options.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            checkpoint_every: 5,
            lease: Duration::from_secs(60),
            margin: Duration::from_secs(10),
            deliveries: 3,
            tries: 3,
            time_slice: Some(USUAL_TIME_SLICE),
            wait_for_move: Duration::from_secs(2),
            retry_after: Duration::from_secs(5),
            patience: Duration::from_secs(60),
            check_every: Duration::from_millis(250),
            write_every: Duration::from_secs(1),
            dollars_per_hour: None,
        }
    }

    /// The options that `EASEL_WORKER`, `EASEL_CHECKPOINT_EVERY`, `EASEL_MAX_DELIVERIES`, `EASEL_TIME_SLICE` and
    /// `EASEL_DOLLARS_PER_HOUR` set. On Lambda, the price follows from the function's memory, and its deadline slices time.
    ///
    /// # Errors
    /// Returns [`Error::WrongUse`], naming the variable, for a value that is not a number.
    pub fn from_environment() -> Result<Self> {
        let defaults = Self::new(name());
        let memory: Option<f64> = number(LAMBDA_MEMORY)?;
        let stated = number::<f64>(DOLLARS_PER_HOUR)?;
        let usual = defaults.time_slice.filter(|_| !environment::is_set(LAMBDA_NAME));
        Ok(Self {
            checkpoint_every: number(CHECKPOINT_EVERY)?.filter(|steps| *steps > 0).unwrap_or(defaults.checkpoint_every),
            deliveries: number(MAX_DELIVERIES)?.filter(|count| *count > 0).unwrap_or(defaults.deliveries),
            time_slice: number(TIME_SLICE)?.map_or(usual, |seconds| Some(Duration::from_secs(seconds))),
            dollars_per_hour: stated.or_else(|| memory.map(price::lambda_hour)),
            ..defaults
        })
    }
}

/// A unique name: that of the log stream on Lambda, else the host's with a random part.
fn name() -> String {
    if let Some(name) = environment::text(WORKER) {
        return name;
    }
    let function = environment::text(LAMBDA_NAME);
    if let (Some(function), Some(stream)) = (&function, environment::text(LAMBDA_LOG_STREAM)) {
        return format!("{function}/{stream}");
    }
    let host = function.or_else(|| environment::text(HOSTNAME)).unwrap_or_else(|| "generate".to_owned());
    format!("{host}/{}", uuid::Uuid::new_v4().simple())
}

fn number<T: FromStr>(variable: &str) -> Result<Option<T>> {
    let Some(text) = environment::text(variable) else { return Ok(None) };
    let wrong = || Error::WrongUse(format!("{variable}: `{text}` is not a number that can be used here"));
    text.trim().parse().map(Some).map_err(|_| wrong())
}
