//! A prefix in a bucket of S3, or of a server with the same API.

use std::fmt::Debug;

use aws_sdk_s3::Client;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::types::{ChecksumMode, ChecksumType};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use easel_storage::{configuration, object_client};

use super::checksum::Checksum;
use super::fetch_error::{FetchError, causes};
use super::remote_file::{FileBody, RemoteFile, range_start};
use super::selection::Listing;

/// A prefix in a bucket.
pub(super) struct Bucket {
    client: Client,
    bucket: String,
    prefix: String,
}

impl Bucket {
    /// Uses the credentials, the region and the endpoint that AWS's own variables and files name.
    pub(super) async fn new(bucket: &str, prefix: &str) -> Self {
        let client = object_client(&configuration().load().await);
        Self { client, bucket: bucket.to_owned(), prefix: prefix.to_owned() }
    }

    /// All objects below the prefix, or the one that it is the key of.
    pub(super) async fn list(&self) -> Result<Listing, FetchError> {
        let list = self.client.list_objects_v2().bucket(&self.bucket).prefix(&self.prefix);
        let mut pages = list.into_paginator().send();
        let mut listing = Listing::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| self.fetch_error("", &error))?;
            for object in page.contents() {
                let path = object.key().and_then(|key| self.path_of(key)).filter(|path| !path.ends_with('/'));
                if let Some(path) = path {
                    listing.insert(path.to_owned(), size(object.size()));
                }
            }
        }
        if listing.is_empty() {
            let advice = "there are no objects below this prefix: check the bucket and the prefix";
            return Err(FetchError::permanent(format!("{}: {advice}", self.address(""))));
        }
        Ok(listing)
    }

    pub(super) async fn describe(&self, path: &str) -> Result<RemoteFile, FetchError> {
        let head = self.client.head_object().bucket(&self.bucket).key(self.key_of(path));
        let head = head.checksum_mode(ChecksumMode::Enabled).send().await;
        let head = head.map_err(|error| self.fetch_error(path, &error))?;
        let e_tag = head.e_tag().unwrap_or_default().to_owned();
        // For an object that was uploaded in parts, S3 may keep only a checksum of the parts' checksums.
        let whole = head.checksum_type() != Some(&ChecksumType::Composite);
        let decoded = |value: Option<&str>| {
            let value = value.filter(|_| whole)?;
            BASE64_STANDARD.decode(value).ok().map(hex::encode)
        };
        let plain = e_tag.trim_matches('"').to_lowercase();
        let checksum = if let Some(value) = decoded(head.checksum_sha256()) {
            Checksum::Sha256(value)
        } else if let Some(value) = decoded(head.checksum_crc64_nvme()) {
            Checksum::Crc64Nvme(value)
        } else if is_md5(&plain) && head.sse_customer_algorithm().is_none() && head.ssekms_key_id().is_none() {
            Checksum::Md5(plain)
        } else {
            Checksum::SizeOnly
        };
        Ok(RemoteFile { path: path.to_owned(), bytes: size(head.content_length()), identity: e_tag, checksum })
    }

    pub(super) async fn read(&self, file: &RemoteFile, offset: u64) -> Result<FileBody, FetchError> {
        let mut get = self.client.get_object().bucket(&self.bucket).key(self.key_of(&file.path));
        if offset > 0 {
            get = get.range(format!("bytes={offset}-"));
        }
        let got = get.send().await.map_err(|error| self.fetch_error(&file.path, &error))?;
        if got.e_tag().unwrap_or_default() != file.identity {
            let message = "was replaced while it was being fetched: run the same command again";
            return Err(FetchError::permanent(format!("{} {message}", self.address(&file.path))));
        }
        Ok(FileBody::object(range_start(got.content_range()), got.body))
    }

    pub(super) fn address(&self, path: &str) -> String {
        format!("s3://{}/{}", self.bucket, if path.is_empty() { self.prefix.clone() } else { self.key_of(path) })
    }

    /// Whether the prefix is a checkpoint's key.
    fn is_checkpoint(&self) -> bool {
        self.prefix.ends_with(".safetensors")
    }

    fn path_of<'k>(&self, key: &'k str) -> Option<&'k str> {
        if self.is_checkpoint() {
            return (key == self.prefix).then(|| key.rsplit('/').next().unwrap_or(key));
        }
        key.strip_prefix(&self.prefix)?.strip_prefix('/')
    }

    fn key_of(&self, path: &str) -> String {
        if self.is_checkpoint() { self.prefix.clone() } else { format!("{}/{path}", self.prefix) }
    }

    /// The SDK has tried several times by now, so only outages that last longer are worth another attempt.
    fn fetch_error<E>(&self, path: &str, error: &SdkError<E>) -> FetchError
    where
        E: ProvideErrorMetadata + Debug + std::error::Error + 'static,
    {
        let status = error.raw_response().map(|response| response.status().as_u16());
        let address = self.address(path);
        let code = error.code().unwrap_or_default();
        let transient = || FetchError::transient(causes(error));
        let advice = match (status, code) {
            (Some(500..), _) => return transient(),
            (None, _) => match error {
                SdkError::TimeoutError(_) | SdkError::ResponseError(_) => return transient(),
                SdkError::DispatchFailure(failure) if failure.is_io() || failure.is_timeout() => return transient(),
                _ => "check the credentials and the region (AWS_PROFILE or AWS_ACCESS_KEY_ID, AWS_REGION)",
            },
            (_, "NoSuchBucket") => "there is no such bucket: check its name and the region (AWS_REGION)",
            (Some(404), _) => "there is no such object: check the bucket and the prefix",
            (Some(401 | 403), _) => {
                "these credentials may not read it: they need s3:GetObject and, on the bucket, s3:ListBucket (and \
                 kms:Decrypt if it is encrypted with a key)"
            }
            (Some(301 | 400), _) => "is the bucket in the region that AWS_REGION names?",
            _ => "look at the bucket",
        };
        let status = status.map(|status| format!(" answered {status}")).unwrap_or_default();
        let reason = error.message().map_or_else(|| causes(error), |message| format!("{code}: {message}"));
        FetchError::permanent(format!("{address}{status} ({reason}): {advice}"))
    }
}

/// Whether an entity tag can be an MD5; those of objects that were uploaded in parts have a hyphen.
fn is_md5(e_tag: &str) -> bool {
    e_tag.len() == 32 && e_tag.chars().all(|character| character.is_ascii_hexdigit())
}

fn size(bytes: Option<i64>) -> u64 {
    bytes.and_then(|bytes| u64::try_from(bytes).ok()).unwrap_or_default()
}
