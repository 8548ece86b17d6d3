//! `easel doctor`: what there is to compute with, and what fits.

use std::num::NonZero;
use std::path::PathBuf;

use easel_embedded::s3::PrefixUsage;
use easel_model::bench::{StepRates, step_work};
use easel_model::{
    Backend, DeviceChoice, Model, ModelSource, Precision, ProbeResult, Requirement, Retention, Rung, Shape, examine,
    memory,
};
use easel_models::model_choice::{ModelChoice, NamedModels};
use easel_system::environment;
use serde::Serialize;

use crate::arguments::computation::DeviceArguments;
use crate::arguments::models::ModelArguments;
use crate::command_error::CommandError;
use crate::output;
use crate::serve::DataFolder;
use crate::units;
use clap::Args;

#[derive(Debug, Args)]
pub(crate) struct DoctorArguments {
    #[command(flatten)]
    pub(crate) device: DeviceArguments,
    #[command(flatten)]
    pub(crate) models: ModelArguments,
    /// The data folder of a service, to show what it keeps [default: `easel` in the user's data folder]
    #[arg(long, value_name = "DIR", env = environment::DATA, hide_env_values = true)]
    pub(crate) data: Option<PathBuf>,
    /// Print one JSON object on standard output
    #[arg(long)]
    pub(crate) json: bool,
}

/// Everything that was found out.
#[derive(Debug, Serialize)]
struct Diagnosis {
    version: &'static str,
    /// Threads that this process may run at once.
    threads: usize,
    /// Bytes that can be allocated on this machine.
    available_memory_bytes: u64,
    /// What the CPU's kernels multiply with.
    kernels: Vec<KernelChoice>,
    /// The kinds of devices that were asked in turn, with the answers.
    ladder: Vec<Rung>,
    /// The device asked for: `auto`, or as `--device` says.
    asked_for: String,
    chosen: Option<Chosen>,
    /// Why no device could be chosen.
    error: Option<String>,
    fits: Vec<Fit>,
    /// What the service of this machine keeps, by prefix; nothing where there is none.
    storage: Vec<PrefixUsage>,
}

/// The instructions chosen for one kind of product.
#[derive(Debug, Serialize)]
struct KernelChoice {
    /// The number format: `f32`, `bf16` or `int8`.
    arithmetic: &'static str,
    instructions: String,
    reason: String,
}

#[derive(Debug, Serialize)]
struct Chosen {
    /// `cpu`, `cuda`, `vulkan` or `metal`.
    device: &'static str,
    backend: Backend,
    device_name: String,
    compute_capability: Option<String>,
    precision: Precision,
    fallback_reason: Option<String>,
    free_memory_bytes: u64,
}

