//! The probes of Vulkan and Metal.
//!
//! They run in a process of their own. To ask a graphics driver anything is to load it: code that comes with the system and
//! the card and runs inside whatever program asks. Where it is broken, or where it cannot compile a kernel, it ends the
//! program instead of returning an error, and no `catch_unwind` helps. A service that computes on the CPU must not end
//! because a driver that it would never use was asked.

use std::process::{Command, ExitCode};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::adapter::{Adapter, candidates};
use super::findings::Findings;
use super::gpu::{Gpu, GpuMemory, sized};
use super::memory;
use super::probe;
use super::probe_process;
use super::question::Question;
use super::wgpu::{Driver, Opened, built_in};
use crate::precision::Precision;

/// The argument by which this program probes for another of its kind.
const ARGUMENT: &str = "--probe-device";
/// Long enough for a driver that compiles every variant of every kernel for the first time.
const PATIENCE: Duration = Duration::from_secs(300);
/// More bytes than the largest model takes, so that nobody asks for more.
const ENOUGH: u64 = 24 << 30;

/// Whether this program answers when it is called with [`ARGUMENT`].
static ANSWERS: AtomicBool = AtomicBool::new(false);

#[derive(Debug, Serialize, Deserialize)]
struct Answer {
    findings: Findings,
    passed: Option<Passed>,
}

/// The device that passed.
#[derive(Debug, Serialize, Deserialize)]
struct Passed {
    /// Among all of its driver's.
    place: usize,
    name: String,
    precision: Precision,
    /// Bytes that were free.
    granted: u64,
}

/// Answers the question that another process of this program asks, if it was started for that. A program that calls this
/// first of all has its devices probed in a process of their own.
#[must_use]
pub fn answer_probe() -> Option<ExitCode> {
    ANSWERS.store(true, Ordering::Relaxed);
    let mut arguments = std::env::args().skip(1);
    if arguments.next().as_deref() != Some(ARGUMENT) {
        return None;
    }
    let Some(Ok(question)) = arguments.next().map(|text| serde_json::from_str::<Question>(&text)) else {
        return Some(ExitCode::from(2));
    };
    let mut findings = Findings::default();
    let driver = Driver::load(question.backend);
    let passed = run(&driver, question, &mut findings).map(|(passed, _)| passed);
    let Ok(answer) = serde_json::to_string(&Answer { findings, passed }) else { return Some(ExitCode::FAILURE) };
    println!("{answer}");
    Some(ExitCode::SUCCESS)
}

/// Probes the devices of a backend until one passes.
pub(super) fn examine(question: Question, findings: &mut Findings) -> Option<Gpu> {
    if !findings.ask("build", built_in(question.backend)) {
        return None;
    }
    let (adapter, passed, opened) = if ANSWERS.load(Ordering::Relaxed) {
        let answer = ask_process(question).map_err(|reason| findings.ask("driver", Err(reason))).ok()?;
        findings.0.extend(answer.findings.0);
        open(question, answer.passed?).map_err(|reason| findings.ask("device", Err(reason))).ok()?
    } else {
        let driver = Driver::load(question.backend);
        let (passed, opened) = run(&driver, question, findings)?;
        (driver.adapters().swap_remove(passed.place), passed, opened)
    };
    let shares_memory = adapter.kind.shares_memory();
    Some(Gpu {
        name: adapter.name,
        compute_capability: None,
        precision: passed.precision,
        memory: if shares_memory { GpuMemory::Host } else { GpuMemory::Granted(passed.granted) },
        device: opened.device,
    })
}

/// Has another process of this program find out.
fn ask_process(question: Question) -> Result<Answer, String> {
    let program = std::env::current_exe().map_err(|error| format!("this program is not found: {error}"))?;
    let text = serde_json::to_string(&question).map_err(|error| error.to_string())?;
    let mut command = Command::new(program);
    command.arg(ARGUMENT).arg(text);
    let answer = probe_process::ask(command, PATIENCE)?;
    serde_json::from_str(&answer).map_err(|error| format!("the probe's answer is not understood: {error}"))
}

/// Opens in this process what passed in the other.
fn open(question: Question, passed: Passed) -> Result<(Adapter, Passed, Opened), String> {
    let driver = Driver::load(question.backend);
    let adapter = driver.adapters().into_iter().nth(passed.place).filter(|adapter| adapter.name == passed.name);
    let adapter = adapter.ok_or_else(|| format!("{} is no longer where it was found", passed.name))?;
    let opened = driver.open(passed.place)?;
    Ok((adapter, passed, opened))
}

/// Probes the devices of a driver in this process until one passes.
fn run(driver: &Driver, question: Question, findings: &mut Findings) -> Option<(Passed, Opened)> {
    let adapters = driver.adapters();
    let places = candidates(&adapters, question.backend, question.number, question.is_named);
    let places = places.map_err(|reason| findings.ask("driver", Err(reason))).ok()?;
    let found = format!("{} driver with {} device(s)", question.backend.described(), adapters.len());
    findings.ask("driver", Ok(found));
    places.into_iter().find_map(|place| try_adapter(driver, (place, &adapters[place]), question, findings))
}

fn try_adapter(
    driver: &Driver,
    (place, adapter): (usize, &Adapter),
    Question { requirement, .. }: Question,
    findings: &mut Findings,
) -> Option<(Passed, Opened)> {
    findings.ask("device", Ok(adapter.described()));
    let precision = adapter.precision(requirement.precision);
    let precision = precision.map_err(|reason| findings.ask("precision", Err(reason))).ok()?;
    if !findings.ask("buffers", adapter.buffer(requirement)) {
        return None;
    }
    let opened = driver.open(place);
    let refused = |reason| format!("{} cannot be opened: {reason}", adapter.name);
    let opened = opened.map_err(|reason| findings.ask("device", Err(refused(reason)))).ok()?;
    let granted = if adapter.kind.shares_memory() {
        memory::available()
    } else {
        opened.granted(ENOUGH.max(requirement.memory), adapter.largest_tensor)
    };
    let or_more = if granted < ENOUGH { "" } else { " or more" };
    let (free, needed) = (sized(granted), sized(requirement.memory));
    let sizes = format!("{} has {free}{or_more} free, {needed} needed", adapter.name);
    if !findings.ask("memory", if granted >= requirement.memory { Ok(sizes) } else { Err(sizes) }) {
        return None;
    }
    let name = adapter.name.clone();
    probe::run(&opened.device, precision, &name, findings)
        .then_some((Passed { place, name, precision, granted }, opened))
}
