//! What the function does with each event.

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
use easel_storage::message::Message;
use easel_storage::workflow::Workflow;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::caches::Caches;
use crate::error::{Error, Result};

/// What the function works with.
pub(crate) struct Housekeeping {
    pub(crate) workflow: Workflow,
    pub(crate) caches: Caches,
}

impl Housekeeping {
    /// Handles an event. Everything that it does can be done again, also at the same time.
    ///
    /// # Errors
    /// Says what could not be done; the event has to come again. Of a batch of messages, those are named that have to.
    pub(crate) async fn handle(&self, event: Value) -> Result<Value> {
        let now = Timestamp::now();
        if event["reconcile"] == true {
            let found = self.workflow.reconcile(now).await?;
            tracing::info!(oldest = found.oldest.as_secs(), requested = found.requested, "reconciled");
            self.workflow.store.write_tags().await?;
            return Ok(json!({"oldest_waiting_seconds": found.oldest.as_secs(), "requested": found.requested}));
        }
        if event["housekeeping"] == true {
            let purged = self.workflow.purge_deleted(now).await?;
            tracing::info!(purged, "purged deleted tasks whose grace period is over");
            return Ok(json!({"purged": purged}));
        }
        let batch: SqsEvent = serde_json::from_value(event).map_err(|error| Error::UnknownEvent(error.to_string()))?;
        let mut response = SqsBatchResponse::default();
        for message in batch.records {
            if let Err(error) = self.look_after(&message, now).await {
                tracing::error!(%error, "a message could not be looked after: it comes again");
                response.add_failure(message.message_id.unwrap_or_default());
            }
        }
        serde_json::to_value(response).map_err(|error| Error::Runtime(format!("writing the response: {error}")))
    }

    async fn look_after(&self, message: &SqsMessage, now: Timestamp) -> Result<()> {
        let body = message.body.as_deref().unwrap_or_default();
        if let Ok(Message::Removed(keys)) = Message::read(body) {
            return self.caches.forget(&keys, message.message_id.as_deref().unwrap_or(body)).await;
        }
        Ok(self.workflow.take_up_again(body, now).await?)
    }
}
