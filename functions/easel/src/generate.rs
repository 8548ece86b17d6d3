//! `easel generate`: from a prompt to picture files.

use std::collections::BTreeMap;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::path::{Path, PathBuf};
use std::time::Instant;

use easel_generate::model_choice::{ModelChoice, NamedModels};
use easel_generate::picture;
use easel_generate::record::Record;
use easel_generate::temporary::{TemporaryFolder, uninterrupted};
use easel_model::{Cache, DeviceChoice, Generation, Model, Request, Retention, Trace, memory};
use image::RgbImage;

use crate::arguments::GenerateArguments;
use crate::cache;
use crate::failure::Failure;
use crate::output;
use crate::output_files::{self, OutputFiles};
use crate::pairs::{guidance_interval, pair};
use crate::progress::ProgressDisplay;
use crate::pull;
use crate::report::Report;
use crate::units;

/// What may take long comes last, so that what is wrong with the command line shows at once.
pub(crate) fn run(arguments: GenerateArguments) -> Result<(), Failure> {
    let began = Instant::now();
    arguments.computation.start_threads()?;
    let preference = arguments.computation.device.preference()?;
    let precision = arguments.computation.device.precision()?;
    let mut request = request(&arguments)?;
    let files = OutputFiles::new(arguments.output.as_deref(), request.seed, request.count)?;
    if let Some(path) = &arguments.trace {
        output_files::check(path, "--trace")?;
    }
    request.init = arguments.init.as_deref().map(picture::load).transpose()?;

    let [model, refiner, tiny_vae] = pull::fetched([
        ("--model", arguments.model.as_deref()),
        ("--refiner", arguments.refiner.as_deref().filter(|_| !arguments.no_refiner)),
        ("--tiny-vae", arguments.tiny_vae.as_deref()),
    ])?;
    let choice = ModelChoice::open(&NamedModels {
        options: ["--model", "--refiner", "--tiny-vae"],
        model: model.as_deref(),
        refiner: refiner.as_deref(),
        no_refiner: arguments.no_refiner,
        tiny_vae: tiny_vae.as_deref(),
    })?;
    if arguments.steps.is_none() {
        request.steps = choice.default_steps();
    }
    request.use_refiner = choice.refiner.is_some();
    if arguments.high_noise_frac.is_some() && !request.use_refiner {
        let message = "--high-noise-frac: there is no refiner to hand over to: give --refiner PATH";
        return Err(Failure::wrong_use(message));
    }
    let mut timings = BTreeMap::from([("open", began.elapsed().as_secs_f64())]);

    let choosing = Instant::now();
    let device =
        DeviceChoice::select(preference, Model::requirement(&choice.base, choice.refiner.as_ref(), precision)?)?;
    timings.insert("device", choosing.elapsed().as_secs_f64());
    introduce(&choice, &device, &request, arguments.seed.is_none());

    let ModelChoice { base, refiner, ref name, ref refiner_name, ref tiny_vae_name, .. } = choice;
    let model = Model::from_sources(base, refiner, &device, Retention::OneShot, cache::folder().map(Cache::new));
    let (generation, pictures) = draw(&model, request, arguments.trace.is_some())?;

    let saving = Instant::now();
    let init = arguments.init.as_deref().and_then(Path::file_name).map(|name| name.to_string_lossy());
    let record = Record {
        easel: env!("CARGO_PKG_VERSION"),
        request: generation.request(),
        model: name,
        refiner: refiner_name.as_deref(),
        tiny_vae: tiny_vae_name.as_deref(),
        device: device.kind(),
        backend: device.backend,
        precision: device.precision,
        init: init.as_deref(),
        index: 0,
    };
    let paths = save(&pictures, &files, record)?;
    if let (Some(path), Some(trace)) = (&arguments.trace, generation.trace()) {
        save_trace(trace, path)?;
    }
    timings.extend(generation.timings());
    timings.insert("save", saving.elapsed().as_secs_f64());
    timings.insert("total", began.elapsed().as_secs_f64());

    let request = generation.request();
    let report = Report {
        files: paths.iter().map(|path| path.display().to_string()).collect(),
        seed: request.seed,
        device: device.kind(),
        device_name: device.name.clone(),
        compute_capability: device.compute_capability.clone(),
        backend: device.backend,
        precision: device.precision,
        fallback_reason: device.fallback_reason.clone(),
        model: name.clone(),
        refiner: refiner_name.clone(),
        tiny_vae: tiny_vae_name.clone(),
        width: request.width,
        height: request.height,
        steps: request.steps,
        guidance_scale: request.guidance_scale,
        scheduler: request.scheduler,
        warnings: generation.warnings().to_vec(),
        timings,
        peak_memory_bytes: memory::peak(),
        trace: arguments.trace.as_ref().map(|path| path.display().to_string()),
        version: env!("CARGO_PKG_VERSION"),
    };
    conclude(&report);
    if arguments.json { output::json(&report) } else { output::result(&report.files.join("\n")) }
}

