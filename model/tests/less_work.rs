//! Token merging and kept cross-attention: what they change, what they save, and that a generation with them can be put aside.

use easel_model::scheduler::Sampler;
use easel_model::{
    Checkpoint, DeviceChoice, DevicePreference, Error, Generation, Model, ModelOptions, ModelSource, Precision,
    Request, Requirement, ResolvedSettings, Retention, Shape,
};
use easel_settings::Settings;

use crate::common::{case, demo_model};
use crate::prompt_score::{Prompt, prompts, score};
use crate::{adapter_cases, inpainting};

/// Two images in eight steps, of which the refiner does the last ones.
fn settings() -> ResolvedSettings {
    ResolvedSettings {
        negative_prompt: Some("a small green square".into()),
        width: Some(72),
        height: Some(64),
        steps: 8,
        seed: 3,
        count: 2,
        high_noise_frac: 0.75,
        scheduler: Some("dpmpp_2m_sde_karras".parse().expect("a scheduler")),
        ..ResolvedSettings::new("a large red heart on a blue background")
    }
}

fn merging() -> ResolvedSettings {
    ResolvedSettings { token_merging: 0.5, ..settings() }
}

fn gated() -> ResolvedSettings {
    ResolvedSettings { attention_gate: Some(0.4), ..settings() }
}

fn both() -> ResolvedSettings {
    ResolvedSettings { attention_gate: Some(0.3), reuse_features: 2, ..merging() }
}

fn finished(mut run: Generation) -> Vec<Vec<u8>> {
    run.finish().expect("the run ends well").into_iter().map(image::RgbImage::into_raw).collect()
}

fn drawn(model: &Model, request: impl Into<Request>) -> Vec<Vec<u8>> {
    finished(model.start(request).expect("the request is good"))
}

/// Draws the images together, each of them alone, and again from every checkpoint.
fn check(model: &Model, request: impl Into<Request>) {
    let request = request.into();
    let together = drawn(model, request.clone());
    for (index, image) in (0..).zip(&together) {
        let alone = Request { settings: request.settings.alone(index), ..request.clone() };
        assert!(drawn(model, alone) == [image.clone()], "{:?}: image {index} is another than alone", request.settings);
    }
    let mut run = model.start(request.clone()).expect("the request is good");
    loop {
        let saved = run.checkpoint().to_bytes().expect("it can be saved");
        let checkpoint = Checkpoint::from_bytes(&saved).expect("it can be read");
        let resumed = model.resume_with(checkpoint, request.clone()).expect("it fits");
        assert!(finished(resumed) == together, "{:?}: resumed after step {}", request.settings, run.step());
        if run.advance().expect("the step is done").is_none() {
            break;
        }
    }
}

#[test]
fn every_step_resumes_and_every_image_is_what_it_is_alone() {
    let model = demo_model(DevicePreference::Flex, None);
    for settings in [merging(), gated(), both()] {
        check(&model, settings);
    }
    let heun = Some(Sampler::Heun.into());
    check(&model, ResolvedSettings { scheduler: heun, steps: 5, reuse_features: 3, count: 1, ..gated() });
    check(&model, ResolvedSettings { guidance_interval: Some((0.2, 0.8)), count: 1, ..both() });
    check(&model, ResolvedSettings { guidance_scale: 1.0, reuse_features: 3, count: 1, ..gated() });
    // Deep features are older than the gate, and newer.
    for reuse_features in [2, 3, 4] {
        check(
            &model,
            ResolvedSettings { attention_gate: Some(0.25), use_refiner: false, count: 1, reuse_features, ..gated() },
        );
    }
}

#[test]
fn images_texts_and_passes_that_differ_over_the_steps_resume() {
    let model = demo_model(DevicePreference::Flex, None);
    let syntax = Some(easel_settings::PromptSyntax::A1111);
    let one = |settings: ResolvedSettings| ResolvedSettings { count: 1, ..settings };
    // A text that changes behind the gate; parts; and halves of different lengths.
    for prompt in ["a [red:green:0.6] heart", "a red heart AND a blue ring :0.5", &"a red heart, ".repeat(30)] {
        check(&model, ResolvedSettings { prompt: prompt.into(), prompt_syntax: syntax, ..one(both()) });
    }
    let second =
        ResolvedSettings { hires_scale: Some(1.5), hires_steps: Some(4), steps: 4, use_refiner: false, ..one(both()) };
    check(&model, second);
    let init_image = case("from_picture").request().init_image;
    check(&model, Request { init_image, ..ResolvedSettings { strength: 0.7, ..one(both()) }.into() });
    let tiled = ResolvedSettings { width: Some(96), tile_size: Some(64), tile_overlap: Some(16), ..one(merging()) };
    check(&model, tiled);
}

