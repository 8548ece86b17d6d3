//! Saying what is offered: in the store, where the API reads it.

use std::time::{Duration, Instant};

use easel_storage::store::{WorkerOffers, WorkerReport};
use tokio_util::sync::CancellationToken;

use super::Worker;

/// How often the worker looks whether it offers something else.
const LOOK_EVERY: Duration = Duration::from_secs(5);

impl Worker {
    /// Says what is offered whenever that changes, and from time to time that it has not, until `stop`: while an image is
    /// drawn, too.
    pub async fn keep_offering(&self, stop: &CancellationToken) {
        while !stop.is_cancelled() {
            self.offer().await;
            stop.run_until_cancelled(tokio::time::sleep(LOOK_EVERY)).await;
        }
    }

    /// Says what is offered, if that is not what was said lately.
    pub async fn offer(&self) {
        let (engine, name) = (self.engine.clone(), self.options.name.clone());
        let Ok(offers) = tokio::task::spawn_blocking(move || engine.offers(&name)).await else { return };
        let is_known = self.offered.lock().as_ref().is_some_and(|(said, when)| {
            when.elapsed() < WorkerReport::PERIOD && *said == WorkerOffers { at: said.at, ..offers.clone() }
        });
        if is_known {
            return;
        }
        match self.workflow.store.publish_offers(&offers).await {
            Ok(()) => *self.offered.lock() = Some((offers, Instant::now())),
            Err(error) => tracing::warn!(%error, "what is offered could not be stored"),
        }
    }
}
