//! Removing objects.

use super::{Gallery, failed, keys};
use crate::error::{Error, Result};
use aws_sdk_s3::types::{Delete, ObjectIdentifier};
use easel_domain::task::Task;

/// Most objects that S3 removes in one call.
const MOST_AT_ONCE: usize = 1000;

impl Gallery {
    /// Removes an object; none is fine.
    ///
    /// # Errors
    /// Returns [`Unavailable`](crate::Error::Unavailable) if S3 fails.
    pub async fn remove(&self, key: &str) -> Result<()> {
        self.client.delete_object().bucket(&self.bucket).key(key).send().await.map_err(failed)?;
        Ok(())
    }

    /// Removes objects; those that are not there are fine.
    ///
    /// # Errors
    /// Returns [`Error::Unavailable`] if S3 fails. What is gone by then stays gone.
    pub async fn remove_many(&self, keys: Vec<String>) -> Result<()> {
        let incomplete = |error: aws_sdk_s3::error::BuildError| Error::Internal(error.to_string());
        for keys in keys.chunks(MOST_AT_ONCE) {
            let objects = keys.iter().map(|key| ObjectIdentifier::builder().key(key).build());
            let objects = objects.collect::<Result<Vec<_>, _>>().map_err(incomplete)?;
            let delete = Delete::builder().set_objects(Some(objects)).quiet(true).build().map_err(incomplete)?;
            let deleted = self.client.delete_objects().bucket(&self.bucket).delete(delete).send().await;
            if let [first, ..] = deleted.map_err(failed)?.errors() {
                let (key, code) = (first.key().unwrap_or_default(), first.code().unwrap_or_default());
                let (service, detail) =
                    ("S3", format!("removing {key}: {code}: {}", first.message().unwrap_or_default()));
                let refused = code == "AccessDenied";
                return Err(if refused {
                    Error::Refused { service, detail }
                } else {
                    Error::Unavailable { service, detail }
                });
            }
        }
        Ok(())
    }

    /// Removes everything that was kept for the task alone. The files that it was made from may be others' too.
    ///
    /// # Errors
    /// Returns [`Error::Unavailable`] if S3 fails. What is gone by then stays gone; calling again removes the rest.
    pub async fn remove_all(&self, task: &Task) -> Result<()> {
        for prefix in [keys::images(task.id), keys::checkpoints(task.id), keys::all_published(task.id)] {
            self.remove_many(self.keys(&prefix).await?).await?;
        }
        self.remove(&keys::request(task.id)).await?;
        Ok(())
    }
}
