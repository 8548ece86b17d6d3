//! Times parts of the model on random weights in the real shapes.

mod adapters;
mod cost;
mod estimate;
mod operations;
pub mod random_model;
mod shares;

pub use estimate::{NOTICEABLE_WORK, StepRates, largest_step_work, step_work};
pub use operations::{OperationReport, operations};
pub use shares::OperationShare;

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::time::{Duration, Instant};

use image::RgbImage;
use serde::Serialize;

use crate::config::{Shape, UpscalerShape};
use crate::device::panics::computing;
use crate::device::{Backend, DeviceChoice, memory};
use crate::error::{Error, Result};
use crate::generation::Model;
use crate::network::control_net::ControlImage;
use crate::network::text_encoder::{TextEncoder, TextInput};
use crate::network::unet::{Additions, Conditioning, TextKeys};
use crate::network::vae::SCALE;
use crate::noise::NoiseGenerator;
use crate::ops::{Arithmetic, at_once, floats, flops, ledger, tensor};
use crate::precision::Precision;
use crate::stage::Stage;
use crate::upscaling::Upscaler;
use crate::weights::{ModelOptions, ModelSource};
use easel_settings::{LONGEST_UNTILED, ResolvedSettings, SIDES};

/// What is timed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum BenchPart {
    /// The text encoders on one prompt.
    Text,
    /// One forward of the UNet on one image, without guidance.
    #[serde(rename = "unet")]
    UNet,
    /// One forward of a ControlNet that is as large as the UNet's way down: what it adds to [`Self::UNet`].
    ControlNet,
    /// [`Self::UNet`] with an image prompt of 16 tokens, as IP-Adapter plus makes them.
    ImagePrompt,
    /// Latents to image.
    VaeDecode,
    /// Image to latents.
    VaeEncode,
    /// An image four times as large, by the network of Real-ESRGAN.
    Upscale,
    /// A whole guided generation, loading included.
    Generate,
}

/// What to time and how often.
#[derive(Debug, Clone, Copy)]
pub struct BenchOptions {
    /// The part.
    pub part: BenchPart,
    /// The model's shape.
    pub shape: Shape,
    /// Side of the square image in pixels, a multiple of 8.
    pub size: u32,
    /// Denoising steps of [`BenchPart::Generate`].
    pub steps: u32,
    /// Timed runs; one more comes first and is not timed, except for [`BenchPart::Generate`].
    pub repeat: u32,
    /// Whether another run says where the time goes.
    pub by_operation: bool,
}

/// Smallest, middle and largest of the timed runs, in seconds.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Seconds {
    /// Half of the runs took less.
    pub median: f64,
    /// The fastest run.
    pub min: f64,
    /// The slowest run.
    pub max: f64,
}

/// What a benchmark found.
#[derive(Debug, Clone, Serialize)]
pub struct BenchReport {
    /// The part that was timed.
    pub part: BenchPart,
    /// The model's shape.
    pub shape: Shape,
    /// Side of the image in pixels.
    pub size: u32,
    /// Precision of the weights.
    pub precision: Precision,
    /// `cpu`, `cuda`, `vulkan` or `metal`.
    pub device: &'static str,
    /// The Burn backend.
    pub backend: Backend,
    /// The times.
    pub seconds: Seconds,
    /// Billions of multiplications and additions a second, at the median.
    pub gflops: f64,
    /// The same as a share of what the processor's multiplications in this precision are measured to reach at most; more
    /// than the share of time, where work is saved. On the CPU's backend flex only.
    pub share_of_peak: Option<f64>,
    /// Most memory of the process, in bytes.
    pub peak_memory_bytes: u64,
    /// Seconds by stage of the last run, for [`BenchPart::Generate`].
    pub stages: BTreeMap<&'static str, f64>,
    /// Where the time of one more run went, the largest share first; only if it was asked for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub operations: Vec<OperationShare>,
}

