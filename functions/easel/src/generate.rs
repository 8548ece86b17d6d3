//! `easel generate`: from a prompt to image files.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Instant;

use easel_images::{EmbeddingRecord, ImageRecord, LoraRecord};
use easel_model::bench::{NOTICEABLE_WORK, StepRates, largest_step_work};
use easel_model::{
    Control, DeviceChoice, Embedding, Generation, Model, Precision, Request, RequestedLora, ResolvedSettings,
    Retention, Trace, memory,
};
use easel_models::model_choice::{ModelChoice, NamedModels};
use easel_models::packed_weights;
use easel_models::recipes::{self, Recipe};
use easel_system::files::folder_of;
use easel_system::temporary::{TemporaryFolder, uninterrupted};
use image::RgbImage;

use crate::arguments::computation::ComputationArguments;
use crate::arguments::controls::ControlArguments;
use crate::arguments::embeddings::EmbeddingArguments;
use crate::arguments::enlargement::FinalEnlargement;
use crate::arguments::fields::SettingsArguments;
use crate::arguments::hires::{self, HiresArguments};
use crate::arguments::image_prompts::ImagePromptArguments;
use crate::arguments::inpainting::{InpaintingArguments, TRANSPARENCY};
use crate::arguments::loras::LoraArguments;
use crate::arguments::models::ModelArguments;
use crate::cache;
use crate::command_error::CommandError;
use crate::output;
use crate::output_files::{self, OutputFiles};
use crate::progress::ProgressDisplay;
use crate::pull;
use crate::report::Report;
use crate::styles_file;
use crate::units;
use clap::Args;
use easel_domain::draw_seed;
use easel_settings::{PromptSyntax, Settings};

#[derive(Debug, Args)]
pub(crate) struct GenerateArguments {
    #[command(flatten)]
    pub(crate) settings: SettingsArguments,
    #[command(flatten)]
    pub(crate) inpainting: InpaintingArguments,
    #[command(flatten)]
    pub(crate) models: ModelArguments,
    /// Use no refiner
    #[arg(long, overrides_with = "refiner")]
    pub(crate) no_refiner: bool,
    #[command(flatten)]
    pub(crate) embeddings: EmbeddingArguments,
    #[command(flatten)]
    pub(crate) loras: LoraArguments,
    #[command(flatten)]
    pub(crate) hires: HiresArguments,
    /// Enlarge the finished images: by a network of the ESRGAN family (.safetensors or .pth), or by resampling (lanczos), and
    /// by how much [default: the network's own factor; for lanczos 2], such as lanczos:2
    #[arg(long, value_name = "FILE[:SCALE]")]
    pub(crate) upscale: Option<OsString>,
    #[command(flatten)]
    pub(crate) controls: ControlArguments,
    #[command(flatten)]
    pub(crate) image_prompts: ImagePromptArguments,
    #[command(flatten)]
    pub(crate) computation: ComputationArguments,
    /// A style to apply, by its name in the file of styles (repeatable)
    #[arg(long, value_name = "NAME", requires = "styles")]
    pub(crate) style: Vec<String>,
    /// A file of styles, as AUTOMATIC1111 keeps them: a CSV file with name, prompt and negative_prompt
    #[arg(long, value_name = "FILE", requires = "style")]
    pub(crate) styles: Option<PathBuf>,
    /// The file to write: .png, .jpg or .webp; several images are numbered [default: easel-SEED.png, or the next free
    /// number]
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Print one JSON object on standard output
    #[arg(long)]
    pub(crate) json: bool,
    /// Write the tensors on the way from prompt to image to this safetensors file
    #[arg(long, value_name = "FILE")]
    pub(crate) trace: Option<PathBuf>,
}

