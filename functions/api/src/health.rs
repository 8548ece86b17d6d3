//! What workers are like: for everybody, whether images can be drawn; for those who run the service, more.

use easel_storage::store::{DeviceRung, ModelDefaults, WorkerReport};
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use crate::services::Services;

/// Whether and on what images can be drawn: what a worker last reported, the best one if there are several.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct HealthView {
    /// Whether there is a worker that can draw.
    pub(crate) sdxl_available: bool,
    /// `cpu`, `cuda`, `vulkan` or `metal`; `none` if the worker cannot draw, null before there was one.
    pub(crate) device: Option<String>,
    /// Whether the base model is open.
    pub(crate) base_model_loaded: bool,
    /// Whether the refiner is open.
    pub(crate) refiner_model_loaded: bool,
    /// Whether images are refined unless asked otherwise.
    pub(crate) refinement_enabled: bool,
    /// What computes.
    pub(crate) backend: Option<String>,
    /// The device's own name.
    pub(crate) device_name: Option<String>,
    /// Of a CUDA device.
    pub(crate) compute_capability: Option<String>,
    /// `f32`, `bf16`, `f16` or `int8`.
    pub(crate) precision: Option<String>,
    /// Why faster kinds of devices are not used, or why nothing at all. Reviewers find more in `/v1/metrics`.
    pub(crate) fallback_reason: Option<String>,
    /// The kinds of devices that were asked in turn, the last of which computes; empty if the worker cannot draw.
    pub(crate) ladder: Vec<DeviceRung>,
    /// The model's name.
    pub(crate) model: Option<String>,
    /// What the model that draws unless a task names another does where nothing else is asked for.
    pub(crate) defaults: Option<ModelDefaults>,
    /// The API's version.
    pub(crate) version: String,
    /// When the worker reported it.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub(crate) reported_at: Option<Timestamp>,
    /// How long ago that is.
    pub(crate) report_age_seconds: Option<f64>,
    /// Whether somebody has paused the whole queue, so that nothing waiting is drawn for now.
    pub(crate) queue_paused: bool,
    /// How much may be asked for.
    pub(crate) limits: LimitsView,
}

/// How much may be asked for. Work is in megapixel-evaluations: `count × width × height × evaluations / 10⁶`, where a step
/// of a guided image is two evaluations, and twice as many with the scheduler `heun`.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub(crate) struct LimitsView {
    /// Most work of one task.
    pub(crate) work: f64,
    /// Most work of one step of a task, where there is such a limit.
    pub(crate) step_work: Option<f64>,
    /// Most tasks of one person that wait.
    pub(crate) waiting_tasks: u64,
    /// Most work of one person that waits.
    pub(crate) waiting_work: f64,
    /// Most uploads that one person asks for on one day (UTC).
    pub(crate) uploads_a_day: u64,
}

impl LimitsView {
    /// The limits of these services.
    #[must_use]
    pub(crate) fn of(services: &Services) -> Self {
        let limits = services.workflow.store.limits();
        Self {
            work: limits.max_work,
            step_work: limits.max_step_work,
            waiting_tasks: limits.max_waiting,
            waiting_work: limits.max_waiting_work,
            uploads_a_day: services.uploads_a_day,
        }
    }
}

impl HealthView {
    /// Health from what workers last reported, the newest first. Everybody sees it, so it says nothing of where and on what
    /// files a worker runs.
    #[must_use]
    pub(crate) fn new(reports: Vec<WorkerReport>, limits: LimitsView, now: Timestamp) -> Self {
        let version = env!("CARGO_PKG_VERSION").to_owned();
        let newest = reports.first().map(|report| report.at);
        // Of workers that still speak, one that can draw; sorting keeps the newest of equals first.
        let mut reports = reports;
        reports.sort_by_key(|report| (!report.is_fresh(now), !report.sdxl_available));
        let Some(report) = reports.into_iter().next() else {
            return Self {
                sdxl_available: false,
                device: None,
                base_model_loaded: false,
                refiner_model_loaded: false,
                refinement_enabled: false,
                backend: None,
                device_name: None,
                compute_capability: None,
                precision: None,
                fallback_reason: None,
                ladder: Vec::new(),
                model: None,
                defaults: None,
                version,
                reported_at: None,
                report_age_seconds: None,
                queue_paused: false,
                limits,
            };
        };
        let is_fresh = report.is_fresh(now);
        let fallback_reason = match newest.filter(|_| !is_fresh) {
            Some(newest) => Some(format!("no worker has been heard of since {newest}")),
            None if report.sdxl_available => report.fallback_reason,
            None => Some("the worker cannot open its model or its device".to_owned()),
        };
        Self {
            sdxl_available: report.sdxl_available && is_fresh,
            device: Some(report.device),
            base_model_loaded: report.base_model_loaded && is_fresh,
            refiner_model_loaded: report.refiner_model_loaded && is_fresh,
            refinement_enabled: report.refinement_enabled,
            backend: Some(report.backend),
            device_name: Some(report.device_name),
            compute_capability: report.compute_capability,
            precision: Some(report.precision),
            fallback_reason,
            ladder: if report.sdxl_available { report.ladder } else { Vec::new() },
            model: Some(report.model),
            defaults: report.defaults,
            version,
            reported_at: Some(report.at),
            report_age_seconds: Some(now.duration_since(report.at).as_secs_f64().max(0.0)),
            queue_paused: false,
            limits,
        }
    }
}