/// Times `options.part` on the chosen device.
///
/// # Errors
/// BenchOptions out of bounds, or a failure of the device.
pub fn run(options: &BenchOptions, choice: &DeviceChoice) -> Result<BenchReport> {
    if !(*SIDES.start()..=LONGEST_UNTILED).contains(&options.size) || !options.size.is_multiple_of(8) {
        let message = format!("{} is no multiple of 8 from {} to {LONGEST_UNTILED}", options.size, SIDES.start());
        return Err(Error::invalid("size", message));
    }
    if !(1..=1000).contains(&options.repeat) {
        return Err(Error::invalid("repeat", format!("{} is out of bounds: use 1 to 1000", options.repeat)));
    }
    if options.by_operation && (options.part == BenchPart::Generate || !choice.has_kernels()) {
        let message = "the time of single operations is known of a part on the CPU only: name one, such as `unet`, and \
            `--device flex`";
        return Err(Error::invalid("by_operation", message));
    }
    let model = Model::from_sources(ModelSource::random(options.shape)?, None, choice, &ModelOptions::default());
    let (mut stages, mut operations) = (BTreeMap::new(), Vec::new());
    let runs = if options.part == BenchPart::Generate {
        time(options.repeat, 0, || {
            stages = generate(&model, options)?;
            Ok(())
        })?
    } else {
        let mut body = part(&model, options)?;
        let runs = time(options.repeat, 1, || computing("the benchmark", &mut body))?;
        if options.by_operation {
            let began = Instant::now();
            let (result, entries) = ledger::keep(|| computing("the benchmark", &mut body));
            result?;
            operations = shares::shares(entries, began.elapsed().as_secs_f64());
        }
        runs
    };
    let gflops = 2.0 * runs.multiply_adds as f64 / runs.seconds.median / 1e9;
    let share_of_peak = choice.has_kernels().then(|| gflops * 1e9 / peak(choice.precision));
    Ok(BenchReport {
        part: options.part,
        shape: options.shape,
        size: options.size,
        precision: choice.precision,
        device: choice.kind(),
        backend: choice.backend,
        seconds: runs.seconds,
        gflops,
        share_of_peak,
        peak_memory_bytes: memory::peak(),
        stages,
        operations,
    })
}

/// Operations a second that this processor's multiplications reach at most.
pub fn peak(precision: Precision) -> f64 {
    let arithmetic = precision.cpu_format().packing.unwrap_or(Arithmetic::F32);
    easel_kernels::peak(arithmetic, Duration::from_millis(50))
}

struct Runs {
    seconds: Seconds,
    /// Of one run.
    multiply_adds: u64,
}

fn time(repeat: u32, warm_up: u32, mut body: impl FnMut() -> Result<()>) -> Result<Runs> {
    for _ in 0..warm_up {
        body()?;
    }
    let before = flops::multiply_adds();
    let mut seconds = Vec::new();
    for _ in 0..repeat {
        let began = Instant::now();
        body()?;
        seconds.push(began.elapsed().as_secs_f64());
    }
    seconds.sort_by(f64::total_cmp);
    let middle = seconds.len() / 2;
    let median = if seconds.len() % 2 == 1 { seconds[middle] } else { (seconds[middle - 1] + seconds[middle]) / 2.0 };
    Ok(Runs {
        seconds: Seconds { median, min: seconds[0], max: seconds[seconds.len() - 1] },
        multiply_adds: (flops::multiply_adds() - before) / u64::from(repeat),
    })
}

