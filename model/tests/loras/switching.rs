//! One model, now with these LoRAs, now with those, now with none: each image is as if the model had never seen another.

use std::path::Path;
use std::sync::Arc;

use easel_model::{
    Checkpoint, DevicePreference, LoraFile, LoraWeights, Model, ModelOptions, Precision, Request, RequestedLora,
    ResolvedSettings,
};

use super::crafted::{tensors, write};
use super::lora;
use crate::common::{case, demo, demo_model};
use crate::runs::{bytes, drawn};

fn settings() -> ResolvedSettings {
    ResolvedSettings {
        width: Some(64),
        height: Some(64),
        steps: 3,
        use_refiner: false,
        ..ResolvedSettings::new("a large red heart on a blue background")
    }
}

/// With the LoRAs `loras`, by file and weights.
fn request(loras: &[(&str, &str)]) -> Request {
    let loras = loras.iter().map(|(file, weights)| lora(&format!("lora/{file}.safetensors"), weights)).collect();
    Request { loras, ..settings().into() }
}

#[test]
fn nothing_leaks_from_one_generation_into_another() {
    let sets: [&[(&str, &str)]; 6] = [
        &[],
        &[("kohya", "0.8")],
        &[("text", "1")],
        &[("kohya", "0.8"), ("locon", "-0.3")],
        &[("kohya", "0.7")],
        &[("lokr", "1:0.5")],
    ];
    for precision in [Precision::F32, Precision::Int8] {
        let new = || demo_model(DevicePreference::Flex, Some(precision));
        let alone: Vec<_> = sets.iter().map(|loras| drawn(&new(), &request(loras))).collect();
        for (index, image) in alone.iter().enumerate() {
            assert!(!alone[..index].contains(image), "{precision}: {:?} changes nothing", sets[index]);
        }
        let model = new();
        for index in [0, 1, 0, 2, 3, 1, 5, 4, 2, 0] {
            assert!(drawn(&model, &request(sets[index])) == alone[index], "{precision}: {:?}", sets[index]);
        }
    }
}

#[test]
fn generations_may_take_turns() {
    let model = demo_model(DevicePreference::Flex, None);
    let requests = [request(&[("kohya", "1")]), request(&[]), request(&[("loha", "1")])];
    let alone: Vec<_> = requests.iter().map(|request| drawn(&model, request)).collect();
    let mut runs: Vec<_> = requests.into_iter().map(|request| model.start(request).expect("the run starts")).collect();
    for _ in 0..3 {
        for run in &mut runs {
            run.advance().expect("the step is done");
        }
    }
    let together: Vec<_> = runs.into_iter().map(bytes).collect();
    assert!(together == alone);
}

#[test]
fn a_weight_of_zero_changes_nothing_and_blocks_have_weights_of_their_own() {
    let model = demo_model(DevicePreference::Flex, None);
    let with = |weights: &str| drawn(&model, &request(&[("kohya", weights)]));
    let plain = drawn(&model, &request(&[]));
    assert!(with("0") == plain && with("0:0") == plain);
    assert!(with(&format!("1:{}", ["0"; 12].join(","))) == plain);
    assert!(with(&format!("1:{}", ["1"; 20].join(","))) == with("1"));
    // The demo's files change the text encoders and blocks with attention only.
    assert!(with(&format!("1:{}", ["1"; 12].join(","))) == with("1"));
    let mut text_only = ["0"; 12];
    text_only[0] = "1";
    assert!(with(&format!("1:{}", text_only.join(","))) == with("1:0"));
    assert!(with("1:0") != plain && with("1:0") != with("1"));
    // Two halves are a whole, but for rounding; two signs are nothing, but for rounding.
    let twice = drawn(&model, &request(&[("kohya", "0.5"), ("kohya", "0.5")]));
    let levels = |a: &[u8], b: &[u8]| a.iter().zip(b).map(|(a, b)| a.abs_diff(*b)).max();
    assert!(levels(&twice, &with("1")) <= Some(1));
    let cancelled = drawn(&model, &request(&[("kohya", "0.5"), ("kohya", "-0.5")]));
    assert!(levels(&cancelled, &plain) <= Some(1));
}

