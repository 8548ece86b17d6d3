//! Which timesteps and noise levels a run goes through.
//!
//! Tables and rounding are those of diffusers: float32 where it has float32, NumPy's float64 where it has that.

use super::config::{BetaSchedule, FinalSigmasType, SchedulerConfig, TimestepSpacing};

/// How much image and how much noise is in a sample: `alpha * image + sigma * noise`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Level {
    pub(super) alpha: f32,
    pub(super) sigma: f32,
}

impl Level {
    /// The image as it is, with noise on top.
    pub(super) fn exploding(sigma: f32) -> Self {
        Self { alpha: 1.0, sigma }
    }

    /// The same ratio with the total variance kept at 1.
    pub(super) fn preserving(sigma: f32) -> Self {
        let alpha = 1.0 / (sigma * sigma + 1.0).sqrt();
        Self { alpha, sigma: sigma * alpha }
    }

    /// From the share of the image in the variance.
    pub(super) fn from_alpha_cumprod(alpha_cumprod: f32) -> Self {
        Self { alpha: alpha_cumprod.sqrt(), sigma: (1.0 - alpha_cumprod).sqrt() }
    }

    /// Half the logarithm of the signal-to-noise ratio.
    pub(super) fn lambda(self) -> f32 {
        self.alpha.ln() - self.sigma.ln()
    }
}

/// How noise is added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Space {
    /// On top of the image ([`Level::exploding`]); the model's input is scaled down.
    Exploding,
    /// In place of a part of it, so that the variance stays 1 ([`Level::preserving`]).
    Preserving,
}

/// What the model gets as its timestep at each step, and the noise levels, with the one after the last step.
#[derive(Debug)]
pub(super) struct StepLevels {
    pub(super) timesteps: Vec<f64>,
    pub(super) sigmas: Vec<f32>,
}

impl StepLevels {
    pub(super) fn new(timesteps: Vec<f64>, sigmas: impl IntoIterator<Item = f64>) -> Self {
        Self { timesteps, sigmas: sigmas.into_iter().map(|sigma| sigma as f32).collect() }
    }
}

/// A run's model evaluations, first to last.
#[derive(Clone, Debug)]
pub(super) struct Schedule {
    pub(super) space: Space,
    /// What the model gets as its timestep.
    pub(super) timesteps: Vec<f64>,
    /// The noise levels as diffusers' `sigmas`, one more than timesteps; empty for samplers that know only timesteps.
    pub(super) sigmas: Vec<f32>,
    /// The level of the sample before each evaluation; where there are sigmas, also after the last.
    pub(super) levels: Vec<Level>,
}

impl Schedule {
    /// An evaluation for each step.
    pub(super) fn of_steps(levels: StepLevels, space: Space) -> Self {
        let level = |sigma: &f32| match space {
            Space::Exploding => Level::exploding(*sigma),
            Space::Preserving => Level::preserving(*sigma),
        };
        let StepLevels { timesteps, sigmas } = levels;
        Self { space, levels: sigmas.iter().map(level).collect(), timesteps, sigmas }
    }

    /// Whether every step starts with noise, and with less than the one before.
    pub(super) fn is_falling(&self, is_start: impl Fn(usize) -> bool) -> bool {
        let starts = || {
            let levels = self.levels.iter().take(self.timesteps.len()).enumerate();
            levels.filter(|(index, _)| is_start(*index)).map(|(_, level)| level)
        };
        let ratio = |level: &Level| level.sigma / level.alpha.max(f32::MIN_POSITIVE);
        starts().all(|level| level.sigma > 0.0 && level.sigma.is_finite())
            && starts().is_sorted_by(|a, b| ratio(a) > ratio(b))
    }
}

/// 2⁻²⁴, what diffusers leaves of the image's variance in place of nothing.
const NEARLY_NOTHING: f32 = 1.0 / 16_777_216.0;

/// What is left of the image's variance at the last training timestep if the betas are rescaled to leave nothing.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum ZeroSnr {
    /// Nothing.
    Exact,
    /// 2⁻²⁴, so that the ratio of noise to image stays finite.
    Nearly,
}

/// The share of the image in the variance at each training timestep.
pub(super) fn alphas_cumprod(config: &SchedulerConfig, zero_snr: ZeroSnr) -> Vec<f32> {
    let timesteps = config.num_train_timesteps;
    let betas = match config.beta_schedule {
        BetaSchedule::Linear => linspace_f32(config.beta_start, config.beta_end, timesteps),
        BetaSchedule::ScaledLinear => linspace_f32(config.beta_start.sqrt(), config.beta_end.sqrt(), timesteps)
            .into_iter()
            .map(|root| root * root)
            .collect(),
    };
    let cumprod = cumulative_product(betas.iter().map(|beta| 1.0 - beta));
    if !config.rescale_betas_zero_snr {
        return cumprod;
    }
    // "Common Diffusion Noise Schedules and Sample Steps are Flawed", algorithm 1, by way of betas as in diffusers.
    let roots: Vec<f32> = cumprod.iter().map(|product| product.sqrt()).collect();
    let (first, last) = (roots[0], roots[timesteps - 1]);
    let bars: Vec<f32> = roots.iter().map(|root| (root - last) * (first / (first - last))).map(|r| r * r).collect();
    let ratios = bars.windows(2).map(|pair| pair[1] / pair[0]);
    let alphas = std::iter::once(bars[0]).chain(ratios).map(|alpha| 1.0 - (1.0 - alpha));
    let mut cumprod = cumulative_product(alphas);
    if zero_snr == ZeroSnr::Nearly {
        cumprod[timesteps - 1] = NEARLY_NOTHING;
    }
    cumprod
}

