//! A prefix in a bucket of S3, or of what speaks like it.

use std::fmt::Debug;

use aws_sdk_s3::Client;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::types::{ChecksumMode, ChecksumType};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use easel_core::services;

use super::check::{Check, hexadecimal};
use super::remote::{Body, RemoteFile, Trouble, causes, range_start};
use super::selection::Listing;

/// A prefix in a bucket.
pub(super) struct Bucket {
    client: Client,
    bucket: String,
    prefix: String,
}

impl Bucket {
    /// With the credentials, the region and the endpoint that AWS's own variables and files name.
    pub(super) async fn new(bucket: &str, prefix: &str) -> Self {
        let client = services::object_client(&services::configuration().load().await);
        Self { client, bucket: bucket.to_owned(), prefix: prefix.to_owned() }
    }

    /// All objects below the prefix, or the one that it is the key of.
    pub(super) async fn list(&self) -> Result<Listing, Trouble> {
        let list = self.client.list_objects_v2().bucket(&self.bucket).prefix(&self.prefix);
        let mut pages = list.into_paginator().send();
        let mut listing = Listing::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| self.trouble("", &error))?;
            for object in page.contents() {
                let path = object.key().and_then(|key| self.path_of(key)).filter(|path| !path.ends_with('/'));
                if let Some(path) = path {
                    listing.insert(path.to_owned(), size(object.size()));
                }
            }
        }
        if listing.is_empty() {
            let advice = "there are no objects below this prefix: check the bucket and the prefix";
            return Err(Trouble::lasting(format!("{}: {advice}", self.address(""))));
        }
        Ok(listing)
    }

    pub(super) async fn describe(&self, path: &str) -> Result<RemoteFile, Trouble> {
        let head = self.client.head_object().bucket(&self.bucket).key(self.key_of(path));
        let head = head.checksum_mode(ChecksumMode::Enabled).send().await;
        let head = head.map_err(|error| self.trouble(path, &error))?;
        let e_tag = head.e_tag().unwrap_or_default().to_owned();
        // Of an object that was uploaded in parts, S3 may keep a checksum of the parts' checksums only.
        let whole = head.checksum_type() != Some(&ChecksumType::Composite);
        let decoded = |value: Option<&str>| {
            let value = value.filter(|_| whole)?;
            BASE64_STANDARD.decode(value).ok().map(|bytes| hexadecimal(&bytes))
        };
        let plain = e_tag.trim_matches('"').to_lowercase();
        let check = if let Some(value) = decoded(head.checksum_sha256()) {
            Check::Sha256(value)
        } else if let Some(value) = decoded(head.checksum_crc64_nvme()) {
            Check::Crc64Nvme(value)
        } else if is_md5(&plain) && head.sse_customer_algorithm().is_none() && head.ssekms_key_id().is_none() {
            Check::Md5(plain)
        } else {
            Check::Size
        };
        Ok(RemoteFile { path: path.to_owned(), bytes: size(head.content_length()), identity: e_tag, check })
    }

    pub(super) async fn read(&self, file: &RemoteFile, offset: u64) -> Result<Body, Trouble> {
        let mut get = self.client.get_object().bucket(&self.bucket).key(self.key_of(&file.path));
        if offset > 0 {
            get = get.range(format!("bytes={offset}-"));
        }
        let got = get.send().await.map_err(|error| self.trouble(&file.path, &error))?;
        if got.e_tag().unwrap_or_default() != file.identity {
            let message = "was replaced while it was being fetched: do the same again";
            return Err(Trouble::lasting(format!("{} {message}", self.address(&file.path))));
        }
        Ok(Body::object(range_start(got.content_range()), got.body))
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

    /// The SDK has tried several times by now, so only what goes on for longer is worth another try.
    fn trouble<E>(&self, path: &str, error: &SdkError<E>) -> Trouble
    where
        E: ProvideErrorMetadata + Debug + std::error::Error + 'static,
    {
        let status = error.raw_response().map(|response| response.status().as_u16());
        let address = self.address(path);
        let code = error.code().unwrap_or_default();
        let passing = || Trouble::passing(causes(error));
        let advice = match (status, code) {
            (Some(500..), _) => return passing(),
            (None, _) => match error {
                SdkError::TimeoutError(_) | SdkError::ResponseError(_) => return passing(),
                SdkError::DispatchFailure(failure) if failure.is_io() || failure.is_timeout() => return passing(),
                _ => "check the credentials and the region (AWS_PROFILE or AWS_ACCESS_KEY_ID, AWS_REGION)",
            },
            (_, "NoSuchBucket") => "there is no such bucket: check its name and the region (AWS_REGION)",
            (Some(404), _) => "there is no such object: check the bucket and the prefix",
            (Some(401 | 403), _) => {
                "these credentials may not read it: it takes s3:GetObject and, on the bucket, s3:ListBucket (and the \
                 key's kms:Decrypt)"
            }
            (Some(301 | 400), _) => "is the bucket in the region that AWS_REGION names?",
            _ => "look at the bucket",
        };
        let status = status.map(|status| format!(" answered {status}")).unwrap_or_default();
        let reason = error.message().map_or_else(|| causes(error), |message| format!("{code}: {message}"));
        Trouble::lasting(format!("{address}{status} ({reason}): {advice}"))
    }
}

/// Whether an entity tag can be an MD5; those of objects that were uploaded in parts have a hyphen.
fn is_md5(e_tag: &str) -> bool {
    e_tag.len() == 32 && e_tag.chars().all(|character| character.is_ascii_hexdigit())
}

fn size(bytes: Option<i64>) -> u64 {
    bytes.and_then(|bytes| u64::try_from(bytes).ok()).unwrap_or_default()
}
