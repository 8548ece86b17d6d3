//! Variations: between the noise of a seed and that of another, by AUTOMATIC1111's formula.

use easel_model::scheduler::{Sampler, SchedulerName};
use easel_model::{Checkpoint, DevicePreference, Generation, NoiseGenerator, Request, ResolvedSettings};
use image::RgbImage;

use crate::common::{case, demo_model};

const CHANNELS: usize = 4;

fn settings() -> ResolvedSettings {
    ResolvedSettings {
        width: Some(72),
        height: Some(64),
        steps: 4,
        seed: 7,
        variation_seed: Some(40),
        scheduler: Some(Sampler::Euler.into()),
        ..ResolvedSettings::new("a large red heart on a blue background")
    }
}

fn varied(strength: f64) -> ResolvedSettings {
    ResolvedSettings { variation_strength: strength, ..settings() }
}

/// The same, from an init image.
fn from_image(settings: ResolvedSettings) -> Request {
    let settings = ResolvedSettings { strength: 0.8, ..settings };
    Request { init_image: case("from_picture").request().init_image, ..settings.into() }
}

fn finish(run: easel_model::Result<Generation>) -> Vec<RgbImage> {
    run.expect("the run starts").finish().expect("the run ends well")
}

/// `slerp(val, low, high)` of an image `[channels, rows, columns]` in AUTOMATIC1111's `modules/rng.py`, in f64: norms and
/// products go along the dimension 1.
fn published(val: f64, low: &[f32], high: &[f32], rows: usize, columns: usize) -> Vec<f64> {
    let at = |image: &[f32], c: usize, y: usize, x: usize| f64::from(image[(c * rows + y) * columns + x]);
    let norm = |image: &[f32], c, x| (0..rows).map(|y| at(image, c, y, x).powi(2)).sum::<f64>().sqrt();
    let mut result = vec![0.0; low.len()];
    for c in 0..CHANNELS {
        for x in 0..columns {
            let (low_norm, high_norm) = (norm(low, c, x), norm(high, c, x));
            let dot: f64 = (0..rows).map(|y| at(low, c, y, x) / low_norm * (at(high, c, y, x) / high_norm)).sum();
            let omega = dot.acos();
            for y in 0..rows {
                result[(c * rows + y) * columns + x] = ((1.0 - val) * omega).sin() / omega.sin() * at(low, c, y, x)
                    + (val * omega).sin() / omega.sin() * at(high, c, y, x);
            }
        }
    }
    result
}

#[test]
fn the_noise_is_that_of_the_published_formula() {
    let model = demo_model(DevicePreference::Flex, None);
    let settings = ResolvedSettings { count: 2, ..varied(0.3) };
    let run = model.start_traced(settings).expect("the run starts");
    let found = run.trace().expect("the run is traced").numbers("noise").expect("noise");
    let (rows, columns) = (8, 9);
    let draw = |seed| NoiseGenerator::new(seed).normal(CHANNELS * rows * columns);
    // Both images vary the same one.
    let expected = [40, 41].map(|variation| published(0.3, &draw(7), &draw(variation), rows, columns)).concat();
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(&expected) {
        assert!((found - expected).abs() < 1e-6, "{found} is not {expected}");
    }
}

#[test]
fn no_strength_is_the_seed_s_image_and_all_of_it_the_other_seed_s() {
    let model = demo_model(DevicePreference::Flex, None);
    let plain = |seed| ResolvedSettings { seed, variation_seed: None, ..settings() };
    for make in [Request::from, from_image] {
        let images = |settings| finish(model.start(make(settings)));
        assert!(images(varied(0.0)) == images(plain(7)), "strength 0");
        assert!(images(varied(1.0)) == images(plain(40)), "strength 1");
        let between = images(varied(0.2));
        assert!(between != images(plain(7)) && between != images(plain(40)), "strength 0.2");
    }
    let same = ResolvedSettings { variation_seed: Some(7), ..varied(0.4) };
    assert!(finish(model.start(same)) == finish(model.start(plain(7))), "a seed varied with itself");
}

#[test]
fn what_a_sampler_draws_later_is_the_seed_s() {
    let model = demo_model(DevicePreference::Flex, None);
    let ancestral =
        |settings| ResolvedSettings { scheduler: Some(SchedulerName::from(Sampler::EulerAncestral)), ..settings };
    let other = ResolvedSettings { seed: 40, ..settings() };
    assert!(finish(model.start(ancestral(varied(1.0)))) != finish(model.start(ancestral(other))));
}

#[test]
fn several_variations_are_each_what_it_is_alone_and_survive_a_stop() {
    let model = demo_model(DevicePreference::Flex, None);
    let scheduler = Some(Sampler::EulerAncestral.into());
    for make in [Request::from, from_image] {
        let request = make(ResolvedSettings { count: 3, scheduler, ..varied(0.25) });
        let together = finish(model.start(request.clone()));
        for (index, image) in (0..).zip(&together) {
            let alone = request.settings.alone(index);
            assert_eq!((alone.seed, alone.variation_seed), (7, Some(40 + u64::from(index))));
            let alone = Request { settings: alone, ..request.clone() };
            assert!(finish(model.start(alone)) == [image.clone()], "image {index} is another than alone");
        }
        let mut run = model.start(request).expect("the run starts");
        run.advance().expect("the step is done");
        let bytes = run.checkpoint().to_bytes().expect("it can be saved");
        let checkpoint = Checkpoint::from_bytes(&bytes).expect("it can be read");
        assert!(finish(model.resume(checkpoint)) == together, "resumed");
    }
}
