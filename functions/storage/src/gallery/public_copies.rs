//! What the public may see.

use jiff::Timestamp;
use uuid::Uuid;

use super::{Gallery, failed, keys};
use crate::error::Result;

/// An image under `published/`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicCopy {
    /// Its key.
    pub key: String,
    /// Whose image it is.
    pub task: Uuid,
    /// The task's version after the move that it was made for; 0 of copies from before keys had one.
    pub version: u64,
    /// When it was written.
    pub written: Timestamp,
}

impl Gallery {
    /// The public copies of a task's images.
    ///
    /// # Errors
    /// Returns [`Unavailable`](crate::Error::Unavailable) if S3 fails.
    pub async fn public_copies(&self, task: Uuid) -> Result<Vec<PublicCopy>> {
        self.copies_under(&keys::all_published(task)).await
    }

    /// The public copies of all tasks, those of one task in a row.
    ///
    /// # Errors
    /// Returns [`Unavailable`](crate::Error::Unavailable) if S3 fails.
    pub async fn all_public_copies(&self) -> Result<Vec<PublicCopy>> {
        self.copies_under(keys::PUBLISHED).await
    }

    async fn copies_under(&self, prefix: &str) -> Result<Vec<PublicCopy>> {
        let list = self.client.list_objects_v2().bucket(&self.bucket).prefix(prefix);
        let mut pages = list.into_paginator().send();
        let mut copies = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(failed)?;
            for object in page.contents() {
                let Some((key, (task, version))) = object.key().and_then(|key| Some((key, keys::of_published(key)?)))
                else {
                    continue;
                };
                let written = object.last_modified().map_or(0, aws_sdk_s3::primitives::DateTime::secs);
                let written = Timestamp::from_second(written).unwrap_or(Timestamp::MAX);
                copies.push(PublicCopy { key: key.to_owned(), task, version, written });
            }
        }
        Ok(copies)
    }
}
