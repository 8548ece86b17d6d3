//! What a generation refuses, and what it says.

use easel_model::{DevicePreference, Error, Request, ResolvedSettings};

use crate::common::{case, demo_model, reference};

/// A change of a good request, and what the refusal must name.
type Wrong = (fn(&mut Request), &'static str, &'static str);

const WRONG: [Wrong; 24] = [
    (|request| request.settings.steps = 0, "steps", "0 is out of bounds"),
    (|request| request.settings.steps = 151, "steps", "1 to 150"),
    (|request| request.settings.guidance_scale = f64::NAN, "guidance_scale", "NaN"),
    (|request| request.settings.guidance_scale = f64::INFINITY, "guidance_scale", "inf"),
    (|request| request.settings.guidance_rescale = -0.1, "guidance_rescale", "-0.1"),
    (|request| request.settings.guidance_interval = Some((-0.1, 1.0)), "guidance_interval", "-0.1 is out of bounds"),
    (|request| request.settings.guidance_interval = Some((0.5, 1.5)), "guidance_interval", "1.5 is out of bounds"),
    (|request| request.settings.guidance_interval = Some((0.5, f64::NAN)), "guidance_interval", "NaN"),
    (|request| request.settings.guidance_interval = Some((0.8, 0.1)), "guidance_interval", "0.8 to 0.1 is empty"),
    (|request| request.settings.reuse_features = 0, "reuse_features", "1 to 10"),
    (|request| request.settings.reuse_features = 11, "reuse_features", "1 to 10"),
    (|request| request.settings.token_merging = 0.8, "token_merging", "0 to 0.75"),
    (|request| request.settings.attention_gate = Some(1.1), "attention_gate", "0 to 1"),
    (|request| request.settings.attention_gate = Some(f64::NAN), "attention_gate", "NaN"),
    (|request| request.settings.width = Some(100), "width", "multiple of 8: use 96 or 104"),
    (|request| request.settings.height = Some(2056), "height", "use at most 2048"),
    (|request| request.settings.height = Some(4104), "height", "64 to 4096"),
    (|request| request.settings.count = 9, "count", "1 to 8"),
    (|request| request.settings.high_noise_frac = f64::NAN, "high_noise_frac", "NaN"),
    (|request| request.settings.high_noise_frac = 0.0, "high_noise_frac", "needs an image"),
    (|request| request.settings.strength = 1.5, "strength", "0 to 1"),
    (|request| request.settings.prompt = "x".repeat(2001), "prompt", "2001 characters"),
    (|request| request.settings.original_size = Some((0, 64)), "original_size", "0 is out of bounds"),
    (
        |request| {
            (request.settings.steps, request.settings.strength, request.init_image) =
                (20, 0.01, Some(image::RgbImage::new(64, 64)))
        },
        "strength",
        "less than one step",
    ),
];

#[test]
fn every_wrong_value_is_named() {
    let model = demo_model(DevicePreference::Flex, None);
    for (change, field, text) in WRONG {
        let mut request = Request::new("a red circle on a blue background");
        change(&mut request);
        let error = model.start(request).err().expect("the request is refused");
        assert!(matches!(error, Error::InvalidRequest { field: named, .. } if named == field), "{error}");
        assert!(error.to_string().contains(text), "{error}");
        assert!(error.is_wrong_use());
    }
}

#[test]
fn words_that_do_not_fit_are_named() {
    let model = demo_model(DevicePreference::Flex, None);
    let run = model.start(case("overlong_prompt").request()).expect("a long prompt is no error");
    assert_eq!(run.warnings().len(), 1, "{:?}", run.warnings());
    assert!(run.warnings()[0].contains("on a white background"), "{:?}", run.warnings());
}

#[test]
fn the_refiner_alone_changes_a_finished_image() {
    let model = demo_model(DevicePreference::Flex, None);
    let init = image::open(reference("pipeline/plain.png")).expect("the image is there").to_rgb8();
    let settings = ResolvedSettings {
        strength: 0.3,
        high_noise_frac: 0.0,
        steps: 20,
        ..ResolvedSettings::new("a red circle on a blue background")
    };
    let request = Request { init_image: Some(init.clone()), ..settings.into() };
    let mut run = model.start(request).expect("the request is good");
    let mut stages = Vec::new();
    while let Some(progress) = run.advance().expect("the step is done") {
        stages.push(progress.stage);
        assert_eq!((progress.step, progress.total), (stages.len(), 6));
        let preview = run.preview(0).expect("there is a first image");
        assert_eq!(preview.dimensions(), (16, 16));
    }
    assert_eq!(stages, [easel_model::Stage::Refiner; 6]);
    let image = &run.finish().expect("the run ends well")[0];
    let difference: f64 = image.as_raw().iter().zip(init.as_raw()).map(|(&a, &b)| f64::from(a.abs_diff(b))).sum();
    let mean = difference / image.as_raw().len() as f64;
    assert!(mean > 0.1 && mean < 20.0, "the image changed by {mean} levels on average");
}