/// What may take long comes last, so that what is wrong with the command line shows at once.
pub(crate) fn run(arguments: GenerateArguments) -> Result<(), CommandError> {
    let began = Instant::now();
    arguments.computation.start_threads()?;
    let (preference, precision) = (arguments.computation.device.device, arguments.computation.device.precision());
    let mut settings = settings(&arguments)?;
    let files = OutputFiles::new(arguments.output.as_deref(), settings.seed, settings.count)?;
    if let Some(path) = &arguments.trace {
        output_files::check(path, "--trace")?;
    }
    let init_image = arguments.settings.init_image.as_deref();
    let init = arguments.inpainting.read(init_image, &arguments.settings.values, &mut settings)?;
    if init.mask_name.as_deref() == Some(TRANSPARENCY) {
        output::note("Repainted is what is transparent in the init image");
    }
    let (loras, refiner_loras) = (arguments.loras.open(&settings)?, arguments.loras.open_refiner()?);
    let embeddings = arguments.embeddings.open(&settings)?;
    let embedding_records: Vec<_> = embeddings.iter().map(|word| record_of(word)).collect();
    let upscaler = arguments.hires.open(&mut settings)?;
    let upscale =
        arguments.upscale.as_deref().map(|argument| FinalEnlargement::open("--upscale", argument)).transpose()?;
    let (controls, control_records): (Vec<_>, Vec<_>) = arguments.controls.open()?.into_iter().unzip();
    let (image_prompts, image_prompt_records): (Vec<_>, Vec<_>) = arguments.image_prompts.open()?.into_iter().unzip();
    save_control(&arguments.controls, &controls)?;

    let [model, refiner, vae, tiny_vae] = pull::fetched([
        ("--model", arguments.models.model.as_deref()),
        ("--refiner", arguments.models.refiner.as_deref().filter(|_| settings.use_refiner != Some(false))),
        ("--vae", arguments.models.vae.as_deref()),
        ("--tiny-vae", arguments.models.tiny_vae.as_deref()),
    ])?;
    let choice = ModelChoice::open(&NamedModels {
        options: ["--model", "--refiner", "--vae", "--tiny-vae"],
        model: model.as_deref(),
        refiner: refiner.as_deref(),
        no_refiner: settings.use_refiner == Some(false),
        vae: vae.as_deref(),
        tiny_vae: tiny_vae.as_deref(),
        prediction: arguments.models.prediction,
        retention: Retention::OneShot,
        cache: cache::folder().map(packed_weights).transpose()?,
    })?;
    arguments.hires.fill(&mut settings, choice.base.native_side())?;
    let has_refiner = choice.refiner.is_some();
    for (option, is_given) in [
        ("--high-noise-frac", settings.high_noise_frac.is_some()),
        ("--use-refiner", settings.use_refiner == Some(true)),
        ("--refiner-lora", !refiner_loras.is_empty()),
    ] {
        if is_given && !has_refiner {
            return Err(CommandError::wrong_use(format!(
                "{option}: there is no refiner to hand over to: give --refiner PATH"
            )));
        }
    }
    let (lora_records, refiner_lora_records) = (records(&loras)?, records(&refiner_loras)?);
    let known = lora_records.iter().zip(&loras).map(|(record, lora)| (record.name.as_str(), lora.file.metadata()));
    let recipe = recipes::fill(&mut settings, known, &choice.name, choice.base.recipe());
    settings.steps.get_or_insert(choice.default_steps());
    settings.use_refiner = Some(has_refiner);
    let (init_image, mask) = (init.image, init.mask);
    let profile = settings.profile.clone();
    let request = Request {
        init_image,
        mask,
        embeddings,
        loras,
        refiner_loras,
        controls,
        image_prompts,
        ..settings.resolve().into()
    };
    let mut request = request;
    request.validate()?;
    let mut timings = BTreeMap::from([("open", began.elapsed().as_secs_f64())]);

    let choosing = Instant::now();
    if let Some(upscale) = &upscale {
        upscale.check("--upscale", request.image_size(choice.base.native_side())?)?;
    }
    let mut requirement = Model::requirement(&choice.base, choice.refiner.as_ref(), precision)?;
    let of_image = choice.base.memory_of_image(&request.settings, upscaler.as_ref().map(|upscaler| upscaler.shape()));
    requirement.memory += of_image;
    requirement.memory += request.memory_of_adapters(requirement.precision.unwrap_or(Precision::Bf16));
    let device = DeviceChoice::select(preference, requirement)?;
    timings.insert("device", choosing.elapsed().as_secs_f64());
    introduce(&choice, &device, request.settings.seed, !arguments.settings.values.contains_key("seed"));
    for (what, records) in [("LoRA", &lora_records), ("Refiner's LoRA", &refiner_lora_records)] {
        records.iter().for_each(|lora| output::note(&format!("{what}: {} ({})", lora.name, lora.weights)));
    }
    for control in &control_records {
        let kind = control.kind.as_ref().map(|kind| format!("#{kind}")).unwrap_or_default();
        output::note(&format!("Control: {}{kind} looks at {} ({})", control.name, control.image, control.scale));
    }
    for prompt in &image_prompt_records {
        output::note(&format!("Image prompt: {} with {} ({})", prompt.images.join(", "), prompt.name, prompt.scale));
    }
    estimate(&choice, &device, &request.settings, of_image)?;
    if let Some(recipe) = &recipe {
        output::note(&recipe_line(recipe, &request.settings));
    }
    if let Some(profile) = &profile {
        output::note(&profile_line(profile, &request.settings));
    }

    let ModelChoice { base, refiner, ref options, ref name, ref refiner_name, ref vae_name, ref tiny_vae_name, .. } =
        choice;
    let model = Model::from_sources(base, refiner, &device, options);
    request.upscaler = hires::load(upscaler, &device)?;
    let upscale = upscale.map(|upscale| upscale.load(&device)).transpose()?;
    let (generation, images) = generate(&model, request, arguments.trace.is_some())?;
    let upscaling = Instant::now();
    let images = match &upscale {
        Some(upscale) => upscale.enlarge(images)?,
        None => images,
    };
    if upscale.is_some() {
        timings.insert("upscale", upscaling.elapsed().as_secs_f64());
    }

    let saving = Instant::now();
    let init_name =
        arguments.settings.init_image.as_deref().and_then(Path::file_name).map(|name| name.to_string_lossy());
    let record = ImageRecord {
        easel: env!("CARGO_PKG_VERSION"),
        settings: generation.settings(),
        model: name,
        refiner: refiner_name.as_deref(),
        vae: vae_name.as_deref(),
        tiny_vae: tiny_vae_name.as_deref(),
        device: device.kind(),
        backend: device.backend,
        precision: device.precision,
        init: init_name.as_deref(),
        mask: init.mask_name.as_deref(),
        extend: init.extend.as_deref(),
        loras: &lora_records,
        refiner_loras: &refiner_lora_records,
        embeddings: &embedding_records,
        upscale: upscale.as_ref().map(|upscale| &upscale.record),
        controls: &control_records,
        image_prompts: &image_prompt_records,
    };
    let paths = save(&images, &files, &record)?;
    if let (Some(path), Some(trace)) = (&arguments.trace, generation.trace()) {
        save_trace(trace, path)?;
    }
    timings.extend(generation.timings());
    timings.insert("save", saving.elapsed().as_secs_f64());
    timings.insert("total", began.elapsed().as_secs_f64());

    let settings = generation.settings();
    let report = Report {
        files: paths.iter().map(|path| path.display().to_string()).collect(),
        seed: settings.seed,
        device: device.kind(),
        device_name: device.name.clone(),
        compute_capability: device.compute_capability.clone(),
        backend: device.backend,
        precision: device.precision,
        fallback_reason: device.fallback_reason.clone(),
        model: name.clone(),
        refiner: refiner_name.clone(),
        vae: vae_name.clone(),
        tiny_vae: tiny_vae_name.clone(),
        loras: lora_records,
        refiner_loras: refiner_lora_records,
        width: settings.width,
        height: settings.height,
        steps: settings.steps,
        guidance_scale: settings.guidance_scale,
        scheduler: settings.scheduler,
        warnings: all_warnings(&model, &generation),
        timings,
        peak_memory_bytes: memory::peak(),
        trace: arguments.trace.as_ref().map(|path| path.display().to_string()),
        version: env!("CARGO_PKG_VERSION"),
    };
    conclude(&report);
    if arguments.json { output::json(&report) } else { output::result(&report.files.join("\n")) }
}

