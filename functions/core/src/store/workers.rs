//! What workers report of themselves, for `/health`.

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Store, rows};
use crate::error::Result;

const WORKERS: &str = "WORKERS";
/// Seconds that a report is kept.
const KEPT: i64 = 24 * 3600;

/// A worker's device and model, as chosen at its cold start.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct WorkerReport {
    /// The worker's name.
    pub worker: String,
    /// When it last said so.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// Whether pictures can be drawn.
    pub sdxl_available: bool,
    /// `cpu` or `cuda`.
    pub device: String,
    /// Whether the base model is open.
    pub base_model_loaded: bool,
    /// Whether the refiner is open.
    pub refiner_model_loaded: bool,
    /// Whether pictures are refined unless asked otherwise.
    pub refinement_enabled: bool,
    /// What computes: `flex`, `ndarray` or `cuda`.
    pub backend: String,
    /// The device's own name.
    pub device_name: String,
    /// Of a CUDA device.
    pub compute_capability: Option<String>,
    /// `f32`, `bf16` or `f16`.
    pub precision: String,
    /// Why not CUDA.
    pub fallback_reason: Option<String>,
    /// The model's name.
    pub model: String,
    /// The worker's version.
    pub version: String,
    /// Seconds from its start to being ready.
    pub cold_start_seconds: f64,
}

impl Store {
    /// Writes what a worker reports of itself.
    ///
    /// # Errors
    /// DynamoDB's.
    pub async fn report_worker(&self, report: &WorkerReport) -> Result<()> {
        let mut row = rows::write(WORKERS, &format!("WORKER#{}", report.worker), report)?;
        row.insert(rows::EXPIRES.to_owned(), rows::number(report.at.as_second() + KEPT));
        self.client.put_item().table_name(&self.table).set_item(Some(row)).send().await.map_err(rows::failed)?;
        Ok(())
    }

    /// The newest report of a worker.
    ///
    /// # Errors
    /// DynamoDB's.
    pub async fn newest_worker(&self) -> Result<Option<WorkerReport>> {
        let query = self.client.query().table_name(&self.table).key_condition_expression("PK = :workers");
        let query = query.expression_attribute_values(":workers", AttributeValue::S(WORKERS.to_owned()));
        let found = query.send().await.map_err(rows::failed)?;
        let rows = found.items.unwrap_or_default().into_iter();
        let reports = rows.map(rows::read::<WorkerReport>).collect::<Result<Vec<_>>>()?;
        Ok(reports.into_iter().max_by_key(|report| report.at))
    }
}