/// The request that the command line makes; the model's defaults come later.
fn request(arguments: &GenerateArguments) -> Result<Request, Failure> {
    let defaults = Request::new(&arguments.prompt);
    let size = arguments.original_size.as_deref().map(|text| {
        let advice = "is not a width and a height such as 1024x768";
        pair(text, 'x').ok_or_else(|| Failure::wrong_use(format!("--original-size: `{text}` {advice}")))
    });
    let crop = arguments.crop_top_left.as_deref().map(|text| {
        let advice = "is not the pixels from the left and from the top such as 0,128";
        pair(text, ',').ok_or_else(|| Failure::wrong_use(format!("--crop-top-left: `{text}` {advice}")))
    });
    let request = Request {
        guidance_interval: arguments.guidance_interval.as_deref().map(guidance_interval).transpose()?,
        negative_prompt: arguments.negative_prompt.clone(),
        width: arguments.width,
        height: arguments.height,
        steps: arguments.steps.unwrap_or(defaults.steps),
        guidance_scale: arguments.guidance_scale.unwrap_or(defaults.guidance_scale),
        guidance_rescale: arguments.guidance_rescale.unwrap_or(defaults.guidance_rescale),
        reuse_features: arguments.reuse_features.unwrap_or(defaults.reuse_features),
        seed: arguments.seed.unwrap_or_else(random_seed),
        count: arguments.count,
        scheduler: arguments.scheduler.as_deref().map(str::parse).transpose()?,
        high_noise_frac: arguments.high_noise_frac.unwrap_or(defaults.high_noise_frac),
        original_size: size.transpose()?.map(|(width, height)| (height, width)),
        crop_top_left: crop.transpose()?.map_or(defaults.crop_top_left, |(left, top)| (top, left)),
        strength: arguments.strength.unwrap_or(defaults.strength),
        ..defaults
    };
    request.validate()?;
    Ok(request)
}

/// A seed that can be remembered: other tools have 32 bits.
fn random_seed() -> u64 {
    RandomState::new().build_hasher().finish() & u64::from(u32::MAX)
}

fn introduce(choice: &ModelChoice, device: &DeviceChoice, request: &Request, seed_was_drawn: bool) {
    let refiner = choice.refiner_name.as_ref().map(|name| format!(", refiner: {name}")).unwrap_or_default();
    let tiny_vae = choice.tiny_vae_name.as_ref().map(|name| format!(", tiny VAE: {name}")).unwrap_or_default();
    output::note(&format!("Model: {}{refiner}{tiny_vae}", choice.name));
    if choice.is_demo() {
        output::note(
            "  This is the small demo model. It draws prompts such as `a large red heart on a blue background`; for any \
             prompt give it real SDXL weights: --model PATH (a diffusers folder or a .safetensors file).",
        );
    }
    let capability = device.compute_capability.as_ref().map(|version| format!(", compute capability {version}"));
    output::note(&format!(
        "Device: {} ({}, {}{})",
        device.name,
        device.backend,
        device.precision,
        capability.unwrap_or_default()
    ));
    if let Some(reason) = &device.fallback_reason {
        output::note(&format!("  Not CUDA: {reason}"));
    }
    if seed_was_drawn {
        output::note(&format!(
            "Seed: {} (drawn at random; --seed {} draws this picture again)",
            request.seed, request.seed
        ));
    }
}

/// Draws the pictures, showing how far it is.
fn draw(model: &Model, request: Request, traced: bool) -> Result<(Generation, Vec<RgbImage>), Failure> {
    let progress = ProgressDisplay::new();
    progress.begin("reading the prompt");
    let mut generation = if traced { model.start_traced(request)? } else { model.start(request)? };
    for warning in generation.warnings() {
        progress.note(&format!("Warning: {warning}"));
    }
    while let Some(done) = generation.advance()? {
        progress.step(&done);
    }
    progress.begin("decoding the picture");
    let pictures = generation.finish()?;
    Ok((generation, pictures))
}

/// Writes every picture with its record.
fn save(pictures: &[RgbImage], files: &OutputFiles, mut record: Record<'_>) -> Result<Vec<PathBuf>, Failure> {
    let paths = files.paths(pictures.len());
    for (index, (path, picture)) in paths.iter().zip(pictures).enumerate() {
        record.index = index;
        let metadata = record.metadata()?;
        uninterrupted(|| picture::save(path, picture, &metadata))?;
    }
    Ok(paths)
}

/// Writes the trace beside its place, then moves it there.
fn save_trace(trace: &Trace, path: &Path) -> Result<(), Failure> {
    let failed = |error: std::io::Error| Failure::failed(format!("writing {}: {error}", path.display()));
    let folder = TemporaryFolder::inside(output_files::folder_of(path)).map_err(failed)?;
    let whole = folder.path().join("trace.safetensors");
    trace.save(&whole)?;
    std::fs::rename(&whole, path).map_err(failed)
}

fn conclude(report: &Report) {
    let stage = |name: &&str| report.timings.get(name).map(|&time| format!("{name} {}", units::seconds(time)));
    let stages = ["open", "device", "text", "encode", "load", "base", "refiner", "decode", "save"];
    let stages: Vec<_> = stages.iter().filter_map(stage).collect();
    output::note(&format!(
        "Done in {}: {}; most memory {}",
        units::seconds(report.timings.get("total").copied().unwrap_or_default()),
        stages.join(", "),
        units::bytes(report.peak_memory_bytes)
    ));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drawn_seeds_differ() {
        assert_ne!((random_seed(), random_seed()), (random_seed(), random_seed()));
    }
}