/// Writes the control image that a preprocessor made, if that was asked for.
fn save_control(arguments: &ControlArguments, controls: &[Control]) -> Result<(), CommandError> {
    let (Some(path), [control, ..]) = (&arguments.save, controls) else { return Ok(()) };
    output_files::check(path, "--save-control")?;
    let failed = |error: image::ImageError| CommandError::failed(format!("writing {}: {error}", path.display()));
    control.image.save_with_format(path, image::ImageFormat::Png).map_err(failed)
}

/// How a trained word is recorded.
fn record_of(embedding: &Embedding) -> EmbeddingRecord {
    EmbeddingRecord { name: embedding.word().to_owned(), digest: embedding.digest().to_owned() }
}

/// How the LoRAs are recorded.
fn records(loras: &[RequestedLora]) -> Result<Vec<LoraRecord>, CommandError> {
    let record = |RequestedLora { file, weights }: &RequestedLora| {
        Ok(LoraRecord {
            name: file.name(),
            weights: weights.to_string(),
            digest: file.digest().to_owned(),
            short_hash: file.short_hash()?,
        })
    };
    loras.iter().map(record).collect()
}

/// The settings that the command line gives; the model's defaults come later.
fn settings(arguments: &GenerateArguments) -> Result<Settings, CommandError> {
    let mut values = arguments.settings.values.clone();
    if let Some(path) = &arguments.styles {
        styles_file::apply(path, &arguments.style, &mut values)?;
    }
    let settings = Settings::from_checked(values, draw_seed());
    let mut settings = settings.map_err(|error| CommandError::wrong_use(error.to_string()))?;
    if arguments.no_refiner {
        settings.use_refiner = Some(false);
    }
    // What SDXL's prompts are written for; it is kept with the image.
    settings.prompt_syntax.get_or_insert(PromptSyntax::A1111);
    Ok(settings)
}