/// A closure that runs the part once and waits for its result.
fn part(model: &Model, options: &BenchOptions) -> Result<Box<dyn FnMut() -> Result<()>>> {
    let device = model.device().device().clone();
    let side = options.size as usize;
    let (h, w) = (side / SCALE, side / SCALE);
    let random = |count: usize| NoiseGenerator::new(1).normal(count);
    let latents = tensor(random(4 * h * w), [1, 4, h, w], &device);
    Ok(match options.part {
        BenchPart::Text | BenchPart::Generate => {
            let (tokenizers, second) = (model.tokenizers(Stage::Base), model.text_encoder_2(Stage::Base)?);
            let tokens = tokenizers.second.encode("a large red heart on a blue background")?;
            let first = if tokenizers.first.is_some() { Some(model.text_encoder(Stage::Base)?) } else { None };
            let is_at_once = model.device().has_kernels();
            Box::new(move || {
                let run = |encoder: &TextEncoder| {
                    floats(encoder.forward(&TextInput::of(&tokens.ids, tokens.end_of_text), 0).hidden).map(drop)
                };
                match &first {
                    // As a generation does.
                    Some(first) if is_at_once => {
                        let (first, second) = at_once(|| run(first), || run(&second));
                        first.and(second)
                    }
                    Some(first) => run(first).and_then(|()| run(&second)),
                    None => run(&second),
                }
            })
        }
        BenchPart::UNet => {
            let (unet, conditioning) = (model.unet(Stage::Base)?, conditioning(model, side, &random));
            let channels = model.unet_config(Stage::Base).in_channels;
            let input = tensor(random(channels * h * w), [1, channels, h, w], &device);
            Box::new(move || floats(unet.forward(input.clone(), 500.0, &conditioning)).map(drop))
        }
        BenchPart::ControlNet => {
            let (net, conditioning) = (adapters::control_net(model)?, conditioning(model, side, &random));
            let pixels = tensor(random(3 * side * side), [1, 3, side, side], &device);
            let hint = net.look_at(&[ControlImage { pixels, kind: 0, scale: 1.0 }]);
            Box::new(move || {
                let residuals = net.forward(latents.clone(), 500.0, &conditioning, &hint, false);
                residuals.down.into_iter().chain(residuals.middle).try_for_each(|residual| floats(residual).map(drop))
            })
        }
        BenchPart::ImagePrompt => {
            let (unet, conditioning) = (model.unet(Stage::Base)?, conditioning(model, side, &random));
            let images = vec![adapters::image_context(model)];
            Box::new(move || {
                let additions = Additions { images: images.clone(), ..Additions::default() };
                floats(unet.forward_with(latents.clone(), 500.0, &conditioning, additions, None).0).map(drop)
            })
        }
        BenchPart::VaeDecode => {
            let vae = model.vae_decoder(Stage::Base)?;
            Box::new(move || floats(vae.decode(latents.clone())).map(drop))
        }
        BenchPart::Upscale => {
            let upscaler = Upscaler::random(UpscalerShape::ESRGAN, model.device())?;
            let level = |number: f32| (128.0 + 50.0 * number) as u8;
            let pixels = random(3 * side * side).into_iter().map(level).collect();
            let image = RgbImage::from_raw(options.size, options.size, pixels).unwrap_or_default();
            Box::new(move || upscaler.upscale(&image, &mut |_, _| Ok(())).map(drop))
        }
        BenchPart::VaeEncode => {
            let vae = model.vae_encoder(Stage::Base)?;
            let image = tensor(random(3 * side * side), [1, 3, side, side], &device);
            Box::new(move || floats(vae.encode(image.clone()).mean).map(drop))
        }
    })
}

/// Random numbers in the shape of what the base's UNet is conditioned on, of one image of `side` pixels.
fn conditioning(model: &Model, side: usize, random: &impl Fn(usize) -> Vec<f32>) -> Conditioning {
    let (config, device) = (model.unet_config(Stage::Base), model.device().device());
    let numbers = if model.index(Stage::Base).requires_aesthetics_score { 5 } else { 6 };
    let pooled = config.projection_class_embeddings_input_dim - numbers * config.addition_time_embed_dim;
    Conditioning {
        context: tensor(random(77 * config.cross_attention_dim), [1, 77, config.cross_attention_dim], device),
        pooled: tensor(random(pooled), [1, pooled], device),
        time_ids: vec![side as f32; numbers],
        negatives: 0,
        keys: TextKeys::default(),
    }
}

fn generate(model: &Model, options: &BenchOptions) -> Result<BTreeMap<&'static str, f64>> {
    let settings = ResolvedSettings {
        width: Some(options.size),
        height: Some(options.size),
        steps: options.steps,
        ..ResolvedSettings::new("a large red heart on a blue background")
    };
    let mut run = model.start(settings)?;
    run.finish()?;
    Ok(run.timings().clone())
}

impl BenchPart {
    /// Every part, as listed to users.
    pub const ALL: [Self; 8] = [
        Self::Text,
        Self::UNet,
        Self::ControlNet,
        Self::ImagePrompt,
        Self::VaeDecode,
        Self::VaeEncode,
        Self::Upscale,
        Self::Generate,
    ];

    /// The name on the command line and in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::UNet => "unet",
            Self::ControlNet => "control-net",
            Self::ImagePrompt => "image-prompt",
            Self::VaeDecode => "vae-decode",
            Self::VaeEncode => "vae-encode",
            Self::Upscale => "upscale",
            Self::Generate => "generate",
        }
    }
}

impl fmt::Display for BenchPart {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

impl FromStr for BenchPart {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let unknown =
            || Error::invalid("part", format!("`{text}` is not one of {}", Self::ALL.map(Self::name).join(", ")));
        Self::ALL.into_iter().find(|part| part.name() == text).ok_or_else(unknown)
    }
}
