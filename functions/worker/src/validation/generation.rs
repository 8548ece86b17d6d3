//! Whether an engine generates, reproducibly, within the time and memory that it should take.

use std::collections::BTreeMap;

use easel_model::{Generation, Model, ResolvedSettings, bench, memory};
use image::RgbImage;

use super::ReadinessCheck;
use crate::engine::{Engine, OpenedModel};
use crate::error::Result;

const PROMPT: &str = "a large red heart on a blue background";
const SEED: u64 = 42;
/// Enough for both base and refiner to be used.
const STEPS: u32 = 4;
/// How much slower than the processor's multiplications alone a stage may be. Full-size stages take less than twice
/// that time on a quiet machine.
const SLOWER: f64 = 4.0;
/// Seconds that any stage may take.
const AT_LEAST: f64 = 2.0;
/// Bytes of weights that are read and packed in a second, at least.
const LOADING: f64 = 200e6;

/// A generated image, and what its stages took.
struct TestRun {
    images: Vec<RgbImage>,
    stages: Vec<StageMeasurement>,
}

struct StageMeasurement {
    name: &'static str,
    seconds: f64,
    multiply_adds: u64,
    /// The process's highest memory use so far, in bytes.
    peak_memory: Option<u64>,
}

/// Generates a small image twice. This takes a while, so it must not run on a thread of an async runtime.
#[must_use]
pub fn check_engine(engine: &Engine) -> Vec<ReadinessCheck> {
    let mut checks = vec![device(engine)];
    let model = match engine.model(None) {
        Ok(model) => model,
        Err(error) => {
            let advice = "look at the worker's log (EASEL_LOG=debug)";
            checks.push(ReadinessCheck::fail("model", "is open", error.to_string(), advice));
            return checks;
        }
    };
    checks.extend(models(engine, &model));
    checks.push(numbers(&model));
    let memory_before = memory::peak();
    let what = "is reproducible: two runs give identical bytes";
    let advice = "look at the worker's log (EASEL_LOG=debug); `easel doctor` shows more about the device";
    let (first, second) = match generate(&model.model).and_then(|first| Ok((first, generate(&model.model)?))) {
        Ok(runs) => runs,
        Err(error) => {
            checks.push(ReadinessCheck::fail("image", what, error.to_string(), advice));
            return checks;
        }
    };
    let (width, height) = first.images.first().map_or((0, 0), RgbImage::dimensions);
    let found = format!("{width}×{height}, {STEPS} steps, seed {SEED}");
    checks.push(ReadinessCheck::that(first.images == second.images, "image", what, found, advice));
    let colours = first.images.first().map(has_colours).unwrap_or_default();
    let found = if colours { "several colours" } else { "a single colour" };
    let advice = "look at an image of the model with its own settings; another precision would not change this";
    checks.push(ReadinessCheck::that(colours, "image", "shows something", found, advice));
    let budget = memory_before + model.expected_memory;
    let rate = bench::peak(model.device.precision);
    checks.extend(
        first.stages.iter().map(|stage| stage.check(rate, model.expected_memory - Model::WORKING_MEMORY, budget)),
    );
    checks
}

fn device(engine: &Engine) -> ReadinessCheck {
    let device = &engine.device;
    let capability = device.compute_capability.as_ref().map(|of| format!(", compute capability {of}"));
    let reason = device.fallback_reason.as_ref().map(|reason| format!("; not used: {reason}"));
    let (capability, reason) = (capability.unwrap_or_default(), reason.unwrap_or_default());
    let found = format!("{} ({}, {}{capability}){reason}", device.name, device.backend, device.precision);
    ReadinessCheck::pass("device", "is chosen and computes", found)
}

fn models(engine: &Engine, model: &OpenedModel) -> [ReadinessCheck; 2] {
    let vae = model.vae_name.as_ref().map(|name| format!(", with the VAE {name}")).unwrap_or_default();
    let tiny = model.tiny_vae_name.as_ref().map(|name| format!(", decoded by {name}")).unwrap_or_default();
    let seconds = engine.opening_seconds;
    let base = format!("{}{vae}{tiny}, opened in {seconds:.2} s", model.name);
    let refiner = model.refiner_name.clone().unwrap_or_else(|| "none: the base model generates alone".to_owned());
    [ReadinessCheck::pass("model", "base is open", base), ReadinessCheck::pass("model", "refiner", refiner)]
}

