//! What workers report of themselves, for `/health`: a row each.

use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Store;
use super::rows::{self, EXPIRES};
use crate::error::Result;

const WORKERS: &str = "WORKERS";
/// The row that workers which start when there is something to do share: each of them has another name.
pub(super) const ON_DEMAND: &str = "ON DEMAND";
/// How long the row of a worker that reports by itself outlives its last report, and that of the others.
const KEPT: SignedDuration = SignedDuration::from_hours(24);
const KEPT_ON_DEMAND: SignedDuration = SignedDuration::from_hours(30 * 24);

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
    /// `cpu`, `cuda`, `vulkan` or `metal`; `none` of a worker that cannot draw.
    pub device: String,
    /// Whether the base model is open.
    pub base_model_loaded: bool,
    /// Whether the refiner is open.
    pub refiner_model_loaded: bool,
    /// Whether images are refined unless asked otherwise.
    pub refinement_enabled: bool,
    /// What computes: `flex`, `ndarray`, `cuda`, `vulkan` or `metal`.
    pub backend: String,
    /// The device's own name.
    pub device_name: String,
    /// Of a CUDA device.
    pub compute_capability: Option<String>,
    /// `f32`, `bf16`, `f16` or `int8`.
    pub precision: String,
    /// Why faster kinds of devices are not used, or why nothing at all.
    pub fallback_reason: Option<String>,
    /// The kinds of devices that were asked in turn, the last of which computes.
    #[serde(default)]
    pub ladder: Vec<DeviceRung>,
    /// The model's name.
    pub model: String,
    /// What the model that draws unless a task names another does where nothing else is asked for.
    #[serde(default)]
    pub defaults: Option<ModelDefaults>,
    /// The worker's version.
    pub version: String,
    /// Seconds from its start to being ready.
    pub cold_start_seconds: f64,
    /// Whether it runs only while there is something to do, as on Lambda, so that its silence says nothing.
    #[serde(default)]
    pub on_demand: bool,
}

/// One kind of device that was asked, and why it computes or does not.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct DeviceRung {
    /// What would compute, as in `backend`.
    pub backend: String,
    /// Whether it computes.
    pub is_used: bool,
    /// What speaks for it, or against it.
    pub reason: String,
}

/// What a model does where nothing else is asked for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ModelDefaults {
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// Denoising steps.
    pub steps: u32,
    /// How closely it follows the prompt.
    pub guidance_scale: f64,
    /// The scheduler.
    pub scheduler: String,
    /// Whether it is the demo model, which draws shapes only.
    pub is_demo: bool,
}

impl WorkerReport {
    /// How often a worker that is not on demand reports.
    pub const PERIOD: Duration = Duration::from_secs(180);
    /// After how many periods of silence a worker counts as gone.
    pub(crate) const SILENT_PERIODS: u32 = 3;

    /// Whether the worker has reported lately, or only does so when it has something to do.
    #[must_use]
    pub fn is_fresh(&self, now: Timestamp) -> bool {
        let silence = now.duration_since(self.at).as_secs_f64();
        self.on_demand || silence < (Self::PERIOD * Self::SILENT_PERIODS).as_secs_f64()
    }
}

impl Store {
    /// Writes what a worker reports of itself, in the place of what it reported before.
    ///
    /// # Errors
    /// Returns [`Unavailable`](crate::Error::Unavailable) if DynamoDB fails.
    pub async fn report_worker(&self, report: &WorkerReport) -> Result<()> {
        let (name, kept) = if report.on_demand { (ON_DEMAND, KEPT_ON_DEMAND) } else { (report.worker.as_str(), KEPT) };
        let mut row = rows::write(WORKERS, name, report)?;
        row.insert(EXPIRES.to_owned(), rows::number((report.at + kept).as_second()));
        self.client.put_item().table_name(&self.table).set_item(Some(row)).send().await.map_err(rows::failed)?;
        Ok(())
    }

    /// The last report of every worker that is still known, the newest first.
    ///
    /// # Errors
    /// Returns [`Unavailable`](crate::Error::Unavailable) if DynamoDB fails.
    pub async fn workers(&self) -> Result<Vec<WorkerReport>> {
        // DynamoDB removes rows that are past their time when it pleases.
        let query = self
            .client
            .query()
            .table_name(&self.table)
            .key_condition_expression("PK = :workers")
            .filter_expression("#expires > :now")
            .expression_attribute_names("#expires", EXPIRES)
            .expression_attribute_values(":workers", AttributeValue::S(WORKERS.to_owned()))
            .expression_attribute_values(":now", rows::number(Timestamp::now().as_second()));
        let found = rows::all(query, None).await?;
        let mut reports: Vec<WorkerReport> = found.into_iter().map(rows::read).collect::<Result<_>>()?;
        reports.sort_by_key(|report| std::cmp::Reverse(report.at));
        Ok(reports)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_counts_where_a_worker_would_have_spoken() {
        let report = |on_demand, silent_for: i64| {
            let at = Timestamp::from_second(1_700_000_000).expect("a time");
            let report = serde_json::json!({
                "worker": "w", "at": at, "sdxl_available": true, "device": "cpu", "base_model_loaded": true,
                "refiner_model_loaded": false, "refinement_enabled": false, "backend": "flex", "device_name": "a CPU",
                "precision": "f32", "model": "demo", "version": "1", "cold_start_seconds": 1.0, "on_demand": on_demand,
            });
            let report: WorkerReport = serde_json::from_value(report).expect("a report");
            report.is_fresh(at + SignedDuration::from_secs(silent_for))
        };
        assert!(report(false, 0) && report(false, 539) && !report(false, 540) && !report(false, 86_400));
        assert!(report(true, 86_400));
    }
}