#[test]
fn masks_controls_and_image_prompts_resume() {
    let model = demo_model(DevicePreference::Flex, None);
    let settings = || ResolvedSettings {
        attention_gate: Some(0.3),
        token_merging: 0.5,
        reuse_features: 2,
        ..adapter_cases::settings()
    };
    let image_prompts = || {
        let first = adapter_cases::image_prompt("ip/ip-adapter.safetensors", &["pictures/prompt_a.png"], 0.7);
        let second = adapter_cases::image_prompt("ip/ip-adapter-plus.safetensors", &["pictures/prompt_b.png"], 0.4);
        // One ends behind the gate.
        vec![easel_model::ImagePrompt { end: 0.7, ..first }, second]
    };
    check(&model, Request { image_prompts: image_prompts(), ..settings().into() });
    let steered = Request {
        controls: vec![crate::controls::lines(&adapter_cases::control_model("controlnet_a"))],
        image_prompts: image_prompts(),
        ..settings().into()
    };
    check(&model, steered);
    let (init, mask) = inpainting::half();
    let painted = ResolvedSettings {
        mask_blur: 2,
        high_noise_frac: 0.6,
        attention_gate: Some(0.3),
        token_merging: 0.5,
        reuse_features: 2,
        ..inpainting::small("a large red heart on a blue background")
    };
    check(&model, Request { init_image: Some(init), mask: Some(mask), ..painted.into() });
}

#[test]
fn every_precision_and_backend_resumes() {
    let flex = Precision::ALL.map(|precision| (DevicePreference::Flex, precision));
    for (device, precision) in flex.into_iter().chain([(DevicePreference::NdArray, Precision::F32)]) {
        let model = demo_model(device, Some(precision));
        check(&model, ResolvedSettings { steps: 4, count: 1, ..both() });
    }
}

#[test]
#[ignore = "needs a CUDA device"]
fn cuda_merges_and_keeps_the_same_again() {
    for precision in [Precision::F32, Precision::Bf16] {
        let model = demo_model(DevicePreference::Cuda(None), Some(precision));
        check(&model, both());
    }
}

#[test]
fn nothing_changes_where_nothing_is_merged_and_no_step_is_behind_the_gate() {
    let model = demo_model(DevicePreference::Flex, None);
    let plain = drawn(&model, settings());
    for same in [
        ResolvedSettings { token_merging: 0.0, ..settings() },
        ResolvedSettings { attention_gate: Some(1.0), ..settings() },
        // Of 4 × 5 places less than one.
        ResolvedSettings { token_merging: 0.02, ..settings() },
    ] {
        assert!(drawn(&model, same.clone()) == plain, "{same:?}");
    }
    for other in [merging(), gated(), ResolvedSettings { token_merging: 0.25, ..settings() }, both()] {
        assert!(drawn(&model, other.clone()) != plain, "{other:?}");
    }
}

#[test]
fn a_step_behind_the_gate_is_one_evaluation() {
    let model = demo_model(DevicePreference::Flex, None);
    let evaluations = |settings: ResolvedSettings| {
        let mut run = model.start(settings).expect("the request is good");
        let mut each = Vec::new();
        let mut before = 0;
        while run.advance().expect("the step is done").is_some() {
            each.push(run.evaluations() - before);
            before = run.evaluations();
        }
        each
    };
    let euler = Some(Sampler::Euler.into());
    let single = |settings: ResolvedSettings| ResolvedSettings { count: 1, scheduler: euler, ..settings };
    // Four of eight steps are before the gate; the refiner's first is computed whole.
    assert_eq!(evaluations(single(gated())), [2, 2, 2, 2, 1, 1, 2, 1]);
    assert_eq!(evaluations(single(merging())), [2; 8]);
    let changing = ResolvedSettings {
        prompt: "a [red:green:0.625] heart".into(),
        prompt_syntax: Some(easel_settings::PromptSyntax::A1111),
        use_refiner: false,
        ..single(gated())
    };
    // The prompt changes behind the step at five eighths.
    assert_eq!(evaluations(changing), [2, 2, 2, 2, 1, 1, 2, 1]);
    let heun =
        ResolvedSettings { scheduler: Some(Sampler::Heun.into()), steps: 4, use_refiner: false, ..single(gated()) };
    assert_eq!(evaluations(heun), [2, 2, 2, 2, 1, 1, 1]);
}

