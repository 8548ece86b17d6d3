//! Clients of services that speak AWS's protocols.

use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region, SharedHttpClient};

/// As whom services are called.
#[derive(Debug, Clone)]
pub struct Access {
    region: Region,
    credentials: Credentials,
    retries: RetryConfig,
    http_client: Option<SharedHttpClient>,
}

impl Access {
    /// A caller with lasting credentials.
    #[must_use]
    pub fn new(region: &str, access_key_id: &str, secret_access_key: &str) -> Self {
        Self::until(region, access_key_id, secret_access_key, None)
    }

    /// A caller whose credentials end if they have a session's token.
    #[must_use]
    pub fn until(region: &str, access_key_id: &str, secret_access_key: &str, session_token: Option<&str>) -> Self {
        let session_token = session_token.map(str::to_owned);
        Self {
            region: Region::new(region.to_owned()),
            credentials: Credentials::new(access_key_id, secret_access_key, session_token, None, "test"),
            retries: RetryConfig::standard(),
            http_client: None,
        }
    }

    /// The same caller, who tries each call once.
    #[must_use]
    pub fn without_retries(self) -> Self {
        Self { retries: RetryConfig::disabled(), ..self }
    }

    /// The same caller, who sends requests with this client.
    #[must_use]
    pub fn through(self, http_client: SharedHttpClient) -> Self {
        Self { http_client: Some(http_client), ..self }
    }

    /// A client of DynamoDB.
    #[must_use]
    pub fn dynamodb(&self, endpoint: &str) -> aws_sdk_dynamodb::Client {
        let mut configuration = aws_sdk_dynamodb::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(self.region.clone())
            .credentials_provider(self.credentials.clone())
            .retry_config(self.retries.clone())
            .endpoint_url(endpoint);
        configuration.set_http_client(self.http_client.clone());
        aws_sdk_dynamodb::Client::from_conf(configuration.build())
    }

    /// A client of S3.
    #[must_use]
    pub fn s3(&self, endpoint: &str) -> aws_sdk_s3::Client {
        let mut configuration = aws_sdk_s3::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(self.region.clone())
            .credentials_provider(self.credentials.clone())
            .retry_config(self.retries.clone())
            .endpoint_url(endpoint)
            .force_path_style(true);
        configuration.set_http_client(self.http_client.clone());
        aws_sdk_s3::Client::from_conf(configuration.build())
    }
}