/// What was recognised, and what follows from it.
fn recipe_line(recipe: &Recipe, settings: &ResolvedSettings) -> String {
    let scheduler = settings.scheduler.map(|name| name.to_string()).unwrap_or_default();
    format!(
        "Recipe: {} (for `{}`): --steps {} --guidance-scale {} --scheduler {scheduler}; give these to choose others, or \
         --preset none",
        recipe.preset.name, recipe.of, settings.steps, settings.guidance_scale
    )
}

/// What a profile stands for in this generation.
fn profile_line(name: &str, settings: &ResolvedSettings) -> String {
    let gate = settings.attention_gate.map(|gate| format!(" --attention-gate {gate}")).unwrap_or_default();
    format!("Profile: {name}: --reuse-features {}{gate}; give these to choose others", settings.reuse_features)
}

fn introduce(choice: &ModelChoice, device: &DeviceChoice, seed: u64, seed_was_drawn: bool) {
    let refiner = choice.refiner_name.as_ref().map(|name| format!(", refiner: {name}")).unwrap_or_default();
    let vae = choice.vae_name.as_ref().map(|name| format!(", VAE: {name}")).unwrap_or_default();
    let tiny_vae = choice.tiny_vae_name.as_ref().map(|name| format!(", tiny VAE: {name}")).unwrap_or_default();
    output::note(&format!("Model: {}{refiner}{vae}{tiny_vae}", choice.name));
    if choice.is_demo() {
        output::note(
            "  This is the small demo model. It knows prompts such as `a large red heart on a blue background`; for any \
             prompt give it real SDXL weights: --model PATH (a diffusers folder or a .safetensors file).",
        );
    }
    for warning in choice.base.warnings() {
        output::note(&format!("Warning: {warning}"));
    }
    let capability = device.compute_capability.as_ref().map(|version| format!(", compute capability {version}"));
    output::note(&format!(
        "Device: {} – {}, {}{}",
        device.name,
        device.backend.described(),
        device.precision.described(),
        capability.unwrap_or_default()
    ));
    if let Some(reason) = &device.fallback_reason {
        output::note(&format!("  Not used: {reason}"));
    }
    if seed_was_drawn {
        output::note(&format!("Seed: {seed} (drawn at random; --seed {seed} generates this image again)"));
    }
}

