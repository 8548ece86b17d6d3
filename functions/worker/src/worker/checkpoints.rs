//! Checkpoints of generations, kept in the gallery.

use std::sync::Arc;
use std::time::Instant;

use easel_domain::task::Task;
use easel_model::{Checkpoint, Generation};
use easel_storage::gallery::keys;

use super::generation_error::GenerationError;
use super::pace::Pace;
use super::{Delivery, Worker};
use crate::engine::{Chosen, RequestImages};

/// Larger than any checkpoint.
const MOST_BYTES: usize = 256 << 20;

impl Worker {
    /// The generation as an earlier worker left it, if it left a checkpoint that can be resumed.
    pub(super) async fn resume(
        &self,
        task: &Task,
        chosen: &Arc<Chosen>,
        delivery: &Delivery,
    ) -> Result<Option<Generation>, GenerationError> {
        let key = keys::checkpoint(task.id, task.attempt.number);
        let read = self.retry(delivery, || self.workflow.gallery.read(&key, MOST_BYTES)).await?;
        let Some(object) = read else { return Ok(None) };
        let settings = task.attempt.settings.clone();
        let images = if RequestImages::are_needed_throughout(&settings) {
            match self.images(&settings, delivery).await {
                Ok(images) => images,
                // Starting over meets it again, and says so with the task.
                Err(GenerationError::Request(reason)) => {
                    tracing::warn!(reason, "a checkpoint cannot be resumed without its images");
                    return Ok(None);
                }
                Err(error) => return Err(error),
            }
        } else {
            RequestImages::default()
        };
        let chosen = chosen.clone();
        let resuming =
            move || Checkpoint::from_bytes(&object.bytes).and_then(|saved| chosen.resume(saved, &settings, images));
        let resumed = tokio::task::spawn_blocking(resuming).await?;
        match resumed {
            Ok(generation) => Ok(Some(generation)),
            Err(error) => {
                tracing::warn!(%error, "a checkpoint cannot be resumed, starting over");
                Ok(None)
            }
        }
    }

    /// Saves a checkpoint, and returns whether that worked. Without it only steps are lost, so its failure does not
    /// fail the generation.
    pub(super) async fn save_checkpoint(&self, task: &Task, generation: &Generation, pace: &mut Pace) -> bool {
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
        // A failed attempt counts: the next one may take as long.
        pace.record_saving(began.elapsed());
        if let Err(error) = &written {
            tracing::warn!(%error, "no checkpoint could be written");
        }
        written.is_ok()
    }

    /// Like [`Self::save_checkpoint`], with retries: the last steps would be lost otherwise.
    pub(super) async fn save_checkpoint_with_retries(
        &self,
        task: &Task,
        generation: &Generation,
        delivery: &Delivery,
    ) -> Result<(), GenerationError> {
        let key = keys::checkpoint(task.id, task.attempt.number);
        let bytes = generation.checkpoint().to_bytes()?;
        let gallery = &self.workflow.gallery;
        let write = || gallery.write(&key, bytes.clone(), "application/octet-stream");
        self.retry(delivery, write).await
    }

    /// Removes a checkpoint that is no longer needed.
    pub(super) async fn remove_checkpoint(&self, task: &Task) {
        let key = keys::checkpoint(task.id, task.attempt.number);
        if let Err(error) = self.workflow.gallery.remove(&key).await {
            tracing::warn!(%error, "a checkpoint could not be removed; it will be removed with its task");
        }
    }
}
