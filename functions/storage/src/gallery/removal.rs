//! Removing objects.

use super::{Gallery, failed, keys};
use crate::error::Result;
use easel_domain::task::Task;

impl Gallery {
    /// Removes an object; none is fine.
    ///
    /// # Errors
    /// Returns [`Unavailable`](crate::Error::Unavailable) if S3 fails.
    pub async fn remove(&self, key: &str) -> Result<()> {
        self.client.delete_object().bucket(&self.bucket).key(key).send().await.map_err(failed)?;
        Ok(())
    }

    /// Removes everything that was kept for the task alone. The files that it was made from may be others' too.
    ///
    /// # Errors
    /// Returns [`Unavailable`](crate::Error::Unavailable) if S3 fails. What is gone by then stays gone; calling again removes the rest.
    pub async fn remove_all(&self, task: &Task) -> Result<()> {
        for prefix in [keys::images(task.id), keys::checkpoints(task.id), keys::all_published(task.id)] {
            for key in self.keys(&prefix).await? {
                self.remove(&key).await?;
            }
        }
        self.remove(&keys::request(task.id)).await?;
        Ok(())
    }
}
