//! `easel upscale`: image files made larger.

use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::Args;
use easel_images::{Metadata, UpscaleRecord, format_of, load_with_alpha, save_with_alpha, upscaled_infotext};
use easel_model::bench::StepRates;
use easel_model::{DeviceChoice, Enlargement, Precision, Requirement, enlarged_size, memory};
use easel_system::temporary::uninterrupted;
use serde::Serialize;
use serde_json::json;

use crate::arguments::computation::ComputationArguments;
use crate::arguments::enlargement::{RequestedEnlargement, check_factor};
use crate::command_error::CommandError;
use crate::output;
use crate::output_files;
use crate::progress::ProgressDisplay;
use crate::units;

/// Seconds of work from which on an estimate is of use.
const NOTICEABLE: f64 = 5.0;

#[derive(Debug, Args)]
pub(crate) struct UpscaleArguments {
    /// Images: PNG, JPEG or WebP
    #[arg(required = true, value_name = "IMAGE")]
    images: Vec<PathBuf>,
    /// The network that enlarges them: a .safetensors or .pth file of the ESRGAN family (RRDBNet or SRVGGNetCompact); or
    /// lanczos, for resampling
    #[arg(long, value_name = "FILE", default_value = "lanczos")]
    with: PathBuf,
    /// By how much each side grows, 1 to 8 [default: the network's own factor; for lanczos 2]
    #[arg(long, value_name = "X", allow_negative_numbers = true)]
    scale: Option<f64>,
    /// The file to write, or for several images a folder [default: beside each image, such as a-x4.png]
    #[arg(short, long, value_name = "PATH")]
    output: Option<PathBuf>,
    #[command(flatten)]
    computation: ComputationArguments,
    /// Print one JSON object on standard output
    #[arg(long)]
    json: bool,
}

/// What `--json` prints.
#[derive(Serialize)]
struct Report {
    files: Vec<Enlarged>,
    upscale: UpscaleRecord,
    seconds: f64,
    peak_memory_bytes: u64,
}

#[derive(Serialize)]
struct Enlarged {
    file: String,
    width: u32,
    height: u32,
}

/// What is wrong with the command line or an image shows before the first image is enlarged.
pub(crate) fn run(arguments: UpscaleArguments) -> Result<(), CommandError> {
    let began = Instant::now();
    arguments.computation.start_threads()?;
    if let Some(factor) = arguments.scale {
        check_factor("--scale", factor)?;
    }
    let requested = RequestedEnlargement::open("--with", &arguments.with)?;
    let factor = arguments.scale.unwrap_or_else(|| requested.factor());
    let files = files(&arguments.images, arguments.output.as_deref(), factor)?;
    let choice = arguments.computation.device.device;
    let precision = arguments.computation.device.precision();
    let device = DeviceChoice::select(choice, Requirement { precision, ..Requirement::default() })?;
    let upscale = UpscaleRecord { by: factor, upscaler: requested.name(), digest: requested.digest() };
    let enlargement = requested.load(&device)?;
    // Every image is looked at before the first one takes its time; one at a time is in memory.
    for image in &arguments.images {
        let (image, _) = load_with_alpha(image).and_then(|loaded| check_alpha(loaded, &files))?;
        let size = (image.width(), image.height());
        enlargement.passes(size, enlarged_size(size, factor)?)?;
    }
    let mut enlarged = Vec::new();
    for (image, file) in arguments.images.iter().zip(&files) {
        let (width, height) = one(image, file, &enlargement, &upscale, &device)?;
        enlarged.push(Enlarged { file: file.display().to_string(), width, height });
    }
    let report =
        Report { files: enlarged, upscale, seconds: began.elapsed().as_secs_f64(), peak_memory_bytes: memory::peak() };
    let memory = units::bytes(report.peak_memory_bytes);
    output::note(&format!("Done in {}; most memory {memory}", units::seconds(report.seconds)));
    if arguments.json {
        return output::json(&report);
    }
    output::result(&report.files.iter().map(|file| file.file.as_str()).collect::<Vec<_>>().join("\n"))
}

