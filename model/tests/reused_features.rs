//! Deep features of the UNet reused between steps.

use easel_model::scheduler::Sampler;
use easel_model::{Checkpoint, DevicePreference, Generation, Model, ResolvedSettings};

use crate::common::demo_model;
use crate::runs::bytes;

/// Two images in ten steps, of which the refiner does the last ones.
fn request(reuse_features: u32) -> ResolvedSettings {
    ResolvedSettings {
        negative_prompt: Some("a small green square".into()),
        width: Some(72),
        height: Some(64),
        steps: 10,
        seed: 3,
        count: 2,
        high_noise_frac: 0.6,
        scheduler: Some("dpmpp_2m_sde_karras".parse().expect("a scheduler")),
        reuse_features,
        ..ResolvedSettings::new("a large red heart on a blue background")
    }
}

fn start(model: &Model, request: ResolvedSettings) -> Generation {
    model.start(request).expect("the run starts")
}

/// Checks that a run of `request` put aside after any step gives the same bytes as one that was not.
fn check_resuming(model: &Model, request: &ResolvedSettings) {
    let unbroken = bytes(start(model, request.clone()));
    let mut run = start(model, request.clone());
    while let Some(progress) = run.advance().expect("the step is done") {
        let saved = run.checkpoint().to_bytes().expect("it can be saved");
        let checkpoint = Checkpoint::from_bytes(&saved).expect("it can be read");
        assert!(bytes(model.resume(checkpoint).expect("it fits")) == unbroken, "{request:?}: step {}", progress.step);
    }
    assert!(bytes(run) == unbroken);
}

#[test]
fn a_resumed_run_gives_the_same_bytes() {
    let model = demo_model(DevicePreference::Flex, None);
    check_resuming(&model, &request(2));
    check_resuming(&model, &request(3));
    check_resuming(&model, &ResolvedSettings { guidance_interval: Some((0.2, 0.75)), ..request(3) });
    check_resuming(&model, &ResolvedSettings { scheduler: Some(Sampler::Heun.into()), steps: 5, ..request(4) });
}

#[test]
fn reuse_changes_the_image_only_where_it_is_asked_for() {
    let model = demo_model(DevicePreference::Flex, None);
    let difference = |one: &[u8], other: &[u8]| {
        let levels: u32 = one.iter().zip(other).map(|(&one, &other)| u32::from(one.abs_diff(other))).sum();
        f64::from(levels) / one.len() as f64
    };
    let native = |reuse_features| ResolvedSettings {
        width: None,
        height: None,
        count: 1,
        use_refiner: false,
        scheduler: Some(Sampler::Euler.into()),
        ..request(reuse_features)
    };
    let whole = bytes(start(&model, native(1)));
    let (two, ten) = (bytes(start(&model, native(2))), bytes(start(&model, native(10))));
    assert!(two != whole && ten != two);
    // The more steps share their features, the further the image is from what it would have been.
    let (two, ten) = (difference(&two, &whole), difference(&ten, &whole));
    assert!(two < ten && two < 20.0, "{two} and {ten} levels");
    // Where no two steps of a model share features, nothing changes.
    let single = |reuse_features| ResolvedSettings { steps: 2, high_noise_frac: 0.5, ..request(reuse_features) };
    assert!(bytes(start(&model, single(2))) == bytes(start(&model, single(1))));
}

#[test]
fn a_checkpoint_keeps_what_reuse_needs_and_no_more() {
    let model = demo_model(DevicePreference::Flex, None);
    let size = |run: &Generation| run.checkpoint().to_bytes().expect("it can be saved").len();
    let euler = |reuse_features| ResolvedSettings { scheduler: Some(Sampler::Euler.into()), ..request(reuse_features) };
    let (mut plain, mut reusing) = (start(&model, euler(1)), start(&model, euler(3)));
    // The base's steps 0 and 3 compute all levels, as do the refiner's 6 and 9.
    let needed = [true, true, false, true, true, false, true, true, false, false];
    for (step, needed) in needed.into_iter().enumerate() {
        plain.advance().expect("the step is done");
        reusing.advance().expect("the step is done");
        let latents = 2 * 4 * 9 * 8 * size_of::<f32>();
        let extra = size(&reusing) - size(&plain);
        assert!(if needed { extra >= latents } else { extra == 0 }, "{extra} bytes more after step {step}");
    }
}
