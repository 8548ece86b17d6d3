//! LoRA and its family: what the reference implementation gives, switching, and what is refused.

mod crafted;
mod refusals;
mod switching;

use std::sync::Arc;

use easel_model::{DevicePreference, LoraFile, LoraWeights, Request, RequestedLora, ResolvedSettings};
use serde::Deserialize;

use crate::common::{
    Expected, ROUNDED, adapters, check_cases, check_rounding, demo_model, expected_in, on_each_device,
};

/// A case of the adapters' `cases.json` that has LoRAs.
#[derive(Debug, Deserialize)]
struct Case {
    name: String,
    prompt: String,
    negative_prompt: Option<String>,
    seed: u64,
    steps: u32,
    guidance_scale: f64,
    scheduler: String,
    high_noise_frac: Option<f64>,
    #[serde(default)]
    loras: Vec<CaseLora>,
}

#[derive(Debug, Deserialize)]
struct CaseLora {
    file: String,
    weight: f32,
}

/// Every case that is about LoRAs alone.
fn cases() -> Vec<Case> {
    let text = std::fs::read_to_string(adapters("cases.json")).expect("the cases are there");
    let cases: Vec<Case> = serde_json::from_str(&text).expect("the cases are well formed");
    cases.into_iter().filter(|case| case.name.starts_with("lora_")).collect()
}

/// The LoRA `file` of the reference data, as strong as `weights` says.
fn lora(file: &str, weights: &str) -> RequestedLora {
    let file = LoraFile::open(&adapters(&format!("files/{file}"))).expect("the LoRA opens");
    RequestedLora { file: Arc::new(file), weights: LoraWeights::parse(weights).expect("the weights are understood") }
}

impl Case {
    fn request(&self) -> Request {
        let mut settings = ResolvedSettings::new(&self.prompt);
        settings.negative_prompt.clone_from(&self.negative_prompt);
        settings.seed = self.seed;
        settings.steps = self.steps;
        settings.guidance_scale = self.guidance_scale;
        settings.scheduler = Some(self.scheduler.parse().expect("the scheduler has its usual name"));
        settings.use_refiner = self.high_noise_frac.is_some();
        settings.high_noise_frac = self.high_noise_frac.unwrap_or(1.0);
        let loras = self.loras.iter().map(|one| lora(&one.file, &one.weight.to_string())).collect();
        Request { loras, ..settings.into() }
    }

    fn with_expected(&self) -> (String, Request, Vec<Expected>) {
        let expected = expected_in(&adapters(&format!("expected/{}.safetensors", self.name)));
        (self.name.clone(), self.request(), expected)
    }
}

on_each_device!(compare_all);

fn compare_all(device: DevicePreference) {
    let cases = cases();
    assert_eq!(cases.len(), 10);
    // One model for all cases: each has to find the weights as if it were the first.
    check_cases(device, cases.iter().map(Case::with_expected));
}

/// bf16 and int8 stay as close to the reference as they do without LoRAs, and change as much: the weights are merged before
/// they are rounded.
#[test]
fn rounding_stays_close() {
    for (precision, bound) in ROUNDED {
        let model = demo_model(DevicePreference::Flex, Some(precision));
        check_rounding(&model, bound, cases().iter().map(Case::with_expected));
    }
}

/// The names of the layers that the reference changed are those that `lora_norms` are of.
#[test]
fn every_layer_of_every_file_is_changed() {
    let text = std::fs::read_to_string(adapters("expected/lora_layers.json")).expect("the names are there");
    let layers: std::collections::BTreeMap<String, Vec<String>> = serde_json::from_str(&text).expect("well formed");
    let model = demo_model(DevicePreference::Flex, None);
    for (file, layers) in layers {
        let settings = ResolvedSettings { steps: 1, width: Some(64), height: Some(64), ..ResolvedSettings::new("x") };
        let request = Request { loras: vec![lora(&file, "0.5")], ..settings.into() };
        let run = model.start_traced(request).expect("the request is good");
        let lengths = run.trace().and_then(|trace| trace.numbers("lora_norms")).expect("the lengths are traced");
        assert_eq!(lengths.len(), layers.len(), "{file}");
        assert!(lengths.iter().all(|length| *length > 0.0), "{file}");
    }
}