type Loaded = (image::DynamicImage, Option<String>);

/// Refuses a transparent image where one of the files to be written is a JPEG.
fn check_alpha(loaded: Loaded, files: &[PathBuf]) -> Result<Loaded, easel_images::ImageFileError> {
    let is_jpeg = |file: &&PathBuf| matches!(format_of(file), Ok(easel_images::Format::Jpeg));
    match files.iter().find(is_jpeg).filter(|_| loaded.0.color().has_alpha()) {
        Some(file) => Err(easel_images::ImageFileError::Unencodable {
            path: file.clone(),
            message: "JPEG knows no transparency; name a .png or .webp file".to_owned(),
        }),
        None => Ok(loaded),
    }
}

/// Enlarges one image and writes it: its new size.
fn one(
    image: &Path,
    file: &Path,
    enlargement: &Enlargement,
    upscale: &UpscaleRecord,
    device: &DeviceChoice,
) -> Result<(u32, u32), CommandError> {
    let (image, infotext) = load_with_alpha(image)?;
    let size = (image.width(), image.height());
    let target = enlarged_size(size, upscale.by)?;
    estimate(enlargement, size, target, device)?;
    let progress = ProgressDisplay::new();
    let enlarged = enlargement.enlarge_with_alpha(&image, target, &mut |done, total| {
        progress.tile(done, total);
        Ok(())
    })?;
    let json = json!({
        "easel": env!("CARGO_PKG_VERSION"), "upscale": upscale, "width": target.0, "height": target.1,
        "device": device.kind(), "backend": device.backend, "precision": device.precision,
    });
    let metadata = Metadata { infotext: upscaled_infotext(infotext.as_deref(), upscale), json: json.to_string() };
    uninterrupted(|| save_with_alpha(file, &enlarged, &metadata))?;
    Ok(target)
}

/// Says how long it will take, where that is long.
fn estimate(
    enlargement: &Enlargement,
    size: (u32, u32),
    target: (u32, u32),
    device: &DeviceChoice,
) -> Result<(), CommandError> {
    let Enlargement::Network(upscaler) = enlargement else { return Ok(()) };
    let mut size = size;
    let (mut work, mut most) = (0, 0);
    for next in enlargement.passes(size, target)? {
        let pass = upscaler.work(size);
        (work, most) = (work + pass.multiply_adds, most.max(pass.memory));
        size = next;
    }
    // Upscalers have no 8 bits.
    let precision = if device.precision == Precision::Int8 { Precision::Bf16 } else { device.precision };
    let seconds = StepRates::measure(device)?.and_then(|rates| rates.seconds(precision, work));
    if let Some(seconds) = seconds.filter(|seconds| *seconds > NOTICEABLE) {
        let (seconds, memory) = (units::seconds(seconds), units::bytes(most));
        output::note(&format!("{}: about {seconds} and {memory}", upscaler.name()));
    }
    Ok(())
}

/// The file to be written for each image, checked.
fn files(images: &[PathBuf], output: Option<&Path>, factor: f64) -> Result<Vec<PathBuf>, CommandError> {
    let is_folder = output.is_some_and(Path::is_dir);
    if let Some(output) = output.filter(|_| images.len() > 1 && !is_folder) {
        return Err(CommandError::wrong_use(format!(
            "--output: {} is no folder, which several images need; make it first",
            output.display()
        )));
    }
    let mut files: Vec<PathBuf> = Vec::new();
    for image in images {
        let file = match output.filter(|_| !is_folder) {
            Some(file) => file.to_owned(),
            None => {
                let name = format!("{}-x{factor}.png", image.file_stem().unwrap_or_default().to_string_lossy());
                output.map_or_else(|| image.with_file_name(&name), |folder| folder.join(&name))
            }
        };
        format_of(&file)?;
        output_files::check(&file, "--output")?;
        if files.contains(&file) {
            return Err(CommandError::wrong_use(format!(
                "--output: {} would be written twice; enlarge images of the same name one by one",
                file.display()
            )));
        }
        files.push(file);
    }
    Ok(files)
}
