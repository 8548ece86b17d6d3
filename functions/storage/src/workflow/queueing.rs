//! Pausing and resuming the whole queue.

use easel_domain::identity::Identity;
use easel_domain::task::{Change, Move, Status};
use jiff::Timestamp;
use uuid::Uuid;

use super::Workflow;
use crate::error::{Error, Result};
use crate::gallery::DrawRequest;
use crate::store::{Filter, QueuePause};

/// Most tasks that are paused with the queue; more than there are workers.
const MOST_RUNNING: usize = 100;
/// How many tasks workers are told of at once when the queue goes on; the others are asked for again by and by.
const TOLD_AT_ONCE: usize = 50;

impl Workflow {
    /// Has nothing drawn from now on; tasks that are being drawn finish, or are paused, too. How many were.
    ///
    /// # Errors
    /// Returns [`Error::Unavailable`] if a service fails.
    pub async fn pause_queue(&self, by: &Identity, running_too: bool) -> Result<usize> {
        let before = self.store.queue().await?.pause;
        let mut pause =
            before.unwrap_or_else(|| QueuePause { by: by.name.clone(), at: Timestamp::now(), tasks: Vec::new() });
        // First of all, so that no worker takes what is put back.
        self.store.pause_queue(&pause).await?;
        if !running_too {
            return Ok(0);
        }
        let page = self.store.list(&Filter::at(Status::InProgress), MOST_RUNNING, None).await?;
        let mut paused = 0;
        for task in page.tasks {
            match self.move_task(task.id, Move::Pause, by, None, |_| Ok(Change::Pause)).await {
                Ok(_) => {
                    paused += 1;
                    pause.tasks.push(task.id);
                }
                // It is finished, or its owner was faster.
                Err(Error::Domain(_)) => {}
                Err(error) => return Err(error),
            }
        }
        self.store.pause_queue(&pause).await?;
        Ok(paused)
    }

    /// Has tasks drawn again, those among them that were paused with the queue. How many these were.
    ///
    /// # Errors
    /// Returns [`Error::Unavailable`] if a service fails.
    pub async fn resume_queue(&self, by: &Identity) -> Result<usize> {
        let Some(pause) = self.store.queue().await?.pause else { return Ok(0) };
        let mut resumed = 0;
        for task in pause.tasks {
            match self.move_task(task, Move::Resume, by, None, |_| Ok(Change::Resume)).await {
                Ok(_) => resumed += 1,
                // Somebody has resumed or cancelled it, or its owner has too much waiting.
                Err(Error::Domain(_)) => {}
                Err(error) => return Err(error),
            }
        }
        self.store.resume_queue().await?;
        for task in self.some_waiting().await? {
            self.gallery.request_drawing(DrawRequest { task, version: 1 }).await?;
        }
        Ok(resumed)
    }

    /// Some of the tasks that wait, of each owner the first ones.
    async fn some_waiting(&self) -> Result<Vec<Uuid>> {
        let mut waiting = Vec::new();
        for owner in self.store.owners_in_turn().await? {
            let left = TOLD_AT_ONCE - waiting.len();
            if left == 0 {
                break;
            }
            waiting.extend(self.store.tasks_waiting(&owner.name, Some(left)).await?.into_iter().map(|task| task.task));
        }
        Ok(waiting)
    }
}
