//! Which table and which bucket, and how AWS is called.

use std::str::FromStr;
use std::time::Duration;

use crate::error::{Error, Result};
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, SdkConfig};
use easel_domain::ApprovalsNeeded;
use easel_domain::limits::Limits;
use easel_system::environment::{
    self, APPROVALS_NEEDED, APPROVALS_NEEDED_FOR, AWS_ENDPOINT_URL_S3, BUCKET, MAX_STEP_WORK, MAX_WAITING,
    MAX_WAITING_WORK, MAX_WORK, TABLE,
};

use crate::gallery::Gallery;
use crate::store::Store;
use crate::workflow::Workflow;

impl Workflow {
    /// The table and the bucket that `EASEL_TABLE`, `EASEL_BUCKET` and AWS's own variables name, `AWS_ENDPOINT_URL_S3` and
    /// `AWS_ENDPOINT_URL_DYNAMODB` among them.
    ///
    /// # Errors
    /// Returns [`Error::Internal`] if a variable is missing or is not a number that can be used, with its name.
    pub async fn from_environment() -> Result<Self> {
        let required = |name: &str| {
            environment::text(name)
                .ok_or_else(|| Error::Internal(format!("the environment variable {name} is not set")))
        };
        let (table, bucket) = (required(TABLE)?, required(BUCKET)?);
        let configuration = configuration().load().await;
        let store = Store::new(aws_sdk_dynamodb::Client::new(&configuration), table);
        let store = store.with_limits(limits()?).with_approvals_needed(approvals_needed()?);
        let gallery = Gallery::new(object_client(&configuration), bucket);
        Ok(Self { store, gallery })
    }
}

/// How much may be asked for, as `EASEL_MAX_WORK`, `EASEL_MAX_STEP_WORK`, `EASEL_MAX_WAITING` and
/// `EASEL_MAX_WAITING_WORK` say.
///
/// # Errors
/// Returns [`Error::Internal`] for a value that is not a number above 0, with the variable's name.
pub fn limits() -> Result<Limits> {
    let usual = Limits::default();
    Ok(Limits {
        max_work: above_zero(MAX_WORK)?.unwrap_or(usual.max_work),
        max_step_work: above_zero(MAX_STEP_WORK)?.or(usual.max_step_work),
        max_waiting: above_zero(MAX_WAITING)?.unwrap_or(usual.max_waiting),
        max_waiting_work: above_zero(MAX_WAITING_WORK)?.unwrap_or(usual.max_waiting_work),
    })
}

/// From how many reviewers images take an approval, as `EASEL_APPROVALS_NEEDED` and `EASEL_APPROVALS_NEEDED_FOR` say.
///
/// # Errors
/// Returns [`Error::Internal`] for a value that cannot be read, with the variable's name.
pub fn approvals_needed() -> Result<ApprovalsNeeded> {
    let wrong = |variable: &'static str| move |reason| Error::Internal(format!("{variable}: {reason}"));
    let of_all = environment::text(APPROVALS_NEEDED).map(|text| ApprovalsNeeded::read_number(&text)).transpose();
    let of_tags = environment::text(APPROVALS_NEEDED_FOR).map(|text| ApprovalsNeeded::read_tags(&text)).transpose();
    Ok(ApprovalsNeeded {
        of_all: of_all.map_err(wrong(APPROVALS_NEEDED))?.unwrap_or(1),
        of_tags: of_tags.map_err(wrong(APPROVALS_NEEDED_FOR))?.unwrap_or_default(),
    })
}

fn above_zero<T: FromStr + Default + PartialOrd>(variable: &str) -> Result<Option<T>> {
    let Some(text) = environment::text(variable) else { return Ok(None) };
    let number = text.trim().parse().ok().filter(|number| *number > T::default());
    number.map(Some).ok_or_else(|| Error::Internal(format!("{variable}: `{text}` is not a number above 0")))
}

/// How Easel calls AWS: a few tries within the time that a caller of the API waits.
#[must_use]
pub fn configuration() -> aws_config::ConfigLoader {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(3))
        .operation_attempt_timeout(Duration::from_secs(10))
        .operation_timeout(Duration::from_secs(25));
    aws_config::defaults(BehaviorVersion::latest())
        .retry_config(RetryConfig::standard().with_max_attempts(4).with_initial_backoff(Duration::from_millis(100)))
        .timeout_config(timeouts.build())
}

/// The client of S3. Services on an address of their own have no bucket in their host name.
#[must_use]
pub fn object_client(configuration: &SdkConfig) -> aws_sdk_s3::Client {
    let own_address = configuration.endpoint_url().is_some() || environment::is_set(AWS_ENDPOINT_URL_S3);
    let builder = aws_sdk_s3::config::Builder::from(configuration);
    aws_sdk_s3::Client::from_conf(builder.force_path_style(own_address).build())
}
