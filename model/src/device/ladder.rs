//! The ladder: the kinds of devices that are asked in turn, the fastest first, and what came of it.

use serde::Serialize;

use super::backend::Backend;
use super::findings::{Findings, ProbeResult};

/// One kind of device, and why it computes or does not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Rung {
    /// The backend behind it.
    pub backend: Backend,
    /// Whether it computes.
    pub is_used: bool,
    /// What speaks for it, or against it.
    pub reason: String,
    /// Every probe that ran; none on the CPU, which is always there.
    pub probes: Vec<ProbeResult>,
}

/// Asks the `backends` in turn and takes the first device that there is; further ones are asked only to know of them, with
/// `is_whole`. `ask` probes a backend; `describe` says what speaks for a device.
pub(super) fn climb<D>(
    backends: &[Backend],
    is_whole: bool,
    mut ask: impl FnMut(Backend, &mut Findings) -> Option<D>,
    describe: impl Fn(&D) -> String,
) -> (Vec<Rung>, Option<D>) {
    let (mut rungs, mut taken): (Vec<Rung>, Option<D>) = (Vec::new(), None);
    for &backend in backends {
        if taken.is_some() && !is_whole {
            break;
        }
        let mut findings = Findings::default();
        let found = ask(backend, &mut findings);
        let refused = || {
            let failed = findings.0.iter().find(|result| !result.passed);
            failed.map_or_else(|| "no device passed the probes".to_owned(), |result| result.detail.clone())
        };
        let (is_used, reason) = match (&found, rungs.iter().find(|rung| rung.is_used)) {
            (None, _) => (false, refused()),
            (Some(device), None) => (true, describe(device)),
            (Some(device), Some(first)) => {
                (false, format!("{}, but {} comes first", describe(device), first.backend.described()))
            }
        };
        rungs.push(Rung { backend, is_used, reason, probes: findings.0 });
        if is_used {
            taken = found;
        }
    }
    (rungs, taken)
}

/// Why none of the rungs above the one that is used is; nothing where there are none.
pub(super) fn fallback_reason(rungs: &[Rung]) -> Option<String> {
    let above = rungs.iter().take_while(|rung| !rung.is_used);
    let reasons: Vec<_> = above.map(|rung| format!("{}: {}", rung.backend.described(), rung.reason)).collect();
    (!reasons.is_empty()).then(|| reasons.join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use Backend::{Cuda, Metal, Vulkan};

    /// A backend's answers: probes with what they found, and the device if all of them passed.
    type Answers = (Backend, &'static [(&'static str, Result<&'static str, &'static str>)]);

    const NO_DRIVER: Answers = (Cuda, &[("build", Ok("built in")), ("driver", Err("no CUDA driver"))]);
    const NOT_BUILT: Answers = (Cuda, &[("build", Err("no CUDA support"))]);
    const TOO_NEW: Answers = (Cuda, &[("driver", Ok("one")), ("matrix product", Err("NVRTC: invalid architecture"))]);
    const CARD: Answers = (Cuda, &[("driver", Ok("one")), ("matrix product", Ok("agrees"))]);
    const RADEON: Answers = (Vulkan, &[("device", Ok("Radeon")), ("attention", Ok("agrees"))]);
    const SOFTWARE: Answers = (Vulkan, &[("device", Err("llvmpipe computes on the CPU"))]);
    const CRASHED: Answers = (Vulkan, &[("driver", Err("the probe was ended by signal: 11 (SIGSEGV)"))]);
    const SMALL: Answers = (Metal, &[("device", Ok("M1")), ("memory", Err("3.0 GiB free, 7.0 GiB needed"))]);

    #[test]
    fn the_first_device_that_passes_is_taken_and_every_reason_is_kept() {
        // What each backend answers, which one computes, and what is said of those above it.
        let table: [(&[Answers], Option<Backend>, Option<&str>); 8] = [
            (&[CARD, RADEON], Some(Cuda), None),
            (&[TOO_NEW, RADEON], Some(Vulkan), Some("CUDA: NVRTC: invalid architecture")),
            (&[NO_DRIVER, RADEON], Some(Vulkan), Some("CUDA: no CUDA driver")),
            (&[NO_DRIVER, SOFTWARE], None, Some("CUDA: no CUDA driver; Vulkan: llvmpipe computes on the CPU")),
            (
                &[NOT_BUILT, CRASHED],
                None,
                Some("CUDA: no CUDA support; Vulkan: the probe was ended by signal: 11 (SIGSEGV)"),
            ),
            (&[NO_DRIVER, SMALL], None, Some("CUDA: no CUDA driver; Metal: 3.0 GiB free, 7.0 GiB needed")),
            (&[RADEON], Some(Vulkan), None),
            (&[], None, None),
        ];
        for (answers, taken, reason) in table {
            let backends: Vec<_> = answers.iter().map(|(backend, _)| *backend).collect();
            for is_whole in [false, true] {
                let mut asked = Vec::new();
                let ask = |backend, findings: &mut Findings| {
                    asked.push(backend);
                    let (_, probes) = answers.iter().find(|(of, _)| *of == backend).expect("it has answers");
                    let noted = |&(probe, answer): &(&str, Result<&str, &str>)| {
                        findings.ask(probe, answer.map(str::to_owned).map_err(str::to_owned))
                    };
                    // All are asked, whatever the first ones say.
                    let passed: Vec<bool> = probes.iter().map(noted).collect();
                    passed.into_iter().all(|passed| passed).then_some(backend)
                };
                let (rungs, device) = climb(&backends, is_whole, ask, |backend| format!("{backend} computes"));
                assert_eq!(device, taken);
                assert_eq!(fallback_reason(&rungs).as_deref(), reason);
                let used: Vec<_> = rungs.iter().filter(|rung| rung.is_used).map(|rung| rung.backend).collect();
                assert_eq!(used, Vec::from_iter(taken));
                let all = is_whole || taken.is_none();
                let until = taken.and_then(|taken| backends.iter().position(|backend| *backend == taken));
                let expected = if all { backends.len() } else { until.map_or(0, |place| place + 1) };
                assert_eq!((asked.len(), rungs.len()), (expected, expected), "no more than was needed is asked");
                assert!(rungs.iter().all(|rung| !rung.reason.is_empty() && !rung.probes.is_empty()));
            }
        }
    }

    #[test]
    fn a_second_device_that_would_do_says_what_comes_first() {
        let (rungs, _) =
            climb(&[Cuda, Vulkan], true, |backend, _| Some(backend), |device| format!("{device} computes"));
        assert_eq!(rungs[1].reason, "vulkan computes, but CUDA comes first");
    }
}
