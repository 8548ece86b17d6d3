//! Images of prompts with weights and trained words, and every number on the way, against the reference.

use std::sync::Arc;

use easel_model::scheduler::Sampler;
use easel_model::{DevicePreference, Embedding, Request, ResolvedSettings};
use easel_settings::{PromptPadding, PromptSyntax};
use serde_json::Value;

use crate::common::{
    Expected, ROUNDED, adapters, check_cases, check_rounding, demo_model, expected_in, on_each_device,
};
use crate::runs::{bytes, check_checkpoints, drawn};

const NAMES: [&str; 10] = [
    "embedding",
    "a1111_weights",
    "a1111_break",
    "a1111_long",
    "a1111_longer_padded",
    "a1111_schedule",
    "a1111_and",
    "a1111_embedding",
    "compel_weights",
    "compel_long",
];

fn embedding(file: &str) -> Arc<Embedding> {
    Arc::new(Embedding::open(&adapters(&format!("files/{file}"))).expect("the embedding opens"))
}

/// The request of a case of `cases.json`, as `make_cases.py` describes it.
fn request(case: &Value) -> Request {
    let text = |name: &str| case[name].as_str();
    let mut settings = ResolvedSettings::new(text("prompt").expect("a prompt"));
    settings.negative_prompt = text("negative_prompt").map(str::to_owned);
    settings.seed = case["seed"].as_u64().expect("a seed");
    settings.steps = case["steps"].as_u64().expect("steps") as u32;
    settings.guidance_scale = case["guidance_scale"].as_f64().expect("a scale");
    settings.scheduler = Some(text("scheduler").expect("a scheduler").parse().expect("a known scheduler"));
    settings.use_refiner = false;
    settings.prompt_syntax = match text("prompt_syntax") {
        Some("a1111") => Some(PromptSyntax::A1111),
        Some("compel") => Some(PromptSyntax::Compel),
        _ => Some(PromptSyntax::Plain),
    };
    if text("pad") == Some("empty") {
        settings.prompt_padding = PromptPadding::Empty;
    }
    let files = case["embeddings"].as_array().into_iter().flatten();
    let embeddings = files.map(|file| embedding(file.as_str().expect("a file"))).collect();
    Request { embeddings, ..settings.into() }
}

fn case(name: &str) -> Request {
    let text = std::fs::read_to_string(adapters("cases.json")).expect("the cases are there");
    let cases: Vec<Value> = serde_json::from_str(&text).expect("the cases are well formed");
    request(cases.iter().find(|case| case["name"] == name).expect("there is such a case"))
}

on_each_device!(compare_all);

fn compare_all(device: DevicePreference) {
    check_cases(device, NAMES.map(with_expected));
}

fn with_expected(name: &str) -> (String, Request, Vec<Expected>) {
    (name.to_owned(), case(name), expected_in(&adapters(&format!("expected/{name}.safetensors"))))
}

/// bf16 and int8 stay as close to the reference as they do with plain prompts.
#[test]
fn rounding_stays_close() {
    for (precision, bound) in ROUNDED {
        check_rounding(&demo_model(DevicePreference::Flex, Some(precision)), bound, NAMES.map(with_expected));
    }
}

/// Everything at once: a schedule, parts, weights, words, a refiner, an interval, two images, reused features.
fn everything() -> Request {
    let mut request = case("a1111_embedding");
    request.settings = ResolvedSettings {
        prompt: "a (zorbglow:1.2) [red:green:0.4] circle AND [star|ring] BREAK on blue :0.5".into(),
        negative_prompt: Some("a [square:zorbglow:3]".into()),
        steps: 6,
        count: 2,
        width: Some(64),
        height: Some(64),
        use_refiner: true,
        high_noise_frac: 0.7,
        guidance_interval: Some((0.0, 0.8)),
        guidance_rescale: 0.3,
        reuse_features: 2,
        scheduler: Some(Sampler::EulerAncestral.into()),
        ..request.settings
    };
    request
}

#[test]
fn every_step_resumes_with_the_same_bytes() {
    let model = demo_model(DevicePreference::Flex, None);
    check_checkpoints(&model, &everything());
    let checkpoint = model.start(everything()).expect("the request is good").checkpoint();
    let error = model.resume(checkpoint.clone()).err().expect("its word is missing").to_string();
    assert!(error.contains("other embeddings"), "{error}");
    let other = Request { embeddings: vec![embedding("embeddings/bleakit.safetensors")], ..everything() };
    assert!(model.resume_with(checkpoint, other).is_err());
}

#[test]
fn image_i_of_several_is_what_the_request_alone_gives() {
    let model = demo_model(DevicePreference::Flex, None);
    let both = drawn(&model, &everything());
    let alone: Vec<u8> = (0..2)
        .flat_map(|index| {
            let settings = everything().settings.alone(index);
            drawn(&model, &Request { settings, ..everything() })
        })
        .collect();
    assert!(both == alone);
}