/// Whether every weight is a finite number; all files are read for it.
fn numbers(model: &OpenedModel) -> ReadinessCheck {
    let what = "has finite numbers only";
    match model.model.check_numbers() {
        Ok(()) => ReadinessCheck::pass("model", what, "every weight was looked at"),
        Err(error) => {
            ReadinessCheck::fail("model", what, error.to_string(), "download the model again, or use another copy")
        }
    }
}

fn generate(model: &Model) -> Result<TestRun> {
    let settings = ResolvedSettings {
        steps: STEPS,
        seed: SEED,
        use_refiner: model.has_refiner(),
        high_noise_frac: 0.5,
        ..ResolvedSettings::new(PROMPT)
    };
    let mut peaks = BTreeMap::new();
    let mut generation = model.start(settings)?;
    peaks.insert("text", memory::peak());
    while let Some(progress) = generation.advance()? {
        peaks.insert(progress.stage.name(), memory::peak());
    }
    let images = generation.finish()?;
    peaks.insert("decode", memory::peak());
    Ok(TestRun { images, stages: stages(&generation, &peaks) })
}

fn stages(generation: &Generation, peaks: &BTreeMap<&'static str, u64>) -> Vec<StageMeasurement> {
    let stage = |(&name, &seconds): (&&'static str, &f64)| StageMeasurement {
        name,
        seconds,
        multiply_adds: generation.multiply_adds().get(name).copied().unwrap_or_default(),
        peak_memory: peaks.get(name).copied(),
    };
    let mut stages: Vec<_> = generation.timings().iter().map(stage).collect();
    let order = ["text", "load", "base", "refiner", "decode"];
    stages.sort_by_key(|stage| order.iter().position(|name| *name == stage.name));
    stages
}

impl StageMeasurement {
    /// `rate` is the operations a second that the processor's multiplications reach, even if a GPU computes, which
    /// should be faster; `weights` and `budget`, the memory that all of it may take, are in bytes.
    fn check(&self, rate: f64, weights: u64, budget: u64) -> ReadinessCheck {
        let reading = if self.name == "load" { weights as f64 / LOADING } else { 0.0 };
        let longest = AT_LEAST + reading + SLOWER * 2.0 * self.multiply_adds as f64 / rate;
        let fits = self.peak_memory.is_none_or(|peak| peak <= budget);
        let memory = self.peak_memory.map(|peak| format!(", {} MiB in all by then", peak >> 20)).unwrap_or_default();
        let advice = match (self.seconds <= longest, self.name) {
            (false, "load") => "pack the weights in advance (`easel convert`), or keep them in EASEL_CACHE",
            (false, _) => "check whether other processes use the CPU, and what `easel bench` shows for this machine",
            (true, _) => "pack the weights in advance (`easel convert`); EASEL_PRECISION=bf16 or int8 needs less",
        };
        let found = format!("{:.2} s{memory}", self.seconds);
        ReadinessCheck::that(
            self.seconds <= longest && fits,
            "image",
            format!("time and memory of {}", self.name),
            found,
            advice,
        )
        .expecting(format!("at most {longest:.1} s, {} MiB", budget >> 20))
    }
}

fn has_colours(image: &RgbImage) -> bool {
    let mut pixels = image.pixels();
    pixels.next().is_some_and(|first| pixels.any(|pixel| pixel != first))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::validation::CheckOutcome;

    #[test]
    fn a_stage_has_the_time_of_its_arithmetic() {
        let stage = |name, seconds| StageMeasurement {
            name,
            seconds,
            multiply_adds: 1_000_000_000,
            peak_memory: Some(3 << 20),
        };
        // 2 G operations at 1 G a second, four times as long, and two seconds.
        let outcome = |stage: StageMeasurement| stage.check(1e9, 400_000_000, 4 << 20).outcome;
        assert_eq!(outcome(stage("base", 9.9)), CheckOutcome::Pass);
        assert_eq!(outcome(stage("base", 10.1)), CheckOutcome::Fail);
        assert_eq!(outcome(stage("load", 11.9)), CheckOutcome::Pass);
        assert_eq!(stage("base", 1.0).check(1e9, 0, 2 << 20).outcome, CheckOutcome::Fail);
    }

    #[test]
    fn a_single_colour_shows_nothing() {
        let mut image = RgbImage::new(2, 2);
        assert!(!has_colours(&image));
        image.put_pixel(1, 1, image::Rgb([1, 0, 0]));
        assert!(has_colours(&image));
    }
}
