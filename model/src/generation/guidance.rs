//! Classifier-free guidance (Ho & Salimans 2022), its rescaling (Lin et al. 2023, section 3.4) and the interval that it is
//! limited to (Kynkäänniemi et al. 2024).

use easel_settings::ResolvedSettings;

use crate::scheduler::Scheduler;

/// Whether the evaluation `index` of `scheduler` is guided: the model then evaluates the negative prompt too. Both
/// evaluations of a second-order step are, or neither is.
pub(crate) fn is_guided(settings: &ResolvedSettings, scheduler: &Scheduler, index: usize) -> bool {
    let step = scheduler.step_of(index);
    let share = step as f64 / scheduler.steps() as f64;
    let within = settings.guidance_interval.is_none_or(|(start, end)| start <= share && share < end);
    settings.guidance_scale > 1.0 && within
}

/// Pulls `text`, the output for the first part of the prompt, away from `negative` by the first of `scales`, and towards
/// each of the `others`, as it differs from `negative`, by the scale after that (Liu et al. 2022), in place, for images of
/// `per_image` numbers each; `rescale` blends in a version with the contrast of the unguided output (diffusers
/// `rescale_noise_cfg`).
pub(crate) fn apply(
    text: &mut [f32],
    others: &[Vec<f32>],
    negative: &[f32],
    per_image: usize,
    scales: &[f64],
    rescale: f64,
) {
    for (image, (text, negative)) in text.chunks_mut(per_image).zip(negative.chunks(per_image)).enumerate() {
        let before = deviation(text);
        for (place, (text, negative)) in text.iter_mut().zip(negative).enumerate() {
            let others = others.iter().map(|other| other[image * per_image + place]);
            let pulls = [*text].into_iter().chain(others).zip(scales);
            let pulls = pulls.map(|(output, &scale)| scale as f32 * (output - negative));
            *text = negative + pulls.fold(0.0, |sum, pull| sum + pull);
        }
        if rescale > 0.0 {
            let ratio = before / deviation(text).max(f64::MIN_POSITIVE);
            for value in text.iter_mut() {
                let rescaled = (f64::from(*value) * ratio) as f32;
                *value = rescale as f32 * rescaled + (1.0 - rescale as f32) * *value;
            }
        }
    }
}

/// Standard deviation of all numbers.
fn deviation(values: &[f32]) -> f64 {
    let count = values.len() as f64;
    let mean = values.iter().map(|&value| f64::from(value)).sum::<f64>() / count;
    (values.iter().map(|&value| (f64::from(value) - mean).powi(2)).sum::<f64>() / count).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scheduler::{Sampler, SchedulerConfig};

    /// The evaluations that are guided, of a schedule of ten steps.
    fn guided(sampler: Sampler, guidance_scale: f64, guidance_interval: Option<(f64, f64)>) -> Vec<usize> {
        let settings = ResolvedSettings { guidance_scale, guidance_interval, ..ResolvedSettings::new("a heart") };
        let scheduler = Scheduler::new(sampler.into(), &SchedulerConfig::default(), 10).expect("a usual schedule");
        (0..scheduler.timesteps().len()).filter(|&index| is_guided(&settings, &scheduler, index)).collect()
    }

    #[test]
    fn only_steps_of_the_interval_are_guided() {
        let euler = |scale, interval| guided(Sampler::Euler, scale, interval);
        assert_eq!(euler(5.0, None), Vec::from_iter(0..10));
        assert_eq!(euler(5.0, Some((0.0, 1.0))), Vec::from_iter(0..10));
        assert_eq!(euler(5.0, Some((0.1, 0.8))), Vec::from_iter(1..8));
        assert_eq!(euler(5.0, Some((0.15, 0.21))), [2]);
        assert!(euler(5.0, Some((0.11, 0.19))).is_empty());
        assert!(euler(1.0, Some((0.0, 1.0))).is_empty() && euler(0.0, None).is_empty());
        assert_eq!(guided(Sampler::Heun, 5.0, Some((0.1, 0.8))), Vec::from_iter(2..16));
        assert_eq!(guided(Sampler::Heun, 5.0, Some((0.9, 1.0))), [18]);
    }

    #[test]
    fn full_rescaling_restores_the_contrast_of_each_image() {
        let text: Vec<f32> = (0..64).map(|index| (index as f32 * 0.7).sin()).collect();
        let negative: Vec<f32> = (0..64).map(|index| (index as f32 * 0.3).cos() * 0.5).collect();
        let mut guided = text.clone();
        apply(&mut guided, &[], &negative, 32, &[7.5], 1.0);
        for (guided, text) in guided.chunks(32).zip(text.chunks(32)) {
            assert!((deviation(guided) - deviation(text)).abs() < 1e-6);
        }
        let mut plain = text.clone();
        apply(&mut plain, &[], &negative, 32, &[1.0], 0.0);
        assert!(plain.iter().zip(&text).all(|(plain, text)| (plain - text).abs() < 1e-6));
    }

    #[test]
    fn every_part_pulls_by_its_own_scale() {
        let (mut text, negative) = (vec![1.0, 2.0, 3.0, 4.0], [0.5, 0.0, 1.0, -1.0]);
        let others = [vec![0.0, 1.0, 1.0, 0.0], vec![2.0; 4]];
        apply(&mut text, &others, &negative, 2, &[2.0, -1.0, 0.5], 0.0);
        assert_eq!(text, [0.5 + 1.0 + 0.5 + 0.75, 4.0 - 1.0 + 1.0, 1.0 + 4.0 + 0.5, -1.0 + 10.0 - 1.0 + 1.5]);
    }
}