/// Says what a step takes in each precision, where it takes long enough that the choice matters.
fn estimate(
    choice: &ModelChoice,
    device: &DeviceChoice,
    settings: &ResolvedSettings,
    of_image: u64,
) -> Result<(), CommandError> {
    let work = largest_step_work(&choice.base, settings);
    if work < NOTICEABLE_WORK {
        return Ok(());
    }
    let Some(rates) = StepRates::measure(device)? else { return Ok(()) };
    let takes = |precision: Precision| {
        let seconds = rates.seconds(precision, work)?;
        let memory = Model::requirement(&choice.base, choice.refiner.as_ref(), Some(precision)).ok()?.memory + of_image;
        Some(format!("about {} a step and {}", units::seconds(seconds), units::bytes(memory)))
    };
    let Some(chosen) = takes(device.precision) else { return Ok(()) };
    output::note(&format!("  {}: {chosen}", device.precision));
    let others = rates.precisions().filter(|other| *other != device.precision);
    for (other, takes) in others.filter_map(|other| Some((other, takes(other)?))) {
        output::note(&format!("  --precision {other}: {takes}"));
    }
    Ok(())
}

/// Generates the images, showing how far it is.
fn generate(model: &Model, request: Request, traced: bool) -> Result<(Generation, Vec<RgbImage>), CommandError> {
    let progress = ProgressDisplay::new();
    progress.begin("reading the prompt");
    let mut generation = if traced { model.start_traced(request)? } else { model.start(request)? };
    let said = model.warnings();
    for warning in generation.warnings().iter().filter(|warning| !said.contains(warning)) {
        progress.note(&format!("Warning: {warning}"));
    }
    while let Some(done) = generation.advance()? {
        progress.step(&done);
    }
    progress.begin("decoding the image");
    let images = generation.finish()?;
    Ok((generation, images))
}

/// What the user should know of the model and the images, each once.
fn all_warnings(model: &Model, generation: &Generation) -> Vec<String> {
    let mut warnings = model.warnings();
    for warning in generation.warnings() {
        if !warnings.contains(warning) {
            warnings.push(warning.clone());
        }
    }
    warnings
}

/// Writes every image with the record of what generates it by itself.
fn save(images: &[RgbImage], files: &OutputFiles, record: &ImageRecord<'_>) -> Result<Vec<PathBuf>, CommandError> {
    let paths = files.paths(images.len());
    for (index, (path, image)) in (0..).zip(paths.iter().zip(images)) {
        let settings = record.settings.alone(index);
        let metadata = ImageRecord { settings: &settings, ..*record }.metadata()?;
        uninterrupted(|| easel_images::save(path, image, &metadata))?;
    }
    Ok(paths)
}

/// Writes the trace beside its place, then moves it there.
fn save_trace(trace: &Trace, path: &Path) -> Result<(), CommandError> {
    let failed = |error: std::io::Error| CommandError::failed(format!("writing {}: {error}", path.display()));
    let folder = TemporaryFolder::inside(folder_of(path)).map_err(failed)?;
    let whole = folder.path().join("trace.safetensors");
    trace.save(&whole)?;
    std::fs::rename(&whole, path).map_err(failed)
}

fn conclude(report: &Report) {
    let stage = |name: &&str| report.timings.get(name).map(|&time| format!("{name} {}", units::seconds(time)));
    let stages =
        ["open", "device", "text", "encode", "load", "base", "refiner", "enlarge", "decode", "upscale", "save"];
    let stages: Vec<_> = stages.iter().filter_map(stage).collect();
    output::note(&format!(
        "Done in {}: {}; most memory {}",
        units::seconds(report.timings.get("total").copied().unwrap_or_default()),
        stages.join(", "),
        units::bytes(report.peak_memory_bytes)
    ));
}
