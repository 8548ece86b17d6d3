//! Everything that a function works with, set up once from its environment.

use std::env;
use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, SdkConfig};

use crate::error::{Error, Result};
use crate::gallery::Gallery;
use crate::http::identification::{Identification, TokenKey};
use crate::store::Store;
use crate::workflow::Workflow;

/// The table's name.
pub const TABLE: &str = "EASEL_TABLE";
/// The bucket's name.
pub const BUCKET: &str = "EASEL_BUCKET";
/// The secret that tokens are signed with, where no authorizer checks them.
pub const TOKEN_SECRET: &str = "EASEL_TOKEN_SECRET";

/// What a function works with.
#[derive(Clone)]
pub struct Services {
    /// Tasks and pictures.
    pub workflow: Workflow,
    /// How callers are told apart.
    pub identification: Identification,
}

impl Services {
    /// The services that the environment names: `EASEL_TABLE`, `EASEL_BUCKET`, `EASEL_TOKEN_SECRET` and AWS's own
    /// variables, `AWS_ENDPOINT_URL_S3` and `AWS_ENDPOINT_URL_DYNAMODB` among them.
    ///
    /// # Errors
    /// [`Error::Internal`] names the variable that is missing.
    pub async fn from_environment() -> Result<Self> {
        let configuration = configuration().load().await;
        let identification = match env::var(TOKEN_SECRET) {
            Ok(secret) if !secret.is_empty() => Identification::Tokens(TokenKey::new(secret.into_bytes())),
            _ => Identification::Authorizer,
        };
        let rows = aws_sdk_dynamodb::Client::new(&configuration);
        let objects = object_client(&configuration);
        let store = Store::new(rows, variable(TABLE)?);
        let gallery = Gallery::new(objects, variable(BUCKET)?);
        Ok(Self { workflow: Workflow { store, gallery }, identification })
    }
}

/// How Easel talks to AWS: a few tries within what a caller of the API waits.
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
    let own_address = configuration.endpoint_url().is_some() || env::var_os("AWS_ENDPOINT_URL_S3").is_some();
    let builder = aws_sdk_s3::config::Builder::from(configuration);
    aws_sdk_s3::Client::from_conf(builder.force_path_style(own_address).build())
}

fn variable(name: &str) -> Result<String> {
    let value = env::var(name).ok().filter(|value| !value.is_empty());
    value.ok_or_else(|| Error::Internal(format!("the environment variable {name} is not set")))
}
