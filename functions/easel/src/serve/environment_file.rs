//! What functions in other processes find the services of this one by, as `cargo lambda` reads it.

use std::fs;
use std::path::Path;

use easel_system::environment::{BUCKET, IMAGES_ORIGIN, TABLE, TOKEN_SECRET};

use easel_system::files::{self, folder_of};

use super::Ready;
use crate::command_error::CommandError;

/// A port that nothing listens on: calls to a service that does not exist here fail at once.
const NOWHERE: &str = "http://127.0.0.1:9";

/// Writes a line for each variable, whole or not at all. Only this user may read it: there are secrets in it.
///
/// # Errors
/// The file cannot be written.
pub(super) fn write(path: &Path, ready: &Ready, images: Option<&str>, token_secret: &str) -> Result<(), CommandError> {
    let variables = [
        ("AWS_ENDPOINT_URL_S3", ready.s3_endpoint.as_deref()),
        ("AWS_ENDPOINT_URL_DYNAMODB", ready.dynamodb_endpoint.as_deref()),
        ("AWS_ENDPOINT_URL_SQS", ready.s3_endpoint.as_deref().map(|_| NOWHERE)),
        ("AWS_REGION", Some(ready.region.as_str())),
        ("AWS_ACCESS_KEY_ID", ready.access_key_id.as_deref()),
        ("AWS_SECRET_ACCESS_KEY", ready.secret_access_key.as_deref()),
        (TABLE, Some(ready.table.as_str())),
        (BUCKET, Some(ready.bucket.as_str())),
        // Functions sign for S3 itself.
        (IMAGES_ORIGIN, images.or(ready.s3_endpoint.as_deref())),
        (TOKEN_SECRET, Some(token_secret)),
    ];
    let set = variables.iter().filter_map(|(name, value)| Some(format!("{name}={}\n", (*value)?)));
    let failed = |error: &std::io::Error| CommandError::failed(format!("--environment: {}: {error}", path.display()));
    fs::create_dir_all(folder_of(path)).map_err(|error| failed(&error))?;
    files::write_privately(path, set.collect::<String>().as_bytes()).map_err(|error| failed(&error))
}
