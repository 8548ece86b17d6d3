//! Where a drawing stands, kept in the gallery.

use std::time::Instant;

use easel_core::gallery::keys;
use easel_core::task::Task;
use easel_model::{Checkpoint, Generation};

use super::pace::Pace;
use super::trouble::Trouble;
use super::{Delivery, Worker};

/// More than any checkpoint has.
const MOST_BYTES: usize = 256 << 20;

impl Worker {
    /// The drawing as an earlier worker left it, if it left something that can be gone on with.
    pub(super) async fn resume(&self, task: &Task) -> Result<Option<Generation>, Trouble> {
        let key = keys::checkpoint(task.id, task.attempt.number);
        let Some(object) = self.workflow.gallery.read(&key, MOST_BYTES).await? else { return Ok(None) };
        let resumed = Checkpoint::from_bytes(&object.bytes).and_then(|saved| self.studio.model.resume(saved));
        match resumed {
            Ok(generation) => Ok(Some(generation)),
            Err(error) => {
                tracing::warn!(%error, "a checkpoint that is of no use: drawing from the start");
                Ok(None)
            }
        }
    }

    /// Writes where the drawing stands. Without it, only steps are lost, so a failure is none of the drawing.
    pub(super) async fn keep(&self, task: &Task, generation: &Generation, pace: &mut Pace) -> bool {
        let began = Instant::now();
        let key = keys::checkpoint(task.id, task.attempt.number);
        let bytes = match generation.checkpoint().to_bytes() {
            Ok(bytes) => bytes,
            Err(error) => {
                tracing::error!(%error, "no checkpoint could be made");
                return false;
            }
        };
        let written = self.workflow.gallery.write(&key, bytes, "application/octet-stream").await;
        // A failing service is as slow as it will be the next time.
        pace.saved(began.elapsed());
        if let Err(error) = &written {
            tracing::warn!(%error, "no checkpoint could be written");
        }
        written.is_ok()
    }

    /// Like [`Self::keep`], trying for a while: nobody else knows the last steps.
    pub(super) async fn keep_patiently(
        &self,
        task: &Task,
        generation: &Generation,
        delivery: &Delivery,
    ) -> Result<(), Trouble> {
        let key = keys::checkpoint(task.id, task.attempt.number);
        let bytes = generation.checkpoint().to_bytes()?;
        let gallery = &self.workflow.gallery;
        let write = || gallery.write(&key, bytes.clone(), "application/octet-stream");
        Ok(self.patiently(delivery, write).await?)
    }

    /// Removes a checkpoint that nobody needs any more.
    pub(super) async fn forget(&self, task: &Task) {
        let key = keys::checkpoint(task.id, task.attempt.number);
        if let Err(error) = self.workflow.gallery.remove(&key).await {
            tracing::warn!(%error, "a checkpoint could not be removed; it goes with its task");
        }
    }
}
