//! URLs that let a client read or write one object for a while.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_sdk_s3::presigning::PresigningConfig;
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{Gallery, failed, keys};
use crate::error::{Error, Result};

/// Types of images, with the extension of their keys.
pub const UPLOAD_TYPES: [(&str, &str); 3] = [("image/png", "png"), ("image/jpeg", "jpg"), ("image/webp", "webp")];
/// For how long a URL reads at least.
const READING: Duration = Duration::from_secs(3600);
/// The URL of an object stays the same for so long, so that browsers need not load it again.
const SAME_URL: Duration = Duration::from_secs(900);
const WRITING: Duration = Duration::from_secs(900);

/// How to upload one image.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct PresignedUpload {
    /// What to give afterwards as `init_image`, `mask` or wherever else an image is asked for.
    pub key: String,
    /// `PUT`.
    pub method: String,
    /// Where to send the file.
    pub url: String,
    /// Headers to send with it, exactly so.
    pub headers: BTreeMap<String, String>,
    /// Until when the URL works.
    #[schema(value_type = String, format = DateTime)]
    pub expires_at: Timestamp,
}

impl Gallery {
    /// A URL that reads the object for an hour or a little more.
    ///
    /// # Errors
    /// Returns [`Unavailable`](crate::Error::Unavailable) if S3 fails.
    pub async fn reading_url(&self, key: &str) -> Result<String> {
        self.address(&self.signed(key).await?)
    }

    /// What stands behind [`OBJECTS`](super::OBJECTS) in the URL that reads the object.
    ///
    /// # Errors
    /// Returns [`Unavailable`](crate::Error::Unavailable) if S3 fails.
    pub async fn reading_path(&self, key: &str) -> Result<String> {
        let signed = self.signed(key).await?;
        self.within_bucket(&signed).map(str::to_owned)
    }

    async fn signed(&self, key: &str) -> Result<String> {
        let get = self.signer().get_object().bucket(&self.bucket).key(key);
        let signed = get.presigned(reading(SystemTime::now())?).await;
        Ok(signed.map_err(failed)?.uri().to_owned())
    }

    /// A URL that takes one image of `owner`, of this type and length, once and for a quarter of an hour.
    ///
    /// # Errors
    /// Returns [`Unavailable`](crate::Error::Unavailable) if S3 fails.
    pub async fn upload_url(
        &self,
        owner: &str,
        content_type: &str,
        extension: &str,
        length: u64,
    ) -> Result<PresignedUpload> {
        let key = format!("{}{}.{extension}", keys::inputs_of(owner), Uuid::now_v7());
        let put = self.signer().put_object().bucket(&self.bucket).key(&key).content_type(content_type);
        // What a task has been checked with stays what it is.
        let put = put.content_length(i64::try_from(length).unwrap_or(i64::MAX)).if_none_match("*");
        let signed = put.presigned(lifetime(WRITING)?).await.map_err(failed)?;
        let headers = BTreeMap::from([
            ("content-type".to_owned(), content_type.to_owned()),
            ("content-length".to_owned(), length.to_string()),
            ("if-none-match".to_owned(), "*".to_owned()),
        ]);
        Ok(PresignedUpload {
            key,
            method: "PUT".to_owned(),
            url: self.address(signed.uri())?,
            headers,
            expires_at: Timestamp::now() + WRITING,
        })
    }
}

/// The times of a URL that reads, which are the same for a while.
fn reading(now: SystemTime) -> Result<PresigningConfig> {
    let since = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let start = UNIX_EPOCH + Duration::from_secs(since - since % SAME_URL.as_secs());
    let built = PresigningConfig::builder().start_time(start).expires_in(READING + SAME_URL).build();
    built.map_err(|error| Error::Internal(error.to_string()))
}

fn lifetime(duration: Duration) -> Result<PresigningConfig> {
    PresigningConfig::expires_in(duration).map_err(|error| Error::Internal(error.to_string()))
}
