//! What a service that is ready prints.

use serde::Deserialize;

/// Where everything answers.
#[derive(Debug, Clone, Deserialize)]
pub struct Addresses {
    /// The API.
    pub api: String,
    /// A link that signs in at the desk.
    pub desk: Option<String>,
    /// S3.
    pub s3_endpoint: String,
    /// The bucket of images.
    pub bucket: String,
    /// DynamoDB.
    pub dynamodb_endpoint: String,
    /// The table of tasks.
    pub table: String,
    /// The region in signatures.
    pub region: String,
    /// Who calls S3 and DynamoDB.
    pub access_key_id: String,
    /// The key's secret.
    pub secret_access_key: String,
    /// Of credentials that end.
    pub session_token: Option<String>,
}
