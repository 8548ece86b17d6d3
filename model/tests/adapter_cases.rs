//! The reference's cases of ControlNets and image prompts, and the one in which every adapter is at work.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, LazyLock, Mutex};

use easel_model::{
    Control, ControlModel, DevicePreference, Embedding, ImageEncoderFiles, ImagePrompt, IpAdapter, LoraFile,
    LoraWeights, Request, RequestedLora, ResolvedSettings,
};
use image::RgbImage;
use serde::Deserialize;

use crate::common::{
    Expected, ROUNDED, adapters, check_cases, check_rounding, demo, demo_model, expected_in, on_each_device,
};
use crate::overlay::assemble;

/// A case of the adapters' `cases.json`, as `make_cases.py` describes it.
#[derive(Debug, Deserialize)]
pub(crate) struct AdapterCase {
    pub name: String,
    prompt: String,
    negative_prompt: Option<String>,
    seed: u64,
    steps: u32,
    guidance_scale: f64,
    scheduler: String,
    init: Option<String>,
    strength: Option<f64>,
    #[serde(default)]
    loras: Vec<CaseLora>,
    #[serde(default)]
    embeddings: Vec<String>,
    #[serde(default)]
    controls: Vec<CaseControl>,
    ip_adapter: Option<CaseIpAdapter>,
}

#[derive(Debug, Deserialize)]
struct CaseLora {
    file: String,
    weight: f32,
}

#[derive(Debug, Deserialize)]
struct CaseControl {
    model: String,
    image: String,
    scale: f64,
    start: f64,
    end: f64,
    #[serde(rename = "type")]
    kind: Option<usize>,
}

#[derive(Debug, Deserialize)]
struct CaseIpAdapter {
    file: String,
    encoder: String,
    images: Vec<String>,
    scale: f64,
}

/// The image `file` of the reference data.
pub(crate) fn reference_image(file: &str) -> RgbImage {
    image::open(adapters(&format!("files/{file}"))).expect("the image is there").to_rgb8()
}

/// The folder of the ControlNet `name` of the reference data.
pub(crate) fn control_folder(name: &str) -> PathBuf {
    static FOLDERS: LazyLock<Mutex<HashMap<String, tempfile::TempDir>>> = LazyLock::new(Mutex::default);
    let mut folders = FOLDERS.lock().expect("no test panicked here");
    let folder = folders.entry(name.to_owned()).or_insert_with(|| {
        let folder = tempfile::tempdir().expect("a temporary folder");
        assemble(&demo("base/unet"), &adapters(&format!("files/{name}")), folder.path());
        folder
    });
    folder.path().to_owned()
}

/// The ControlNet `name` of the reference data.
pub(crate) fn control_model(name: &str) -> Arc<ControlModel> {
    Arc::new(ControlModel::open(&control_folder(name)).expect("the ControlNet opens"))
}

/// The image prompt that `adapter` makes of `images`.
pub(crate) fn image_prompt(adapter: &str, images: &[&str], scale: f64) -> ImagePrompt {
    let encoder = ImageEncoderFiles::open(&adapters("files/ip/image_encoder")).expect("the image encoder opens");
    ImagePrompt {
        adapter: Arc::new(IpAdapter::open(&adapters(&format!("files/{adapter}"))).expect("the adapter opens")),
        encoder: Arc::new(encoder),
        images: images.iter().map(|file| reference_image(file)).collect(),
        scale,
        start: 0.0,
        end: 1.0,
    }
}

impl AdapterCase {
    pub(crate) fn request(&self) -> Request {
        let mut settings = ResolvedSettings::new(&self.prompt);
        settings.negative_prompt.clone_from(&self.negative_prompt);
        settings.seed = self.seed;
        settings.steps = self.steps;
        settings.guidance_scale = self.guidance_scale;
        settings.scheduler = Some(self.scheduler.parse().expect("the scheduler has its usual name"));
        settings.use_refiner = false;
        settings.high_noise_frac = 1.0;
        settings.strength = self.strength.unwrap_or(1.0);
        let lora = |one: &CaseLora| {
            let file = LoraFile::open(&adapters(&format!("files/{}", one.file))).expect("the LoRA opens");
            let weights = LoraWeights::parse(&one.weight.to_string()).expect("a weight");
            RequestedLora { file: Arc::new(file), weights }
        };
        let word = |file: &String| {
            Arc::new(Embedding::open(&adapters(&format!("files/{file}"))).expect("the embedding opens"))
        };
        let control = |one: &CaseControl| Control {
            model: control_model(&one.model),
            image: reference_image(&one.image),
            scale: one.scale,
            start: one.start,
            end: one.end,
            kind: one.kind,
        };
        let prompt = |one: &CaseIpAdapter| {
            assert_eq!(one.encoder, "ip/image_encoder");
            let images: Vec<&str> = one.images.iter().map(String::as_str).collect();
            image_prompt(&one.file, &images, one.scale)
        };
        Request {
            init_image: self.init.as_deref().map(reference_image),
            loras: self.loras.iter().map(lora).collect(),
            embeddings: self.embeddings.iter().map(word).collect(),
            controls: self.controls.iter().map(control).collect(),
            image_prompts: self.ip_adapter.iter().map(prompt).collect(),
            ..settings.into()
        }
    }

    fn with_expected(&self) -> (String, Request, Vec<Expected>) {
        let expected = expected_in(&adapters(&format!("expected/{}.safetensors", self.name)));
        (self.name.clone(), self.request(), expected)
    }
}

/// The cases that are about ControlNets, image prompts or all adapters together.
pub(crate) fn cases() -> Vec<AdapterCase> {
    let text = std::fs::read_to_string(adapters("cases.json")).expect("the cases are there");
    let cases: Vec<serde_json::Value> = serde_json::from_str(&text).expect("the cases are well formed");
    let is_ours = |case: &serde_json::Value| {
        let name = case["name"].as_str().expect("it has a name");
        name.starts_with("control_") || name.starts_with("ip_") || name == "together"
    };
    let read = |case| serde_json::from_value(case).expect("the case is well formed");
    cases.into_iter().filter(is_ours).map(read).collect()
}

/// The case called `name`.
pub(crate) fn case(name: &str) -> AdapterCase {
    cases().into_iter().find(|case| case.name == name).expect("there is such a case")
}

/// A small image in few steps.
pub(crate) fn settings() -> ResolvedSettings {
    ResolvedSettings {
        negative_prompt: Some("a small green square".into()),
        width: Some(72),
        height: Some(64),
        steps: 6,
        seed: 5,
        use_refiner: false,
        scheduler: Some("dpmpp_2m_sde_karras".parse().expect("a scheduler")),
        ..ResolvedSettings::new("a large red heart on a blue background")
    }
}

on_each_device!(compare_all);

fn compare_all(device: DevicePreference) {
    assert_eq!(cases().len(), 10);
    check_cases(device, cases().iter().map(AdapterCase::with_expected));
}

/// bf16 and int8 stay as close to the reference as they do without adapters.
#[test]
fn rounding_stays_close() {
    for (precision, bound) in ROUNDED {
        let model = demo_model(DevicePreference::Flex, Some(precision));
        check_rounding(&model, bound, cases().iter().map(AdapterCase::with_expected));
    }
}