#[test]
fn marks_change_the_image_and_plain_text_does_not() {
    let model = demo_model(DevicePreference::Flex, None);
    let image = |prompt: &str, syntax: Option<PromptSyntax>| {
        let settings = ResolvedSettings {
            prompt_syntax: syntax,
            steps: 3,
            width: Some(64),
            height: Some(64),
            use_refiner: false,
            ..ResolvedSettings::new(prompt)
        };
        drawn(&model, &settings.into())
    };
    let plain = image("a red circle on a blue background", None);
    for syntax in [PromptSyntax::A1111, PromptSyntax::Compel, PromptSyntax::Plain] {
        assert!(image("a red circle on a blue background", Some(syntax)) == plain, "{syntax:?}");
    }
    assert!(image("a (red) circle on a blue background", Some(PromptSyntax::A1111)) != plain);
    assert!(image("a red+ circle on a blue background", Some(PromptSyntax::Compel)) != plain);
    assert!(image("a red circle on a blue background # a comment", Some(PromptSyntax::A1111)) == plain);
    // A schedule that never changes is no schedule.
    assert!(image("a [red:red:0.5] circle on a blue background", Some(PromptSyntax::A1111)) == plain);
    // Two equal parts of half the weight pull as one.
    let halves = "a red circle on a blue background :0.5 AND a red circle on a blue background :0.5";
    let halves = image(halves, Some(PromptSyntax::A1111));
    assert!(halves.iter().zip(&plain).all(|(first, second)| first.abs_diff(*second) <= 1));
}

#[test]
fn a_long_prompt_is_read_whole_where_a_syntax_is_named() {
    let model = demo_model(DevicePreference::Flex, None);
    let long = "a small red diamond on the left on a white background, ".repeat(8);
    let run = |prompt: String, syntax| {
        let settings = ResolvedSettings {
            prompt_syntax: syntax,
            steps: 2,
            width: Some(64),
            height: Some(64),
            use_refiner: false,
            ..ResolvedSettings::new(prompt)
        };
        model.start(settings).expect("the request is good")
    };
    assert!(run(long.clone(), None).warnings()[0].contains("ignored everything from"));
    for syntax in [PromptSyntax::A1111, PromptSyntax::Compel, PromptSyntax::Plain] {
        let whole = run(long.clone(), Some(syntax));
        assert!(whole.warnings().is_empty(), "{syntax:?}: {:?}", whole.warnings());
        let whole = bytes(whole);
        assert!(whole != bytes(run(long.clone() + "a large blue star", Some(syntax))), "{syntax:?}");
        assert!(whole != bytes(run(long.clone(), None)), "{syntax:?}");
    }
}

#[test]
fn what_a_prompt_names_and_nothing_brings_is_said() {
    let model = demo_model(DevicePreference::Flex, None);
    for (prompt, syntax) in
        [("a heart <lora:ink:0.8>", PromptSyntax::A1111), ("a heart withLora(ink, 0.8)", PromptSyntax::Compel)]
    {
        let settings = ResolvedSettings { prompt_syntax: Some(syntax), steps: 1, ..ResolvedSettings::new(prompt) };
        let run = model.start(settings).expect("the request is good");
        assert!(run.warnings().len() == 1 && run.warnings()[0].contains("`ink`"), "{:?}", run.warnings());
    }
    let and = ResolvedSettings {
        prompt_syntax: Some(PromptSyntax::A1111),
        guidance_scale: 1.0,
        steps: 1,
        ..ResolvedSettings::new("a heart AND a star")
    };
    let run = model.start(and).expect("the request is good");
    assert!(run.warnings()[0].contains("without guidance"), "{:?}", run.warnings());
}

#[test]
fn what_cannot_be_drawn_is_refused_by_name() {
    let model = demo_model(DevicePreference::Flex, None);
    let refused = |prompt: &str| {
        let settings = ResolvedSettings {
            prompt_syntax: Some(PromptSyntax::A1111),
            steps: 150,
            width: Some(64),
            height: Some(64),
            ..ResolvedSettings::new(prompt)
        };
        model.start(settings).err().expect("it is refused").to_string()
    };
    assert!(refused(&"a AND ".repeat(20)).contains("at most 16"));
    assert!(refused(&format!("a ({}:{}) heart", "red", "9".repeat(60))).contains("use smaller ones"));
    let twice = vec![embedding("embeddings/zorbglow.safetensors"); 2];
    let request = Request { embeddings: twice, ..ResolvedSettings::new("a zorbglow").into() };
    assert!(model.start(request).err().expect("it is refused").to_string().contains("there twice"));
}
