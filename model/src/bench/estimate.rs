//! What a denoising step takes in each precision, before one is done.

use std::time::{Duration, Instant};

use burn::tensor::{FloatDType, Tensor};
use easel_settings::ResolvedSettings;

use super::cost::multiply_adds;
use crate::device::panics::computing;
use crate::device::{Backend, DeviceChoice};
use crate::error::Result;
use crate::network::layers::Linear;
use crate::network::parameters::Parameters;
use crate::network::vae::SCALE;
use crate::noise::NoiseGenerator;
use crate::ops::tensor;
use crate::precision::Precision;
use crate::weights::{ModelSource, RandomWeights};

/// The linear layer that is timed: large enough that its weights do not stay in the processor's nearest cache.
const ROWS: usize = 512;
const INPUTS: usize = 1280;
const OUTPUTS: usize = 2560;
/// How often it is timed in each precision, and for how long at least.
const LEAST_RUNS: usize = 4;
const MOST_RUNS: usize = 100;
const MEASURING: Duration = Duration::from_millis(120);

/// Multiply-adds of a step that takes a moment on any machine: of less, nobody needs to be told.
pub const NOTICEABLE_WORK: u64 = 100_000_000_000;

/// How fast this machine's CPU does a layer in each precision.
#[derive(Debug, Clone)]
pub struct StepRates(Vec<(Precision, f64)>);

impl StepRates {
    /// Times a layer in f32, bf16 and int8, which takes a fraction of a second; none for other devices than the CPU's backend
    /// flex.
    ///
    /// # Errors
    /// A failure of the device.
    pub fn measure(choice: &DeviceChoice) -> Result<Option<Self>> {
        if choice.backend != Backend::Flex {
            return Ok(None);
        }
        let weights = RandomWeights::new(0);
        let numbers = NoiseGenerator::new(1).normal(ROWS * INPUTS);
        let rate = |precision: Precision| {
            let device = choice.device();
            let parameters = Parameters::new(&weights, device, precision.cpu_format()).child("timed");
            let layer = Linear::load(&parameters, INPUTS, OUTPUTS)?;
            let compute = if precision == Precision::F32 { FloatDType::F32 } else { FloatDType::BF16 };
            let rows: Tensor<3> = tensor(numbers.clone(), [1, ROWS, INPUTS], device).cast(compute);
            let (started, mut fastest) = (Instant::now(), f64::INFINITY);
            // The first run is slower than the others, and any may be disturbed by other programs.
            for run in 0..MOST_RUNS {
                if run >= LEAST_RUNS && started.elapsed() > MEASURING {
                    break;
                }
                let began = Instant::now();
                computing("the measurement", || {
                    drop(layer.forward(rows.clone()));
                    choice.wait()
                })?;
                fastest = fastest.min(began.elapsed().as_secs_f64());
            }
            Ok((precision, share(precision) * (ROWS * INPUTS * OUTPUTS) as f64 / fastest))
        };
        [Precision::F32, Precision::Bf16, Precision::Int8]
            .into_iter()
            .map(rate)
            .collect::<Result<_>>()
            .map(|rates| Some(Self(rates)))
    }

    /// Precisions that were measured.
    pub fn precisions(&self) -> impl Iterator<Item = Precision> {
        self.0.iter().map(|(precision, _)| *precision)
    }

    /// Seconds that `work` multiply-adds of a UNet take in `precision`; f16 is computed as f32.
    pub fn seconds(&self, precision: Precision, work: u64) -> Option<f64> {
        let computed = if precision == Precision::F16 { Precision::F32 } else { precision };
        let (_, rate) = self.0.iter().find(|(measured, _)| *measured == computed)?;
        Some(work as f64 / rate)
    }
}

/// The rate that a whole UNet reaches as a share of the timed layer's, as `make bench` found on AVX-512: in 8 bits its
/// first and last layers and a part of attention stay in bf16.
fn share(precision: Precision) -> f64 {
    match precision {
        Precision::F32 | Precision::F16 => 1.0,
        Precision::Bf16 => 0.9,
        Precision::Int8 => 0.79,
    }
}

/// Multiply-adds of one denoising step of one image of `size` (width and height in pixels, else the model's own), twice as
/// many if it is guided.
pub fn step_work(model: &ModelSource, size: (Option<u32>, Option<u32>), is_guided: bool) -> u64 {
    let config = model.unet_config();
    let side = |asked: Option<u32>| asked.map_or(config.sample_size, |side| side as usize / SCALE);
    multiply_adds(config, side(size.1), side(size.0)) * if is_guided { 2 } else { 1 }
}

/// Multiply-adds of the largest denoising step of one image with `settings`: of the second pass where there is one, and of all
/// tiles.
pub fn largest_step_work(model: &ModelSource, settings: &ResolvedSettings) -> u64 {
    let is_guided = settings.guidance_scale > 1.0;
    let side = |asked: Option<u32>| asked.unwrap_or(model.native_side());
    let first = (side(settings.width), side(settings.height));
    let (width, height) = settings.hires_pass(first).map_or(first, |pass| pass.size);
    let Some(tiling) = settings.tiling() else { return step_work(model, (Some(width), Some(height)), is_guided) };
    let tiles = (tiling.starts(width).len() * tiling.starts(height).len()) as u64;
    tiles * step_work(model, (Some(width.min(tiling.size)), Some(height.min(tiling.size))), is_guided)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Shape;
    use crate::device::{DevicePreference, Requirement};

    #[test]
    fn every_precision_of_the_cpu_has_a_time() {
        let choice = DeviceChoice::select(DevicePreference::Flex, Requirement::default()).expect("flex is there");
        let rates = StepRates::measure(&choice).expect("it is measured").expect("the CPU has rates");
        let model = ModelSource::random(Shape::SdxlBase).expect("a known shape");
        let work = step_work(&model, (None, None), true);
        assert_eq!(work, 2 * step_work(&model, (Some(1024), Some(1024)), false));
        for precision in Precision::ALL {
            let seconds = rates.seconds(precision, work).expect("a time");
            assert!(seconds.is_finite() && seconds > 0.0, "{precision}: {seconds}");
        }
        assert_eq!(rates.seconds(Precision::F16, work), rates.seconds(Precision::F32, work));
        let plain = ResolvedSettings::new("a heart");
        assert_eq!(largest_step_work(&model, &plain), work);
        let tiled = ResolvedSettings { hires_scale: Some(4.0), tile_size: Some(1024), ..plain };
        assert_eq!(largest_step_work(&model, &tiled), 25 * work);
    }
}
