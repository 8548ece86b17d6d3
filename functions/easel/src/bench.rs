//! `easel bench`: how fast this machine is.

use easel_model::bench::{self, BenchOptions, BenchPart, BenchReport, OperationReport, OperationShare};
use easel_model::request::validate;
use easel_model::{DeviceChoice, DevicePreference, Model, ModelSource, Precision, ResolvedSettings, Shape};

use serde::Serialize;

use crate::arguments::computation::ComputationArguments;
use crate::command_error::CommandError;
use crate::output;
use crate::units;
use clap::Args;

#[derive(Debug, Args)]
pub(crate) struct BenchArguments {
    /// text, unet, control-net, image-prompt, vae-decode, vae-encode, upscale, generate, or operations for single ones and how exact they are
    pub(crate) part: String,
    /// sdxl-base, sdxl-refiner, sdxl-inpainting or demo
    #[arg(long, value_name = "SHAPE", default_value = "sdxl-base")]
    pub(crate) shape: Shape,
    /// Side of the image in pixels [default: 128 for the demo's shape, 256 for upscale, else 1024]
    #[arg(long, value_name = "PX", allow_negative_numbers = true)]
    pub(crate) size: Option<u32>,
    /// Denoising steps of `generate`
    #[arg(long, value_name = "N", default_value_t = 1, allow_negative_numbers = true)]
    pub(crate) steps: u32,
    /// Timed runs
    #[arg(long, value_name = "N", default_value_t = 1, allow_negative_numbers = true)]
    pub(crate) repeat: u32,
    /// Also say where the time goes, operation by operation, as a table of Markdown
    #[arg(long)]
    pub(crate) by_operation: bool,
    #[command(flatten)]
    pub(crate) computation: ComputationArguments,
    /// Print one JSON object on standard output
    #[arg(long)]
    pub(crate) json: bool,
}

/// The part that is single operations.
const OPERATIONS: &str = "operations";

/// Times what was asked for and prints the times.
pub(crate) fn run(arguments: &BenchArguments) -> Result<(), CommandError> {
    arguments.computation.start_threads()?;
    let preference = arguments.computation.device.device;
    // Full-size weights are held in 16 bits where they are used; ndarray has f32 only, and Vulkan and Metal have f16.
    let precision = arguments.computation.device.precision();
    let precision = precision.or(match preference {
        DevicePreference::NdArray | DevicePreference::Vulkan(_) | DevicePreference::Metal(_) => None,
        DevicePreference::Auto | DevicePreference::Cuda(_) | DevicePreference::Flex => Some(Precision::Bf16),
    });
    let part: Option<BenchPart> = if arguments.part == OPERATIONS { None } else { Some(arguments.part.parse()?) };
    let shape: Shape = arguments.shape;
    validate(&ResolvedSettings { steps: arguments.steps, ..ResolvedSettings::new("") })?;
    let size = arguments.size.unwrap_or(match part {
        Some(BenchPart::Upscale) => 256,
        _ if shape == Shape::Demo => 128,
        _ => 1024,
    });
    let requirement = Model::requirement(&ModelSource::random(shape)?, None, precision)?;
    let choice = DeviceChoice::select(preference, requirement)?;
    let (backend, format) = (choice.backend.described(), choice.precision.described());
    output::note(&format!("Device: {} – {backend}, {format}", choice.name));
    if let Some(reason) = &choice.fallback_reason {
        output::note(&format!("  Not used: {reason}"));
    }
    let Some(part) = part else {
        let operations = bench::operations(&choice, arguments.repeat)?;
        return if arguments.json {
            output::json(&Operations { operations })
        } else {
            output::result(&operations.iter().map(line).collect::<Vec<_>>().join("\n"))
        };
    };
    let BenchArguments { steps, repeat, by_operation, .. } = *arguments;
    let options = BenchOptions { part, shape, size, steps, repeat, by_operation };
    let report = bench::run(&options, &choice)?;
    if arguments.json { output::json(&report) } else { output::result(&text(&report)) }
}

/// All operations, as one JSON object.
#[derive(Debug, Serialize)]
struct Operations {
    operations: Vec<OperationReport>,
}

fn line(report: &OperationReport) -> String {
    let OperationReport { name, seconds, gflops, relative_error } = report;
    let median = 1e3 * seconds.median;
    format!("{name:<26} {median:>9.2} ms  {gflops:>7.1} GFLOP/s  relative error {relative_error:.1e}")
}

fn text(report: &BenchReport) -> String {
    let BenchReport { part, shape, size, precision, backend, seconds, .. } = report;
    let mut lines = vec![
        format!("{part} of {shape} at {size}×{size}, {precision} on {backend}"),
        format!("  {:.3} s (fastest {:.3} s, slowest {:.3} s)", seconds.median, seconds.min, seconds.max),
        format!("  {:.1} GFLOP/s; most memory {}", report.gflops, units::bytes(report.peak_memory_bytes)),
    ];
    if let Some(share) = report.share_of_peak {
        lines.push(format!("  {:.0} % of what this processor's multiplications reach at most", 100.0 * share));
    }
    lines.extend(report.stages.iter().map(|(stage, &time)| format!("  {stage}: {time:.3} s")));
    if !report.operations.is_empty() {
        lines.push(String::new());
        lines.push("| operation | times | ms | share, % | GFLOP/s | GB/s | of its bound, % |".to_owned());
        lines.push("| --- | ---: | ---: | ---: | ---: | ---: | ---: |".to_owned());
        lines.extend(report.operations.iter().map(share));
    }
    lines.join("\n")
}

fn share(share: &OperationShare) -> String {
    let OperationShare { operation, count, gflops, gigabytes, .. } = share;
    let (milliseconds, part, of_bound) = (1e3 * share.seconds, 1e2 * share.share, 1e2 * share.of_bound);
    let bound = if share.is_bound_by_memory { "memory" } else { "products" };
    format!(
        "| {operation} | {count} | {milliseconds:.1} | {part:.1} | {gflops:.0} | {gigabytes:.1} | {of_bound:.0} ({bound}) |"
    )
}