/// A worker, for those who run the service. Its name, which is a machine's, is in the log.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct WorkerView {
    /// Whether it can draw.
    pub(crate) sdxl_available: bool,
    /// Whether it has not been heard of for longer than it is ever silent.
    pub(crate) is_silent: bool,
    /// `cpu`, `cuda`, `vulkan` or `metal`; `none` if it cannot draw.
    pub(crate) device: String,
    /// The device's own name.
    pub(crate) device_name: String,
    /// `f32`, `bf16`, `f16` or `int8`.
    pub(crate) precision: String,
    /// Why faster kinds of devices are not used, or why nothing at all.
    pub(crate) fallback_reason: Option<String>,
    /// The model's name.
    pub(crate) model: String,
    /// The worker's version.
    pub(crate) version: String,
    /// When it last reported.
    #[schema(value_type = String, format = DateTime)]
    pub(crate) reported_at: Timestamp,
}

impl WorkerView {
    /// The worker that reported this.
    #[must_use]
    pub(crate) fn new(report: WorkerReport, now: Timestamp) -> Self {
        Self {
            is_silent: !report.is_fresh(now),
            sdxl_available: report.sdxl_available,
            device: report.device,
            device_name: report.device_name,
            precision: report.precision,
            fallback_reason: report.fallback_reason,
            model: report.model,
            version: report.version,
            reported_at: report.at,
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;
    use serde_json::json;

    use super::*;

    const PATH: &str = "/opt/models/secret.safetensors is not there, nor in s3://a-bucket";

    fn report(minutes_ago: i64, available: bool) -> WorkerReport {
        let at = now() - SignedDuration::from_mins(minutes_ago);
        let report = json!({
            "worker": format!("host-{minutes_ago}.internal/7"), "at": at, "sdxl_available": available,
            "device": if available { "cuda" } else { "none" }, "base_model_loaded": available,
            "refiner_model_loaded": false, "refinement_enabled": false, "backend": "cuda", "device_name": "a GPU",
            "precision": "f16", "fallback_reason": (!available).then_some(PATH), "model": format!("model {minutes_ago}"),
            "version": "1", "cold_start_seconds": 1.0,
        });
        serde_json::from_value(report).expect("a report")
    }

    fn limits() -> LimitsView {
        LimitsView { work: 1.0, step_work: None, waiting_tasks: 1, waiting_work: 1.0, uploads_a_day: 1 }
    }

    fn now() -> Timestamp {
        Timestamp::from_second(1_700_000_000).expect("a time")
    }

    #[test]
    fn of_several_workers_one_that_can_draw_counts() {
        let health = |reports: Vec<WorkerReport>| HealthView::new(reports, limits(), now());
        let best = health(vec![report(0, false), report(1, true), report(3, true)]);
        assert_eq!((best.sdxl_available, best.model.as_deref()), (true, Some("model 1")));
        assert_eq!(best.fallback_reason, None);
        let broken = health(vec![report(0, false), report(10, true)]);
        assert_eq!((broken.sdxl_available, broken.device.as_deref()), (false, Some("none")));
        assert!(!health(Vec::new()).sdxl_available);
    }

    #[test]
    fn a_worker_that_has_fallen_silent_cannot_draw() {
        let health = HealthView::new(vec![report(10, true), report(20, true)], limits(), now());
        assert_eq!((health.sdxl_available, health.base_model_loaded), (false, false));
        let reason = health.fallback_reason.expect("a reason");
        assert!(reason.starts_with("no worker has been heard of since 2023-11-14T22:03:20"), "{reason}");
    }

    #[test]
    fn everybody_sees_no_host_path_or_bucket() {
        let public = serde_json::to_string(&HealthView::new(vec![report(0, false)], limits(), now())).expect("JSON");
        for secret in ["host-", "/opt", "a-bucket"] {
            assert!(!public.contains(secret), "{public}");
        }
        let worker = serde_json::to_string(&WorkerView::new(report(0, false), now())).expect("JSON");
        assert!(worker.contains(PATH) && !worker.contains("host-"), "{worker}");
    }
}
