//! Image prompts: parts of the steps, resuming, and what is refused.

use std::path::Path;
use std::sync::Arc;

use easel_model::{DevicePreference, Error, ImageEncoderFiles, ImagePrompt, IpAdapter, Request, ResolvedSettings};

use crate::adapter_cases::{control_folder, image_prompt, reference_image, settings};
use crate::common::{adapters, demo_model};
use crate::runs::{check_checkpoints, drawn};

const PLAIN: &str = "ip/ip-adapter.safetensors";
const PLUS: &str = "ip/ip-adapter-plus.safetensors";

fn with(image_prompts: Vec<ImagePrompt>) -> Request {
    Request { image_prompts, ..settings().into() }
}

/// Two adapters at once, each in a part of the steps.
fn several() -> Vec<ImagePrompt> {
    let first = image_prompt(PLAIN, &["pictures/prompt_a.png", "pictures/prompt_b.png"], 0.7);
    let second = image_prompt(PLUS, &["pictures/prompt_b.png"], 0.4);
    vec![ImagePrompt { end: 0.7, ..first }, ImagePrompt { start: 0.4, ..second }]
}

#[test]
fn adapters_add_up_in_their_part_of_the_steps() {
    let model = demo_model(DevicePreference::Flex, None);
    let none = drawn(&model, &with(Vec::new()));
    let of = |change: fn(&mut ImagePrompt)| {
        let mut prompt = image_prompt(PLAIN, &["pictures/prompt_a.png"], 0.7);
        change(&mut prompt);
        drawn(&model, &with(vec![prompt]))
    };
    let whole = of(|_| {});
    assert!(whole != none && whole != of(|prompt| prompt.scale = 0.3) && whole != of(|prompt| prompt.end = 0.5));
    assert!(of(|prompt| prompt.scale = 0.0) == none, "a scale of 0 adds nothing");
    // No step lies whole in so short a part.
    assert!(of(|prompt| (prompt.start, prompt.end) = (0.2, 0.3)) == none);
    assert_ne!(drawn(&model, &with(several())), drawn(&model, &with(several()[..1].to_vec())));
}

#[test]
fn a_resumed_run_gives_the_same_bytes() {
    let model = demo_model(DevicePreference::Flex, None);
    let refined = ResolvedSettings { use_refiner: true, high_noise_frac: 0.7, count: 2, ..settings() };
    let reusing = ResolvedSettings { reuse_features: 2, ..settings() };
    let unguided = ResolvedSettings { guidance_scale: 1.0, ..settings() };
    let interval = ResolvedSettings { guidance_interval: Some((0.2, 0.75)), ..settings() };
    // Text and negative of different lengths go through the UNet apart.
    let long = ResolvedSettings {
        prompt: "a red heart, ".repeat(30),
        prompt_syntax: Some(easel_settings::PromptSyntax::A1111),
        ..settings()
    };
    for settings in [settings(), refined, reusing, unguided, interval, long] {
        let request = Request { image_prompts: several(), ..settings.into() };
        check_checkpoints(&model, &request);
    }
}

#[test]
fn a_checkpoint_goes_on_with_the_same_image_prompts_only() {
    let model = demo_model(DevicePreference::Flex, None);
    let request = with(several());
    let run = model.start(request.clone()).expect("the run starts");
    let others: [fn(&mut Vec<ImagePrompt>); 4] = [
        Vec::clear,
        |prompts| prompts[0].scale = 0.6,
        |prompts| prompts[0].images.reverse(),
        |prompts| prompts[0].adapter = prompts[1].adapter.clone(),
    ];
    for change in others {
        let mut other = request.clone();
        change(&mut other.image_prompts);
        let error = model.resume_with(run.checkpoint(), other).err().expect("it is refused").to_string();
        assert!(error.contains("other image prompts"), "{error}");
    }
    model.resume_with(run.checkpoint(), request).expect("the same are taken");
}

#[test]
fn what_is_no_image_prompt_for_this_model_is_refused_in_words() {
    let adapter = |path: &Path| IpAdapter::open(path).expect_err("it is refused").to_string();
    let lora = adapter(&adapters("files/lora/kohya.safetensors"));
    assert!(lora.contains("a LoRA") && lora.contains("no IP-Adapter"), "{lora}");
    let net = adapter(&control_folder("controlnet_a").join("diffusion_pytorch_model.safetensors"));
    assert!(net.contains("a ControlNet"), "{net}");
    let encoder = |path: &Path| ImageEncoderFiles::open(path).expect_err("it is refused").to_string();
    let file = encoder(&adapters("files/ip/image_encoder/model.safetensors"));
    assert!(file.contains("width of 32") && file.contains("config.json"), "{file}");
    assert!(encoder(&adapters(&format!("files/{PLAIN}"))).contains("an IP-Adapter"));
    assert!(encoder(&adapters("files/lora")).contains("no config.json"));
    // The folder above has it as `image_encoder`.
    assert!(ImageEncoderFiles::open(&adapters("files/ip")).is_ok());

    let model = demo_model(DevicePreference::Flex, None);
    let folder = tempfile::tempdir().expect("a temporary folder");
    crate::common::copy(&adapters("files/ip/image_encoder"), folder.path());
    let config = std::fs::read_to_string(folder.path().join("config.json")).expect("it has one");
    let config = config.replace("\"projection_dim\": 24", "\"projection_dim\": 23");
    std::fs::write(folder.path().join("config.json"), config).expect("written");
    assert!(encoder(folder.path()).contains("visual_projection.weight"));

    let prompt = || image_prompt(PLAIN, &["pictures/prompt_a.png"], 0.7);
    for (words, change) in [
        ("scale", (|prompt: &mut ImagePrompt| prompt.scale = f64::INFINITY) as fn(&mut ImagePrompt)),
        ("part of the steps", |prompt| prompt.end = 0.0),
        ("0 images", |prompt| prompt.images.clear()),
        ("no pixels", |prompt| prompt.images[0] = image::RgbImage::new(4, 0)),
        ("64 times", |prompt| prompt.images[0] = image::RgbImage::new(4, 4000)),
        ("17 images", |prompt| prompt.images = vec![reference_image("pictures/prompt_a.png"); 17]),
    ] {
        let mut prompt = prompt();
        change(&mut prompt);
        match with(vec![prompt]).validate() {
            Err(Error::InvalidRequest { field: "image_prompts", message }) => {
                assert!(message.contains(words), "{message}");
            }
            other => panic!("{words}: {other:?}"),
        }
    }
    let mut other = prompt();
    other.adapter = Arc::new(IpAdapter::open(&adapters(&format!("files/{PLUS}"))).expect("it opens"));
    model.start(with(vec![other])).expect("the same encoder is for both");
    // An image of one pixel is as good as any.
    let mut tiny = prompt();
    tiny.images = vec![image::RgbImage::new(1, 1)];
    model.start(with(vec![tiny])).expect("it is enlarged");
}
