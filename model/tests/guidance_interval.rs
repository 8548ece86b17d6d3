//! Guidance costs a second evaluation of the model only at the steps that it is asked for.

use easel_model::{DevicePreference, Generation, Model, ResolvedSettings};

use crate::common::demo_model;

/// Two images in eight steps, the last two of them the refiner's.
fn request(guidance_scale: f64, guidance_interval: Option<(f64, f64)>) -> ResolvedSettings {
    ResolvedSettings {
        negative_prompt: Some("a small green square".into()),
        width: Some(64),
        height: Some(64),
        steps: 8,
        seed: 5,
        count: 2,
        high_noise_frac: 0.75,
        guidance_scale,
        guidance_interval,
        ..ResolvedSettings::new("a large red heart on a blue background")
    }
}

/// The images, and how often every step evaluated each of them.
fn draw(mut run: Generation) -> (Vec<u8>, Vec<usize>) {
    let mut evaluations = Vec::new();
    let mut before = run.evaluations();
    while run.advance().expect("the step is done").is_some() {
        evaluations.push((run.evaluations() - before) / 2);
        before = run.evaluations();
    }
    let images = run.finish().expect("the run ends well");
    (images.iter().flat_map(|image| image.as_raw().clone()).collect(), evaluations)
}

fn start(model: &Model, guidance_scale: f64, guidance_interval: Option<(f64, f64)>) -> Generation {
    model.start(request(guidance_scale, guidance_interval)).expect("the run starts")
}

#[test]
fn only_guided_steps_are_evaluated_twice() {
    let model = demo_model(DevicePreference::Flex, None);
    let (everywhere, evaluations) = draw(start(&model, 5.0, None));
    assert_eq!(evaluations, [2; 8]);
    let (nowhere, evaluations) = draw(start(&model, 1.0, None));
    assert_eq!(evaluations, [1; 8]);
    let (within, evaluations) = draw(start(&model, 5.0, Some((0.25, 0.875))));
    assert_eq!(evaluations, [1, 1, 2, 2, 2, 2, 2, 1]);
    assert!(within != everywhere && within != nowhere);
    // Both are the same numbers: a step outside the interval is one without guidance.
    let (outside, _) = draw(start(&model, 5.0, Some((0.01, 0.02))));
    assert!(outside == nowhere);
}

#[test]
fn the_whole_schedule_is_the_same_as_no_interval() {
    let model = demo_model(DevicePreference::Flex, None);
    assert!(draw(start(&model, 5.0, Some((0.0, 1.0)))) == draw(start(&model, 5.0, None)));
}

#[test]
fn a_resumed_run_keeps_its_interval() {
    let model = demo_model(DevicePreference::Flex, None);
    let (unbroken, evaluations) = draw(start(&model, 5.0, Some((0.25, 0.875))));
    let mut run = start(&model, 5.0, Some((0.25, 0.875)));
    for done in 1..=evaluations.len() {
        run.advance().expect("the step is done");
        let (resumed, rest) = draw(model.resume(run.checkpoint()).expect("it fits"));
        assert!(resumed == unbroken, "after step {done}");
        assert_eq!(rest, evaluations[done..]);
    }
}
