//! Stands in for Vulkan and Metal in a build without them.

use std::process::ExitCode;

use super::findings::Findings;
use super::gpu::Gpu;
use super::question::Question;

pub(super) fn examine(question: Question, findings: &mut Findings) -> Option<Gpu> {
    let api = question.backend.described();
    findings.ask("build", Err(format!("this build has no {api} support (build with the cargo feature `wgpu`)")));
    None
}

/// Nothing is probed in another process.
#[must_use]
pub fn answer_probe() -> Option<ExitCode> {
    None
}