/// The ratio of noise to image at each training timestep.
pub(super) fn training_sigmas(alphas_cumprod: &[f32]) -> Vec<f32> {
    let sigma = |product: &f32| match *product {
        // PyTorch's power function rounds this one up to a power of two, and from there a run's first step subtracts nearly
        // equal numbers.
        NEARLY_NOTHING => 4096.0,
        product => ((1.0 - product) / product).sqrt(),
    };
    alphas_cumprod.iter().map(sigma).collect()
}

/// The training timesteps that `steps` steps visit, going down.
///
/// `last` is the number of training timesteps to choose from. With `skip_lowest` one point more is laid out and the lowest
/// left out, as multistep solvers do.
pub(super) fn spaced_timesteps(config: &SchedulerConfig, steps: usize, last: usize, skip_lowest: bool) -> Vec<f64> {
    let skipped = usize::from(skip_lowest);
    let points = steps + skipped;
    let going_down = (skipped..points).rev();
    match config.timestep_spacing {
        TimestepSpacing::Linspace => {
            going_down.map(|i| linspace(0.0, last.saturating_sub(1) as f64, points, i)).collect()
        }
        TimestepSpacing::Leading => going_down.map(|i| (i * (last / points) + config.steps_offset) as f64).collect(),
        TimestepSpacing::Trailing => {
            // NumPy's arange takes its stride from its first two values. It gives one value too many for some numbers of
            // steps (61, 103, 121, 122); here there are always as many as asked for.
            let first = last as f64;
            let stride = (first - config.num_train_timesteps as f64 / steps as f64) - first;
            (0..steps).map(|i| (first + i as f64 * stride).round_ties_even() - 1.0).collect()
        }
    }
}

/// The noise levels of `timesteps`, between which those of training are interpolated.
pub(super) fn interpolate(timesteps: &[f64], training_sigmas: &[f32]) -> Vec<f64> {
    let last = training_sigmas.len() - 1;
    let at = |index: usize| f64::from(training_sigmas[index]);
    let interpolated = |timestep: &f64| {
        let low = (timestep.max(0.0) as usize).min(last);
        match timestep - low as f64 {
            fraction if fraction > 0.0 && low < last => (at(low + 1) - at(low)) * fraction + at(low),
            _ => at(low),
        }
    };
    timesteps.iter().map(interpolated).collect()
}

/// The (fractional) training timestep of a noise level.
pub(super) fn timestep_of_sigma(sigma: f64, training_sigmas: &[f32]) -> f64 {
    let log_sigma = sigma.max(1e-10).ln();
    let log = |index: usize| training_sigmas[index].ln();
    let low = training_sigmas
        .partition_point(|training| f64::from(training.ln()) <= log_sigma)
        .saturating_sub(1)
        .min(training_sigmas.len() - 2);
    let weight = (f64::from(log(low)) - log_sigma) / f64::from(log(low) - log(low + 1));
    let weight = weight.clamp(0.0, 1.0);
    (1.0 - weight) * low as f64 + weight * (low + 1) as f64
}

/// The noise level after the last step.
pub(super) fn final_sigma(config: &SchedulerConfig, training_sigmas: &[f32]) -> f64 {
    match config.final_sigmas_type {
        FinalSigmasType::Zero => 0.0,
        FinalSigmasType::SigmaMin => f64::from(training_sigmas[0]),
    }
}

/// Value `index` of NumPy's `linspace(start, end, points)`.
pub(super) fn linspace(start: f64, end: f64, points: usize, index: usize) -> f64 {
    match index {
        0 => start,
        _ if index + 1 == points => end,
        _ => start + index as f64 * ((end - start) / (points - 1) as f64),
    }
}

/// PyTorch's `linspace` in float32, which counts the second half down from the end. At least two points.
fn linspace_f32(start: f64, end: f64, points: usize) -> Vec<f32> {
    let (start, end) = (start as f32, end as f32);
    let step = (end - start) / (points - 1) as f32;
    (0..points)
        .map(|i| if i < points / 2 { start + step * i as f32 } else { end - step * (points - 1 - i) as f32 })
        .collect()
}

/// PyTorch's `cumprod` of float32 values, which multiplies in float64.
fn cumulative_product(values: impl Iterator<Item = f32>) -> Vec<f32> {
    let mut product = 1.0f64;
    values
        .map(|value| {
            product *= f64::from(value);
            product as f32
        })
        .collect()
}