/// Whether a model fits into the chosen device's memory, weights held in a precision.
#[derive(Debug, Serialize)]
struct Fit {
    model: String,
    precision: Precision,
    /// With every component in memory, as a service that keeps them has it.
    all_at_once_bytes: u64,
    /// With one component after the other, as `easel generate` does it.
    one_at_a_time_bytes: u64,
    free_memory_bytes: u64,
    /// About how long a guided step of the model's own size takes, by a measurement of this machine; none on a GPU.
    seconds_a_step: Option<f64>,
    verdict: Verdict,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Verdict {
    Fits,
    FitsOneAtATime,
    DoesNotFit,
}

/// Examines this machine and prints what it found.
pub(crate) fn run(arguments: &DoctorArguments) -> Result<(), CommandError> {
    let preference = arguments.device.device;
    let precision = arguments.device.precision();
    let requirement = Requirement { precision, ..Requirement::default() };
    let (ladder, choice) = examine(preference, requirement);
    let chosen = choice.as_ref().ok().map(|choice| Chosen {
        device: choice.kind(),
        backend: choice.backend,
        device_name: choice.name.clone(),
        compute_capability: choice.compute_capability.clone(),
        precision: choice.precision,
        fallback_reason: choice.fallback_reason.clone(),
        free_memory_bytes: choice.free_memory(),
    });
    let diagnosis = Diagnosis {
        version: env!("CARGO_PKG_VERSION"),
        threads: std::thread::available_parallelism().map_or(1, NonZero::get),
        available_memory_bytes: memory::available(),
        ladder,
        asked_for: preference.to_string(),
        fits: match &chosen {
            Some(chosen) => {
                let rates = choice.as_ref().ok().map(StepRates::measure).transpose()?.flatten();
                fits(named_model(&arguments.models), chosen.free_memory_bytes, rates.as_ref())?
            }
            None => Vec::new(),
        },
        kernels: DeviceChoice::kernels()
            .into_iter()
            .map(|(arithmetic, choice)| KernelChoice {
                arithmetic,
                instructions: choice.instructions.to_string(),
                reason: choice.reason,
            })
            .collect(),
        chosen,
        error: choice.as_ref().err().map(ToString::to_string),
        storage: DataFolder::find(arguments.data.as_deref()).map_or_else(|| Ok(Vec::new()), |folder| folder.usage())?,
    };
    if arguments.json {
        output::json(&diagnosis)?
    } else {
        output::result(&text(&diagnosis))?
    }
    choice.map(drop).map_err(CommandError::from)
}

/// The model that the arguments name with its refiner, if it is on this machine.
fn named_model(arguments: &ModelArguments) -> Option<ModelChoice> {
    let is_here =
        |path: &Option<PathBuf>| path.as_ref().is_none_or(|path| path.as_os_str().is_empty() || path.exists());
    let ModelArguments { model, refiner, vae, tiny_vae, prediction } = arguments;
    if model.as_ref().is_none_or(|path| path.as_os_str().is_empty())
        || ![model, refiner, vae, tiny_vae].into_iter().all(is_here)
    {
        return None;
    }
    let opened = ModelChoice::open(&NamedModels {
        options: ["--model", "--refiner", "--vae", "--tiny-vae"],
        model: model.as_deref(),
        refiner: refiner.as_deref(),
        no_refiner: false,
        vae: vae.as_deref(),
        tiny_vae: tiny_vae.as_deref(),
        prediction: *prediction,
        retention: Retention::OneShot,
        cache: None,
    });
    // What is wrong with a model is no reason to say nothing of the machine.
    opened.inspect_err(|error| output::note(&format!("The model cannot be opened: {error}"))).ok()
}

/// What each model needs, from the names and shapes of its tensors: the one that was named, and those that there are.
fn fits(named: Option<ModelChoice>, free: u64, rates: Option<&StepRates>) -> Result<Vec<Fit>, CommandError> {
    let demo = ModelSource::random(Shape::Demo)?;
    let base = ModelSource::random(Shape::SdxlBase)?;
    let refiner = ModelSource::random(Shape::SdxlRefiner)?;
    let named = named.as_ref().map(|choice| {
        let refiner = choice.refiner_name.as_ref().map(|name| format!(" + {name}")).unwrap_or_default();
        (format!("{}{refiner}", choice.name), &choice.base, choice.refiner.as_ref())
    });
    let known = [("demo", &demo, None), ("SDXL base", &base, None), ("SDXL base + refiner", &base, Some(&refiner))];
    let models = named.into_iter().chain(known.map(|(name, base, refiner)| (name.to_owned(), base, refiner)));
    let mut fits = Vec::new();
    for (model, base, refiner) in models {
        for precision in [Precision::F32, Precision::Bf16, Precision::Int8] {
            // Packed weights have one precision.
            let Ok(requirement) = Model::requirement(base, refiner, Some(precision)) else { continue };
            let one_at_a_time_bytes = requirement.memory;
            let seconds_a_step = rates.and_then(|rates| rates.seconds(precision, step_work(base, (None, None), true)));
            let all_at_once_bytes = Model::memory_at_once(base, refiner, precision);
            let verdict = verdict(all_at_once_bytes, one_at_a_time_bytes, free);
            fits.push(Fit {
                model: model.clone(),
                precision,
                all_at_once_bytes,
                one_at_a_time_bytes,
                free_memory_bytes: free,
                seconds_a_step,
                verdict,
            });
        }
    }
    Ok(fits)
}

fn verdict(all_at_once: u64, one_at_a_time: u64, free: u64) -> Verdict {
    if all_at_once <= free {
        Verdict::Fits
    } else if one_at_a_time <= free {
        Verdict::FitsOneAtATime
    } else {
        Verdict::DoesNotFit
    }
}

fn text(diagnosis: &Diagnosis) -> String {
    let mut lines = vec![
        format!("easel {}", diagnosis.version),
        format!(
            "CPU: {} threads, {} of memory available",
            diagnosis.threads,
            units::bytes(diagnosis.available_memory_bytes)
        ),
    ];
    for KernelChoice { arithmetic, instructions, reason } in &diagnosis.kernels {
        lines.push(format!("  {arithmetic:<4} products: {instructions} ({reason})"));
    }
    for Rung { backend, is_used, reason, probes } in &diagnosis.ladder {
        let verdict = if *is_used { "used" } else { "not used" };
        lines.push(format!("{}: {verdict}; {}", backend.described(), output::escaped(reason)));
        for ProbeResult { probe, passed, detail } in probes {
            let answer = if *passed { "yes" } else { "no " };
            lines.push(format!("  {answer} {probe}: {}", output::escaped(detail)));
        }
    }
    match &diagnosis.chosen {
        Some(chosen) => {
            lines.push(format!(
                "Device `{}` means: {} – {}, {}, {} of memory free",
                diagnosis.asked_for,
                chosen.device_name,
                chosen.backend.described(),
                chosen.precision.described(),
                units::bytes(chosen.free_memory_bytes)
            ));
        }
        None => lines.push(format!("Device `{}` cannot be used", diagnosis.asked_for)),
    }
    if !diagnosis.fits.is_empty() {
        lines.push(
            "What fits (memory needed with all of the model at once / with one component after the other), and about how \
             long a guided step takes:"
                .into(),
        );
    }
    for fit in &diagnosis.fits {
        let step = fit.seconds_a_step.map(|time| format!(", {} a step", units::seconds(time))).unwrap_or_default();
        lines.push(format!(
            "  {:<20} {:>4}: {} (needs {} / {}, {} free){step}",
            output::escaped(&fit.model),
            fit.precision.name(),
            fit.verdict.words(),
            units::bytes(fit.all_at_once_bytes),
            units::bytes(fit.one_at_a_time_bytes),
            units::bytes(fit.free_memory_bytes)
        ));
    }
    if !diagnosis.storage.is_empty() {
        lines.push("What the service of this machine keeps:".to_owned());
    }
    for PrefixUsage { prefix, objects, bytes, oldest } in &diagnosis.storage {
        let prefix = output::escaped(prefix);
        lines.push(format!("  {prefix:<13} {objects:>7} objects, {}, the oldest of {oldest}", units::bytes(*bytes)));
    }
    lines.join("\n")
}

impl Verdict {
    fn words(self) -> &'static str {
        match self {
            Self::Fits => "fits",
            Self::FitsOneAtATime => "fits, one component after the other",
            Self::DoesNotFit => "does not fit",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn full_size_needs_what_its_weights_take() {
        let fits = fits(None, 8 << 30, None).expect("known shapes");
        let find = |model, precision| fits.iter().find(|fit| fit.model == model && fit.precision == precision);
        let base = find("SDXL base", Precision::F32).expect("listed");
        // 2,567 M (UNet) + 818 M (text encoders) + 84 M (VAE) numbers of 4 bytes, and room to work.
        let weights = 4 * (2_567_000_000_u64 + 818_000_000 + 84_000_000);
        assert!(base.all_at_once_bytes.abs_diff(weights + (2 << 30)) < 20_000_000, "{base:?}");
        assert_eq!(base.verdict, Verdict::DoesNotFit);
        let both = find("SDXL base + refiner", Precision::Bf16).expect("listed");
        assert_eq!(both.verdict, Verdict::FitsOneAtATime, "{both:?}");
        assert!(both.all_at_once_bytes > find("SDXL base", Precision::Bf16).expect("listed").all_at_once_bytes);
        assert_eq!(find("demo", Precision::F32).expect("listed").verdict, Verdict::Fits);
    }
}