#[test]
fn what_is_kept_of_tiles_is_refused_in_words() {
    let model = demo_model(DevicePreference::Flex, None);
    let tiled = ResolvedSettings { tile_size: Some(64), ..gated() };
    let error = model.start(tiled).err().expect("it is refused");
    assert!(matches!(error, Error::InvalidRequest { field: "attention_gate", .. }), "{error}");
    assert!(error.to_string().contains("cannot be used with `tile_size`"), "{error}");
}

#[test]
fn a_checkpoint_keeps_the_gate_s_latents_only_behind_it() {
    let model = demo_model(DevicePreference::Flex, None);
    let euler = |settings: ResolvedSettings| ResolvedSettings { scheduler: Some(Sampler::Euler.into()), ..settings };
    let size = |run: &Generation| run.checkpoint().to_bytes().expect("it can be saved").len();
    let start = |settings| model.start(euler(settings)).expect("the request is good");
    let (mut plain, mut gated) = (start(settings()), start(gated()));
    // A number more of the settings is in every one.
    let more = size(&gated) - size(&plain);
    for (step, needed) in [false, false, false, true, true, false, true, false].into_iter().enumerate() {
        plain.advance().expect("the step is done");
        gated.advance().expect("the step is done");
        let extra = size(&gated) - size(&plain) - more;
        let latents = 2 * 4 * 9 * 8 * size_of::<f32>();
        assert!(if needed { extra >= latents } else { extra == 0 }, "{extra} bytes more after step {step}");
    }
}

/// Prints the table of `BENCHMARKS.md`: every way to do less, its effect on 100 prompts and what it saves.
#[test]
#[ignore = "a measurement: some minutes"]
fn the_effect_on_100_prompts() {
    let model = demo_model(DevicePreference::Flex, None);
    let draw = |prompt: &Prompt, seed: u64, change: fn(&mut Settings)| {
        let mut settings = Settings { seed, steps: Some(25), ..Settings::new(&prompt.caption) };
        change(&mut settings);
        let mut run = model.start(settings.resolve()).expect("the request is good");
        let image = run.finish().expect("the run ends well").remove(0);
        let work = run.multiply_adds();
        (image, work["base"] + work["refiner"], run.timings()["base"] + run.timings()["refiner"])
    };
    let limit = std::env::var("EASEL_TEST_PROMPTS").ok().and_then(|count| count.parse().ok()).unwrap_or(100);
    let prompts: Vec<_> = prompts().into_iter().take(limit).collect();
    let plain: Vec<_> = (0..).zip(&prompts).map(|(seed, prompt)| draw(prompt, seed, |_| {})).collect();
    println!("| | prompt score | mean difference, levels | products | seconds |");
    for (name, change) in WAYS {
        let (mut right, mut levels, mut products, mut seconds) = (0, 0.0, 0.0, 0.0);
        for ((seed, prompt), (image, all, whole)) in (0..).zip(&prompts).zip(&plain) {
            let (found, work, spent) = draw(prompt, seed, change);
            right += score(&found, prompt);
            let pairs = found.as_raw().iter().zip(image.as_raw());
            let sum: u64 = pairs.map(|(&one, &other)| u64::from(one.abs_diff(other))).sum();
            levels += sum as f64 / found.as_raw().len() as f64;
            products += work as f64 / *all as f64;
            seconds += spent / whole;
        }
        let count = prompts.len() as f64;
        println!(
            "| {name} | {:.1} | {:.2} | {:.2} | {:.2} |",
            right as f64 * 20.0 / count,
            levels / count,
            products / count,
            seconds / count
        );
    }
}

