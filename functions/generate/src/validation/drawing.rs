//! Whether a studio draws, the same twice, in the time and memory that it should.

use std::collections::BTreeMap;

use easel_model::{Generation, Model, Request, bench, memory};
use image::RgbImage;

use super::Check;
use crate::error::Result;
use crate::studio::Studio;

const PROMPT: &str = "a large red heart on a blue background";
const SEED: u64 = 42;
/// Enough for base and refiner to take part.
const STEPS: u32 = 4;
/// How much slower than the processor's multiplications alone a stage may be. Full-size stages take less than twice that
/// time on a quiet machine.
const SLOWER: f64 = 4.0;
/// Seconds that any stage may take.
const AT_LEAST: f64 = 2.0;
/// Bytes a second at which weights are read and packed at least.
const LOADING: f64 = 200e6;

/// A picture, and what it took.
struct Drawn {
    pictures: Vec<RgbImage>,
    stages: Vec<Stage>,
}

struct Stage {
    name: &'static str,
    seconds: f64,
    multiply_adds: u64,
    /// Most memory of the process so far.
    peak_memory: Option<u64>,
}

/// Draws a small picture twice. This takes a while: not for a thread that others wait for.
#[must_use]
pub fn check_studio(studio: &Studio) -> Vec<Check> {
    let mut checks = vec![device(studio)];
    checks.extend(models(studio));
    let memory_before = memory::peak();
    let what = "is drawn twice with the same bytes";
    let advice = "look at the log of the worker (EASEL_LOG=debug); `easel doctor` says more of the device";
    let (first, second) = match draw(studio).and_then(|first| Ok((first, draw(studio)?))) {
        Ok(drawn) => drawn,
        Err(error) => {
            checks.push(Check::fail("picture", what, error.to_string(), advice));
            return checks;
        }
    };
    let (width, height) = first.pictures.first().map_or((0, 0), RgbImage::dimensions);
    let found = format!("{width}×{height}, {STEPS} steps, seed {SEED}");
    checks.push(Check::that(first.pictures == second.pictures, "picture", what, found, advice));
    let colours = first.pictures.first().map(has_colours).unwrap_or_default();
    let found = if colours { "several colours" } else { "a single colour" };
    let advice = "numbers overflow in this precision: try EASEL_PRECISION=bf16 or f32";
    checks.push(Check::that(colours, "picture", "shows something", found, advice));
    let budget = memory_before + studio.expected_memory;
    let rate = bench::peak(studio.device.precision);
    checks.extend(
        first.stages.iter().map(|stage| stage.check(rate, studio.expected_memory - Model::WORKING_MEMORY, budget)),
    );
    checks
}

fn device(studio: &Studio) -> Check {
    let device = &studio.device;
    let capability = device.compute_capability.as_ref().map(|of| format!(", compute capability {of}"));
    let reason = device.fallback_reason.as_ref().map(|reason| format!("; not CUDA: {reason}"));
    let (capability, reason) = (capability.unwrap_or_default(), reason.unwrap_or_default());
    let found = format!("{} ({}, {}{capability}){reason}", device.name, device.backend, device.precision);
    Check::pass("device", "is chosen and computes", found)
}

fn models(studio: &Studio) -> [Check; 2] {
    let tiny = studio.tiny_vae_name.as_ref().map(|name| format!(", decoded by {name}")).unwrap_or_default();
    let seconds = studio.opening_seconds;
    let base = format!("{}{tiny}, opened in {seconds:.2} s", studio.name);
    let refiner = studio.refiner_name.clone().unwrap_or_else(|| "none: pictures are the base's alone".to_owned());
    [Check::pass("model", "base is open", base), Check::pass("model", "refiner", refiner)]
}

fn draw(studio: &Studio) -> Result<Drawn> {
    let request = Request {
        steps: STEPS,
        seed: SEED,
        use_refiner: studio.model.has_refiner(),
        high_noise_frac: 0.5,
        ..Request::new(PROMPT)
    };
    let mut peaks = BTreeMap::new();
    let mut generation = studio.model.start(request)?;
    peaks.insert("text", memory::peak());
    while let Some(progress) = generation.advance()? {
        peaks.insert(progress.stage.name(), memory::peak());
    }
    let pictures = generation.finish()?;
    peaks.insert("decode", memory::peak());
    Ok(Drawn { pictures, stages: stages(&generation, &peaks) })
}

fn stages(generation: &Generation, peaks: &BTreeMap<&'static str, u64>) -> Vec<Stage> {
    let stage = |(&name, &seconds): (&&'static str, &f64)| Stage {
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

impl Stage {
    /// `rate` is the operations a second that the processor's multiplications reach, also where a GPU computes, which
    /// is there to be faster; `weights` are bytes, and `budget` is the memory in which all of it fits.
    fn check(&self, rate: f64, weights: u64, budget: u64) -> Check {
        let reading = if self.name == "load" { weights as f64 / LOADING } else { 0.0 };
        let longest = AT_LEAST + reading + SLOWER * 2.0 * self.multiply_adds as f64 / rate;
        let fits = self.peak_memory.is_none_or(|peak| peak <= budget);
        let memory = self.peak_memory.map(|peak| format!(", {} MiB in all by then", peak >> 20)).unwrap_or_default();
        let advice = match (self.seconds <= longest, self.name) {
            (false, "load") => "pack the weights beforehand (`easel convert`), or keep them in EASEL_CACHE",
            (false, _) => "see whether others use the processors, and what `easel bench` says of this machine",
            (true, _) => "pack the weights beforehand (`easel convert`); EASEL_PRECISION=bf16 or int8 needs less",
        };
        let found = format!("{:.2} s{memory}", self.seconds);
        Check::that(
            self.seconds <= longest && fits,
            "picture",
            format!("time and memory of {}", self.name),
            found,
            advice,
        )
        .expecting(format!("at most {longest:.1} s, {} MiB", budget >> 20))
    }
}

fn has_colours(picture: &RgbImage) -> bool {
    let mut pixels = picture.pixels();
    pixels.next().is_some_and(|first| pixels.any(|pixel| pixel != first))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::validation::Outcome;

    #[test]
    fn a_stage_has_the_time_of_its_arithmetic() {
        let stage = |name, seconds| Stage { name, seconds, multiply_adds: 1_000_000_000, peak_memory: Some(3 << 20) };
        // 2 G operations at 1 G a second, four times as long, and two seconds.
        let outcome = |stage: Stage| stage.check(1e9, 400_000_000, 4 << 20).outcome;
        assert_eq!(outcome(stage("base", 9.9)), Outcome::Pass);
        assert_eq!(outcome(stage("base", 10.1)), Outcome::Fail);
        assert_eq!(outcome(stage("load", 11.9)), Outcome::Pass);
        assert_eq!(stage("base", 1.0).check(1e9, 0, 2 << 20).outcome, Outcome::Fail);
    }

    #[test]
    fn a_single_colour_shows_nothing() {
        let mut picture = RgbImage::new(2, 2);
        assert!(!has_colours(&picture));
        picture.put_pixel(1, 1, image::Rgb([1, 0, 0]));
        assert!(has_colours(&picture));
    }
}
