//! What workers report of themselves, for `/health`.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Store, rows};
use crate::error::Result;

const WORKERS: &str = "WORKERS";
const NEWEST: &str = "NEWEST";

/// A worker's device and model, as chosen at its cold start.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct WorkerReport {
    /// The worker's name.
    pub worker: String,
    /// When it last said so.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// Whether images can be drawn.
    pub sdxl_available: bool,
    /// `cpu` or `cuda`; `none` of a worker that cannot draw.
    pub device: String,
    /// Whether the base model is open.
    pub base_model_loaded: bool,
    /// Whether the refiner is open.
    pub refiner_model_loaded: bool,
    /// Whether images are refined unless asked otherwise.
    pub refinement_enabled: bool,
    /// What computes: `flex`, `ndarray` or `cuda`.
    pub backend: String,
    /// The device's own name.
    pub device_name: String,
    /// Of a CUDA device.
    pub compute_capability: Option<String>,
    /// `f32`, `bf16`, `f16` or `int8`.
    pub precision: String,
    /// Why not CUDA, or why nothing at all.
    pub fallback_reason: Option<String>,
    /// The model's name.
    pub model: String,
    /// The worker's version.
    pub version: String,
    /// Seconds from its start to being ready.
    pub cold_start_seconds: f64,
}

impl Store {
    /// Writes what a worker reports of itself, in the place of what the one before reported.
    ///
    /// # Errors
    /// Returns [`Unavailable`](crate::Error::Unavailable) if DynamoDB fails.
    pub async fn report_worker(&self, report: &WorkerReport) -> Result<()> {
        let row = rows::write(WORKERS, NEWEST, report)?;
        self.client.put_item().table_name(&self.table).set_item(Some(row)).send().await.map_err(rows::failed)?;
        Ok(())
    }

    /// The newest report of a worker.
    ///
    /// # Errors
    /// Returns [`Unavailable`](crate::Error::Unavailable) if DynamoDB fails.
    pub async fn newest_worker(&self) -> Result<Option<WorkerReport>> {
        let newest = rows::key(WORKERS, NEWEST);
        let query = self.client.get_item().table_name(&self.table).set_key(Some(newest));
        query.send().await.map_err(rows::failed)?.item.map(rows::read).transpose()
    }
}
