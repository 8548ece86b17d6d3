//! Reading and writing objects.

use std::collections::HashMap;

use aws_sdk_s3::error::ProvideErrorMetadata;
use aws_sdk_s3::operation::get_object::GetObjectError;
use aws_sdk_s3::operation::head_object::HeadObjectError;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::TaggingDirective;

use super::image_size::{BEGINNING, size_in};
use super::{Gallery, failed};
use crate::error::{Error, Result};

/// The tag of images that nobody has approved; the template's lifecycle rule looks for it.
pub(super) const NOT_APPROVED: &str = "approved=no";

/// What there is to know about an object without reading it.
#[derive(Debug, Clone, PartialEq)]
pub struct ObjectFacts {
    /// Bytes.
    pub length: u64,
    /// S3's entity tag, which changes with the content.
    pub etag: String,
    /// When it was written, in seconds since 1970.
    pub modified: i64,
    /// The `x-amz-meta-` headers, without that prefix.
    pub metadata: HashMap<String, String>,
}

/// An object's content.
#[derive(Debug, Clone, PartialEq)]
pub struct Object {
    /// All of it.
    pub bytes: Vec<u8>,
    /// S3's entity tag, which changes with the content.
    pub etag: String,
}

/// Whether an object was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written {
    /// It is new.
    New,
    /// There was one under this name, which stays as it is.
    Before,
}

impl Gallery {
    /// Writes an object, over what may be there.
    ///
    /// # Errors
    /// Returns [`Unavailable`](crate::Error::Unavailable) if S3 fails.
    pub async fn write(&self, key: &str, bytes: Vec<u8>, content_type: &str) -> Result<()> {
        let put = self.client.put_object().bucket(&self.bucket).key(key).content_type(content_type);
        put.body(ByteStream::from(bytes)).send().await.map_err(failed)?;
        Ok(())
    }

    /// Writes an image that nobody has approved yet, unless there is an object under this name.
    ///
    /// # Errors
    /// Returns [`Unavailable`](crate::Error::Unavailable) if S3 fails.
    pub async fn write_image(&self, key: &str, bytes: Vec<u8>, content_type: &str) -> Result<Written> {
        let put = self.client.put_object().bucket(&self.bucket).key(key).content_type(content_type).if_none_match("*");
        match put.tagging(NOT_APPROVED).body(ByteStream::from(bytes)).send().await {
            Ok(_) => Ok(Written::New),
            Err(error) if error.code() == Some("PreconditionFailed") => Ok(Written::Before),
            Err(error) => Err(failed(error)),
        }
    }

    /// An object's content; `None` if there is none under this name.
    ///
    /// # Errors
    /// Returns [`Error::TooLong`] if it has more than `limit` bytes, [`Error::Unavailable`] if S3 fails.
    pub async fn read(&self, key: &str, limit: usize) -> Result<Option<Object>> {
        let got = match self.client.get_object().bucket(&self.bucket).key(key).send().await {
            Ok(got) => got,
            Err(error) if matches!(error.as_service_error(), Some(GetObjectError::NoSuchKey(_))) => return Ok(None),
            Err(error) => return Err(failed(error)),
        };
        let length = usize::try_from(got.content_length().unwrap_or_default()).unwrap_or(usize::MAX);
        if length > limit {
            return Err(Error::TooLong { length, limit });
        }
        let etag = got.e_tag().unwrap_or_default().to_owned();
        let interrupted = |error| Error::Unavailable { service: "S3", detail: format!("reading {key}: {error}") };
        let bytes = got.body.collect().await.map_err(interrupted)?.to_vec();
        Ok(Some(Object { bytes, etag }))
    }

    /// Width and height of an image, from the beginning of its file; `None` if it is not there, or its file does not say so.
    ///
    /// # Errors
    /// Returns [`Unavailable`](crate::Error::Unavailable) if S3 fails.
    pub async fn image_size(&self, key: &str) -> Result<Option<(u32, u32)>> {
        let get = self.client.get_object().bucket(&self.bucket).key(key).range(format!("bytes=0-{}", BEGINNING - 1));
        let got = match get.send().await {
            Ok(got) => got,
            // An empty file has no beginning.
            Err(error) if matches!(error.code(), Some("NoSuchKey" | "InvalidRange")) => return Ok(None),
            Err(error) => return Err(failed(error)),
        };
        let interrupted = |error| Error::Unavailable { service: "S3", detail: format!("reading {key}: {error}") };
        Ok(size_in(&got.body.collect().await.map_err(interrupted)?.into_bytes()))
    }

    /// What there is to know about an object; `None` if there is none under this name.
    ///
    /// # Errors
    /// Returns [`Unavailable`](crate::Error::Unavailable) if S3 fails.
    pub async fn facts(&self, key: &str) -> Result<Option<ObjectFacts>> {
        let head = match self.client.head_object().bucket(&self.bucket).key(key).send().await {
            Ok(head) => head,
            Err(error) if matches!(error.as_service_error(), Some(HeadObjectError::NotFound(_))) => return Ok(None),
            Err(error) => return Err(failed(error)),
        };
        Ok(Some(ObjectFacts {
            length: u64::try_from(head.content_length().unwrap_or_default()).unwrap_or_default(),
            etag: head.e_tag().unwrap_or_default().to_owned(),
            modified: head.last_modified().map_or(0, aws_sdk_s3::primitives::DateTime::secs),
            metadata: head.metadata().cloned().unwrap_or_default(),
        }))
    }

    /// Removes an image's tag by which a lifecycle rule finds unapproved images.
    ///
    /// # Errors
    /// Returns [`Conflict`](easel_domain::Error::Conflict) if the image is gone already, [`Error::Unavailable`] if S3 fails.
    pub async fn mark_approved(&self, key: &str) -> Result<()> {
        match self.client.delete_object_tagging().bucket(&self.bucket).key(key).send().await {
            Ok(_) => Ok(()),
            // What a lifecycle rule has removed in a versioned bucket is a marker, which has no tags.
            Err(error) if matches!(error.code(), Some("NoSuchKey" | "MethodNotAllowed")) => {
                let message = format!("the image {key} is gone: reject the task, then retry it");
                Err(easel_domain::Error::Conflict(message).into())
            }
            Err(error) => Err(failed(error)),
        }
    }

    /// Copies an object within the bucket, without its tags.
    ///
    /// # Errors
    /// Returns [`Conflict`](easel_domain::Error::Conflict) if there is nothing to copy, [`Error::Unavailable`] if S3 fails.
    pub async fn copy(&self, from: &str, to: &str) -> Result<()> {
        let copy = self.client.copy_object().bucket(&self.bucket).copy_source(format!("{}/{from}", self.bucket));
        match copy.key(to).tagging_directive(TaggingDirective::Replace).send().await {
            Ok(_) => Ok(()),
            Err(error) if error.code() == Some("NoSuchKey") => {
                let message = format!("the image {from} is gone: delete the task and ask for it anew");
                Err(easel_domain::Error::Conflict(message).into())
            }
            Err(error) => Err(failed(error)),
        }
    }

    /// The keys under a prefix.
    ///
    /// # Errors
    /// Returns [`Unavailable`](crate::Error::Unavailable) if S3 fails.
    pub async fn keys(&self, prefix: &str) -> Result<Vec<String>> {
        let list = self.client.list_objects_v2().bucket(&self.bucket).prefix(prefix);
        let mut pages = list.into_paginator().send();
        let mut keys = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(failed)?;
            keys.extend(page.contents().iter().filter_map(|object| object.key().map(str::to_owned)));
        }
        Ok(keys)
    }
}
