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

/// A part of a list of public copies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CopiesPage {
    /// In the order of their keys.
    pub copies: Vec<PublicCopy>,
    /// Where the next part begins: behind this key. `None` is the end.
    pub next: Option<String>,
}

impl Gallery {
    /// The public copies of a task's images.
    ///
    /// # Errors
    /// Returns [`Unavailable`](crate::Error::Unavailable) if S3 fails.
    pub async fn public_copies(&self, task: Uuid) -> Result<Vec<PublicCopy>> {
        let (mut copies, mut behind) = (Vec::new(), None);
        loop {
            let page = self.copies_under(&keys::all_published(task), behind).await?;
            copies.extend(page.copies);
            behind = page.next;
            if behind.is_none() {
                return Ok(copies);
            }
        }
    }

    /// Some public copies of all tasks, those of one task in a row, that come behind a key.
    ///
    /// # Errors
    /// Returns [`Unavailable`](crate::Error::Unavailable) if S3 fails.
    pub async fn all_public_copies(&self, behind: Option<String>) -> Result<CopiesPage> {
        self.copies_under(keys::PUBLISHED, behind).await
    }

    async fn copies_under(&self, prefix: &str, behind: Option<String>) -> Result<CopiesPage> {
        let list = self.client.list_objects_v2().bucket(&self.bucket).prefix(prefix).set_start_after(behind);
        let page = list.send().await.map_err(failed)?;
        let copies = page.contents().iter().filter_map(|object| {
            let key = object.key()?;
            let (task, version) = keys::of_published(key)?;
            let written = object.last_modified().map_or(0, aws_sdk_s3::primitives::DateTime::secs);
            let written = Timestamp::from_second(written).unwrap_or(Timestamp::MAX);
            Some(PublicCopy { key: key.to_owned(), task, version, written })
        });
        let last = page.contents().last().and_then(|object| object.key().map(str::to_owned));
        let next = last.filter(|_| page.is_truncated() == Some(true));
        Ok(CopiesPage { copies: copies.collect(), next })
    }
}
