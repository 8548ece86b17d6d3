//! What functions in other processes find the services of this one by, as `cargo lambda` reads it.

use std::fs;
use std::io::Write;
use std::path::Path;

use easel_core::services::{BUCKET, TABLE, TOKEN_SECRET};
use easel_desk::PICTURES_ORIGIN;

use super::Ready;
use crate::failure::Failure;
use crate::output_files::folder_of;

/// A port that nothing listens on: whoever asks for a service that there is none of is told so at once.
const NOWHERE: &str = "http://127.0.0.1:9";

/// Writes a line for each variable, whole or not at all. Only this user may read it: there are secrets in it.
///
/// # Errors
/// The file cannot be written.
pub(super) fn write(path: &Path, ready: &Ready, pictures: &str, token_secret: &str) -> Result<(), Failure> {
    let variables = [
        ("AWS_ENDPOINT_URL_S3", ready.s3_endpoint.as_deref()),
        ("AWS_ENDPOINT_URL_DYNAMODB", ready.dynamodb_endpoint.as_deref()),
        ("AWS_ENDPOINT_URL_SQS", ready.s3_endpoint.as_deref().map(|_| NOWHERE)),
        ("AWS_REGION", Some(ready.region.as_str())),
        ("AWS_ACCESS_KEY_ID", ready.access_key_id.as_deref()),
        ("AWS_SECRET_ACCESS_KEY", ready.secret_access_key.as_deref()),
        (TABLE, Some(ready.table.as_str())),
        (BUCKET, Some(ready.bucket.as_str())),
        (PICTURES_ORIGIN, Some(pictures)),
        (TOKEN_SECRET, Some(token_secret)),
    ];
    let set = variables.iter().filter_map(|(name, value)| Some(format!("{name}={}\n", (*value)?)));
    let failed = |error: &std::io::Error| Failure::failed(format!("--environment: {}: {error}", path.display()));
    fs::create_dir_all(folder_of(path)).map_err(|error| failed(&error))?;
    let mut file = tempfile::NamedTempFile::new_in(folder_of(path)).map_err(|error| failed(&error))?;
    file.write_all(set.collect::<String>().as_bytes()).map_err(|error| failed(&error))?;
    file.persist(path).map(drop).map_err(|error| failed(&error.error))
}
