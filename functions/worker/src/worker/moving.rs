//! The moves of a worker that holds a task.

use easel_domain::task::{Change, Status, Task};
use easel_storage::gallery::DrawRequest;
use easel_storage::store::Saved;
use jiff::Timestamp;

use super::generation_error::GenerationError;
use super::{Delivery, Worker};

impl Worker {
    /// Moves a task on that this worker claimed as `held`, if the claim still counts. What people have made of its title and
    /// tags meanwhile stays. A task that is to wait is asked for first, so that none waits without a message.
    pub(super) async fn move_on(
        &self,
        held: &Task,
        change: &Change,
        delivery: &Delivery,
    ) -> Result<Saved, GenerationError> {
        let mut task = held.clone();
        loop {
            let (moved, event) = task.after(change.clone(), &self.identity(), Timestamp::now())?;
            if moved.status == Status::Pending {
                let request = DrawRequest { task: moved.id, version: moved.version };
                self.retry(delivery, || self.workflow.gallery.request_drawing(request)).await?;
            }
            if self.retry(delivery, || self.workflow.store.save(&moved, &event)).await? == Saved::Done {
                return Ok(Saved::Done);
            }
            match self.retry(delivery, || self.workflow.store.find(held.id)).await? {
                Some(now) if now.is_still_held(held) && now.version > task.version => task = now,
                _ => return Ok(Saved::Stale),
            }
        }
    }
}
