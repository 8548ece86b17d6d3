//! Image i of a request for several is, byte for byte, what the same request draws alone with seed + i.

use easel_model::scheduler::{Sampler, SchedulerName};
use easel_model::{Checkpoint, DevicePreference, Generation, Model, Precision, Request, ResolvedSettings};
use image::RgbImage;

use crate::common::{case, demo_model};

/// Three images with a negative prompt, guidance rescale and a refiner.
fn settings() -> ResolvedSettings {
    ResolvedSettings {
        negative_prompt: Some("a small green square".into()),
        width: Some(72),
        height: Some(64),
        steps: 4,
        seed: 7,
        count: 3,
        guidance_rescale: 0.5,
        high_noise_frac: 0.6,
        ..ResolvedSettings::new("a large red heart on a blue background")
    }
}

/// The same, from an init image.
fn from_image() -> Request {
    let settings = ResolvedSettings { strength: 0.8, ..settings() };
    Request { init_image: case("from_picture").request().init_image, ..settings.into() }
}

/// The request with other settings.
fn with(mut request: Request, change: impl FnOnce(&mut ResolvedSettings)) -> Request {
    change(&mut request.settings);
    request
}

fn finish(mut run: Generation) -> Vec<RgbImage> {
    run.finish().expect("the run ends well")
}

/// Draws the images of `request` together, each of them alone, and together with a stop half way.
fn check(model: &Model, request: &Request, what: &str) {
    let start = |request: &Request| model.start(request.clone()).expect("the run starts");
    let together = finish(start(request));
    assert_eq!(together.len(), request.settings.count as usize);
    assert!(together[0] != together[1] && together[1] != together[2], "{what}: images are the same");
    for (index, image) in (0..).zip(&together) {
        let seed = request.settings.seed.wrapping_add(u64::from(index));
        let alone = with(request.clone(), |settings| (settings.seed, settings.count) = (seed, 1));
        assert_eq!(request.settings.alone(index), alone.settings);
        assert!(finish(start(&alone)) == [image.clone()], "{what}: image {index} is another than alone");
    }
    let mut run = start(request);
    for _ in 0..run.total() / 2 {
        run.advance().expect("the step is done");
    }
    let bytes = run.checkpoint().to_bytes().expect("it can be saved");
    let checkpoint = Checkpoint::from_bytes(&bytes).expect("it can be read");
    assert!(finish(model.resume(checkpoint).expect("it fits")) == together, "{what}: resumed");
}

#[test]
fn every_scheduler_draws_each_image_as_it_does_alone() {
    let model = demo_model(DevicePreference::Flex, None);
    for name in Sampler::ALL.iter().copied().map(SchedulerName::from) {
        let scheduled = |request| with(request, |settings| settings.scheduler = Some(name));
        check(&model, &scheduled(settings().into()), &format!("{name}"));
        // One of each way to begin and to draw.
        if matches!(name.sampler(), Sampler::EulerAncestral | Sampler::DpmSolverSde | Sampler::Pndm | Sampler::Lcm) {
            check(&model, &scheduled(from_image()), &format!("{name} from an image"));
        }
    }
}

#[test]
fn every_backend_and_precision_draws_each_image_as_it_does_alone() {
    let flex = Precision::ALL.map(|precision| (DevicePreference::Flex, precision));
    for (device, precision) in flex.into_iter().chain([(DevicePreference::NdArray, Precision::Int8)]) {
        let model = demo_model(device, Some(precision));
        let scheduler = Some(Sampler::EulerAncestral.into());
        for request in [settings().into(), from_image()] {
            let request = with(request, |settings| settings.scheduler = scheduler);
            check(&model, &request, &format!("{device:?} in {precision}"));
        }
    }
}

#[test]
#[ignore = "needs a CUDA device"]
fn cuda_draws_each_image_as_it_does_alone() {
    for precision in [Precision::F32, Precision::Bf16, Precision::F16] {
        let model = demo_model(DevicePreference::Cuda(None), Some(precision));
        for request in [settings().into(), from_image()] {
            let request = with(request, |settings| {
                settings.scheduler = Some("dpmpp_2m_sde_karras".parse().expect("a scheduler"))
            });
            check(&model, &request, &format!("CUDA in {precision}"));
        }
    }
}

#[test]
fn reused_features_and_unguided_steps_are_each_image_s_own() {
    let model = demo_model(DevicePreference::Flex, None);
    let guidance_interval = Some((0.2, 0.8));
    let settings = ResolvedSettings { steps: 9, reuse_features: 3, guidance_interval, ..settings() };
    check(&model, &settings.into(), "reused features");
}

#[test]
fn seeds_go_on_from_0_after_the_largest() {
    let model = demo_model(DevicePreference::Flex, None);
    let settings = ResolvedSettings { seed: u64::MAX - 1, ..settings() };
    assert_eq!(settings.alone(2).seed, 0);
    check(&model, &settings.into(), "the largest seeds");
}