#[test]
fn a_refiner_takes_its_own_loras_only() {
    let model = demo_model(DevicePreference::Flex, None);
    let folder = tempfile::tempdir().expect("a temporary folder");
    // The refiner has the second text encoder only, which is its base's.
    let second = folder.path().join("second.safetensors");
    let tensors = tensors("text.safetensors").into_iter().filter(|(name, ..)| name.starts_with("lora_te2_"));
    write(&second, &[], tensors.collect());
    let open = |path: &Path| {
        let file = Arc::new(LoraFile::open(path).expect("the LoRA opens"));
        vec![RequestedLora { file, weights: LoraWeights::default() }]
    };
    let refined = |loras: Vec<RequestedLora>, refiner_loras: Vec<RequestedLora>| {
        let mut request = case("refined").request();
        (request.settings.width, request.settings.height) = (Some(64), Some(64));
        (request.settings.steps, request.settings.high_noise_frac) = (4, 0.5);
        let mut run = model.start_traced(Request { loras, refiner_loras, ..request }).expect("the run starts");
        run.finish().expect("the run ends well");
        let trace = run.trace().expect("it is traced");
        ["base_latents", "final_latents"].map(|name| trace.numbers(name).expect("it is traced"))
    };
    let [base, last] = refined(vec![], vec![]);
    let [base_of_both, last_of_both] = refined(open(&second), open(&second));
    let [base_with, last_with] = refined(open(&second), vec![]);
    let [base_without, last_without] = refined(vec![], open(&second));
    assert!(base_with != base && base_with == base_of_both);
    assert!(base_without == base && last_without != last);
    assert!(last_with != last_of_both && last_with != last);
    assert!(refined(vec![], vec![]) == [base, last]);

    let alone = Model::open(&demo("base"), &ModelOptions::default(), model.device()).expect("the base opens");
    let lonely = Request { refiner_loras: open(&second), ..settings().into() };
    let error = alone.start(lonely).err().expect("there is no refiner").to_string();
    assert!(error.contains("refiner_loras") && error.contains("no refiner"), "{error}");
    let wrong = Request { refiner_loras: vec![lora("lora/text.safetensors", "1")], ..case("refined").request() };
    let error = model.start(wrong).err().expect("the refiner has no first encoder").to_string();
    assert!(error.contains("lora_te1_") && error.contains("no place"), "{error}");
}

#[test]
fn a_checkpoint_goes_on_with_the_same_loras_only() {
    let model = demo_model(DevicePreference::Flex, None);
    let with = || request(&[("kohya", "0.8"), ("loha", "0.5")]);
    let unbroken = drawn(&model, &with());
    let mut run = model.start(with()).expect("the run starts");
    run.advance().expect("the step is done");
    let saved = run.checkpoint().to_bytes().expect("it is saved");
    let read = || Checkpoint::from_bytes(&saved).expect("it is whole");
    let other = demo_model(DevicePreference::Flex, None);
    let resumed = other.resume_with(read(), with()).expect("the run goes on");
    assert!(bytes(resumed) == unbroken);
    for wrong in [
        request(&[]),
        request(&[("kohya", "0.8")]),
        request(&[("loha", "0.5"), ("kohya", "0.8")]),
        request(&[("kohya", "0.7"), ("loha", "0.5")]),
        request(&[("kohya", "0.8"), ("text", "0.5")]),
    ] {
        let error = other.resume_with(read(), wrong).err().expect("it is refused").to_string();
        assert!(error.contains("other LoRAs"), "{error}");
    }
    let error = other.resume(read()).err().expect("it is refused").to_string();
    assert!(error.contains("other LoRAs"), "{error}");
    let plain = model.start(request(&[])).expect("the run starts").checkpoint();
    assert!(model.resume_with(plain.clone(), with()).is_err() && model.resume(plain).is_ok());
}