/// Prints what a step of SDXL's base takes on random weights, of one image without guidance: the second of two steps, each
/// the fastest of several rounds, and its products as a share of those of a whole step.
#[test]
#[ignore = "a measurement at full size: some minutes, and 4 GB in int8"]
fn the_time_of_a_step_at_full_size() {
    let number = |name: &str, usual| std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(usual);
    let precision =
        std::env::var("EASEL_TEST_PRECISION").map_or(Precision::Int8, |name| name.parse().expect("a precision"));
    let (side, rounds) = (number("EASEL_TEST_SIDE", 1024), number("EASEL_TEST_ROUNDS", 2));
    let requirement = Requirement { precision: Some(precision), ..Requirement::default() };
    let choice = DeviceChoice::select(DevicePreference::Flex, requirement).expect("the CPU is there");
    let options = ModelOptions { retention: Retention::KeepWarm, ..ModelOptions::default() };
    let source = ModelSource::random(Shape::SdxlBase).expect("a known shape");
    let model = Model::from_sources(source, None, &choice, &options);
    let step = |change: fn(&mut Settings)| {
        let mut settings = Settings {
            width: Some(side),
            height: Some(side),
            steps: Some(2),
            guidance_scale: Some(1.0),
            ..Settings::new("a large red heart on a blue background")
        };
        change(&mut settings);
        let mut run = model.start(settings.resolve()).expect("the request is good");
        run.advance().expect("the step is done");
        let (seconds, work) = (run.timings()["base"], run.multiply_adds()["base"]);
        run.advance().expect("the step is done");
        (run.timings()["base"] - seconds, run.multiply_adds()["base"] - work)
    };
    let mut found = vec![(f64::INFINITY, 0); STEPS.len()];
    for _ in 0..rounds {
        for (found, (_, change)) in found.iter_mut().zip(STEPS) {
            let (seconds, work) = step(change);
            *found = (found.0.min(seconds), work);
        }
    }
    println!("| {precision}, {side}×{side} | seconds | of a whole step | products |");
    for ((name, _), (seconds, work)) in STEPS.iter().zip(&found) {
        let products = *work as f64 / found[0].1 as f64;
        println!("| {name} | {seconds:.2} | {:.2} | {products:.2} |", seconds / found[0].0);
    }
}

/// What is left out, in words, and what is asked for then.
type Way = (&'static str, fn(&mut Settings));

/// The steps that are measured: the second of two is what the name says.
const STEPS: [Way; 7] = [
    ("whole", |_| {}),
    ("`token_merging` 0.25", |settings| settings.token_merging = Some(0.25)),
    ("`token_merging` 0.5", |settings| settings.token_merging = Some(0.5)),
    ("`token_merging` 0.75", |settings| settings.token_merging = Some(0.75)),
    ("deep features reused", |settings| settings.reuse_features = Some(2)),
    ("behind the `attention_gate`", |settings| settings.attention_gate = Some(0.0)),
    ("behind the `attention_gate`, `token_merging` 0.5", |settings| {
        (settings.attention_gate, settings.token_merging) = (Some(0.0), Some(0.5));
    }),
];

/// What is measured, each as it is asked for.
const WAYS: [Way; 16] = [
    ("everything", |_| {}),
    ("`--guidance-interval 0.1,0.8`", |settings| settings.guidance_interval = Some((0.1, 0.8))),
    ("`--guidance-interval 0,0.5`", |settings| settings.guidance_interval = Some((0.0, 0.5))),
    ("`--reuse-features 2`", |settings| settings.reuse_features = Some(2)),
    ("`--reuse-features 3`", |settings| settings.reuse_features = Some(3)),
    ("`--reuse-features 5`", |settings| settings.reuse_features = Some(5)),
    ("`--token-merging 0.25`", |settings| settings.token_merging = Some(0.25)),
    ("`--token-merging 0.5`", |settings| settings.token_merging = Some(0.5)),
    ("`--token-merging 0.75`", |settings| settings.token_merging = Some(0.75)),
    ("`--attention-gate 0.33`", |settings| settings.attention_gate = Some(0.33)),
    ("`--attention-gate 0.4`", |settings| settings.attention_gate = Some(0.4)),
    ("`--attention-gate 0.5`", |settings| settings.attention_gate = Some(0.5)),
    ("`--attention-gate 0.6`", |settings| settings.attention_gate = Some(0.6)),
    ("gate 0.5, reuse 3", |settings| (settings.attention_gate, settings.reuse_features) = (Some(0.5), Some(3))),
    ("`--profile fast`", |settings| settings.profile = Some("fast".into())),
    ("`--profile fastest`", |settings| settings.profile = Some("fastest".into())),
];
