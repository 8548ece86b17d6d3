//! Second passes over enlarged images, and images drawn in tiles.

use std::sync::Arc;

use easel_model::{DevicePreference, Model, Request, ResolvedSettings, Upscaler};

use crate::common::{demo_model, reference};
use crate::runs::check_checkpoints;

/// With a sampler that draws noise at every step, guidance and two images.
fn settings() -> ResolvedSettings {
    ResolvedSettings {
        width: Some(72),
        height: Some(64),
        steps: 3,
        seed: 7,
        count: 2,
        scheduler: Some("euler_a".parse().expect("a scheduler")),
        high_noise_frac: 0.8,
        hires_scale: Some(1.5),
        hires_strength: 0.6,
        hires_steps: Some(2),
        ..ResolvedSettings::new("a large red heart on a blue background")
    }
}

fn upscaler(model: &Model) -> Arc<Upscaler> {
    let file = reference("upscalers/rrdb_x2.pth");
    Arc::new(Upscaler::open(&file, model.device()).expect("it opens"))
}

/// The request by each way of enlarging.
fn requests(model: &Model) -> Vec<Request> {
    let by = |name: &str| ResolvedSettings { hires_upscaler: name.to_owned(), ..settings() };
    let network = Request { upscaler: Some(upscaler(model)), ..by("rrdb_x2").into() };
    vec![by("latent").into(), by("lanczos").into(), network]
}

#[test]
fn a_second_pass_draws_the_image_again_at_its_size() {
    let model = demo_model(DevicePreference::Flex, None);
    let mut results = Vec::new();
    for request in requests(&model) {
        let mut run = model.start_traced(request).expect("the run starts");
        assert_eq!((run.step(), run.total()), (0, 5));
        let mut steps = Vec::new();
        while let Some(progress) = run.advance().expect("the step is done") {
            steps.push((progress.step, progress.total));
            assert_eq!(run.preview(1).expect("there is one").width(), if progress.step <= 3 { 9 } else { 13 });
        }
        assert_eq!(steps, [(1, 5), (2, 5), (3, 5), (4, 5), (5, 5)]);
        // Two images, with guidance.
        assert_eq!(run.evaluations(), 5 * 2 * 2);
        let trace = run.trace().expect("it is traced");
        // Of the noise of a generator that begins anew, at the larger size.
        let noise = trace.numbers("hires_noise").expect("it is kept");
        let mut fresh = easel_model::NoiseGenerator::new(8).normal(4 * 12 * 13);
        assert!(noise[4 * 12 * 13..].iter().zip(fresh.drain(..)).all(|(found, fresh)| (*found as f32) == fresh));
        let images = run.finish().expect("the run ends well");
        assert!(images.iter().all(|image| image.dimensions() == (104, 96)));
        results.push(images);
    }
    // Each way of enlarging makes another image.
    for (index, images) in results.iter().enumerate() {
        assert!(results[index + 1..].iter().all(|other| other[0] != images[0]), "way {index}");
    }
}

#[test]
fn image_i_of_several_is_what_its_seed_gives_alone() {
    let model = demo_model(DevicePreference::Flex, None);
    let both = model.start(settings()).expect("the run starts").finish().expect("it ends well");
    for (number, image) in (0..).zip(&both) {
        let alone = model.start(settings().alone(number)).expect("the run starts").finish().expect("it ends well");
        assert!(alone[0] == *image, "image {number}");
    }
}

#[test]
fn either_pass_resumes_with_the_same_bytes() {
    let model = demo_model(DevicePreference::Flex, None);
    let tiled = ResolvedSettings { tile_size: Some(64), tile_overlap: Some(16), reuse_features: 2, ..settings() };
    for mut request in [requests(&model), vec![tiled.into()]].concat() {
        request.settings.count = 1;
        check_checkpoints(&model, &request);
    }
    // With another upscaler, or none, it would become another image.
    let run = model.start(requests(&model).remove(2)).expect("the run starts");
    let error = model.resume(run.checkpoint()).err().expect("it is refused").to_string();
    assert!(error.contains("another upscaler"), "{error}");
}

#[test]
fn tiles_make_an_image_of_the_same_thing() {
    let model = demo_model(DevicePreference::Flex, None);
    let whole = ResolvedSettings {
        width: Some(128),
        height: Some(128),
        steps: 6,
        seed: 3,
        ..ResolvedSettings::new("a large red heart on a blue background")
    };
    let image = |settings: &ResolvedSettings| {
        let mut run = model.start(settings.clone()).expect("the run starts");
        let image = run.finish().expect("it ends well").remove(0);
        (image, run.evaluations())
    };
    let (plain, evaluations) = image(&whole);
    // One tile is the whole image.
    let (one, _) = image(&ResolvedSettings { tile_size: Some(128), ..whole.clone() });
    assert!(one == plain);
    let (tiled, of_tiles) = image(&ResolvedSettings { tile_size: Some(96), tile_overlap: Some(48), ..whole });
    assert_eq!((tiled.dimensions(), of_tiles), ((128, 128), 4 * evaluations));
    assert!(tiled != plain);
}

#[test]
fn what_cannot_be_is_refused_before_it_begins() {
    let model = demo_model(DevicePreference::Flex, None);
    let plain = ResolvedSettings { hires_scale: None, ..settings() };
    for (settings, part) in [
        (
            ResolvedSettings { hires_upscaler: "4x_sharp".into(), ..settings() },
            "hires_upscaler: `4x_sharp` is an upscaler that",
        ),
        (ResolvedSettings { hires_strength: 0.05, hires_steps: Some(150), ..settings() }, "hires_steps: 150 steps at"),
        (
            ResolvedSettings { width: Some(1024), hires_scale: Some(3.0), ..settings() },
            "hires_scale: 3 makes the width 3072",
        ),
        (
            ResolvedSettings { width: Some(2056), ..plain.clone() },
            "width: 2056 pixels long: use at most 2048; for up to 4096",
        ),
        (
            ResolvedSettings { tile_size: Some(64), tile_overlap: Some(40), ..plain.clone() },
            "tile_overlap: 40 is more than half",
        ),
        (ResolvedSettings { hires_scale: Some(f64::NAN), ..plain }, "hires_scale"),
    ] {
        let error = model.start(settings).err().expect("it is refused").to_string();
        assert!(error.starts_with(part), "{error}");
    }
}
