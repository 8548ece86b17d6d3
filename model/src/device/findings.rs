//! What probes found out about one kind of device.

use serde::{Deserialize, Serialize};

/// The result of one probe of a device, for `easel doctor`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProbeResult {
    /// What was probed.
    pub probe: String,
    /// Whether the device may be used as far as this probe goes.
    pub passed: bool,
    /// What was found, or what is wrong.
    pub detail: String,
}

/// The results of probes, in the order in which they ran.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Findings(pub(super) Vec<ProbeResult>);

impl Findings {
    /// Notes the answer of a probe; whether it passed.
    pub(super) fn ask(&mut self, probe: &str, answer: Result<String, String>) -> bool {
        let passed = answer.is_ok();
        let detail = answer.unwrap_or_else(|reason| reason);
        self.0.push(ProbeResult { probe: probe.into(), passed, detail });
        passed
    }
}
