//! The object that asks a worker to generate a task's images.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Gallery, keys};
use crate::error::{Error, Result};

/// "Draw this task, once it is at this version." Written before the task gets there, so that no task is ever without
/// the object that sets it going; if the task never gets there, the object is of no effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct DrawRequest {
    /// The task.
    pub task: Uuid,
    /// The version that the move to `pending` gives it.
    pub version: u64,
}

impl Gallery {
    /// Asks the workers to draw.
    ///
    /// # Errors
    /// Returns [`Unavailable`](crate::Error::Unavailable) if S3 fails.
    pub async fn request_drawing(&self, request: DrawRequest) -> Result<()> {
        let body = serde_json::to_vec(&request).map_err(|error| Error::Internal(error.to_string()))?;
        self.write(&keys::request(request.task), body, "application/json").await
    }
}
