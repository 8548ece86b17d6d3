//! One model, now with these LoRAs, now with those, now with none: each image is as if the model had never seen another.

use easel_model::{Checkpoint, DevicePreference, Generation, Model, Precision, Request, ResolvedSettings};

use super::lora;
use crate::common::{case, demo_model};

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

fn bytes(mut run: Generation) -> Vec<u8> {
    run.finish().expect("the run ends well").iter().flat_map(|image| image.as_raw().clone()).collect()
}

fn draw(model: &Model, request: Request) -> Vec<u8> {
    bytes(model.start(request).expect("the run starts"))
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
        let alone: Vec<_> = sets.iter().map(|loras| draw(&new(), request(loras))).collect();
        for (index, image) in alone.iter().enumerate() {
            assert!(!alone[..index].contains(image), "{precision}: {:?} changes nothing", sets[index]);
        }
        let model = new();
        for index in [0, 1, 0, 2, 3, 1, 5, 4, 2, 0] {
            assert!(draw(&model, request(sets[index])) == alone[index], "{precision}: {:?}", sets[index]);
        }
    }
}

#[test]
fn generations_may_take_turns() {
    let model = demo_model(DevicePreference::Flex, None);
    let requests = [request(&[("kohya", "1")]), request(&[]), request(&[("loha", "1")])];
    let alone: Vec<_> = requests.iter().map(|request| draw(&model, request.clone())).collect();
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
    let with = |weights: &str| draw(&model, request(&[("kohya", weights)]));
    let plain = draw(&model, request(&[]));
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
    let twice = draw(&model, request(&[("kohya", "0.5"), ("kohya", "0.5")]));
    let levels = |a: &[u8], b: &[u8]| a.iter().zip(b).map(|(a, b)| a.abs_diff(*b)).max();
    assert!(levels(&twice, &with("1")) <= Some(1));
    let cancelled = draw(&model, request(&[("kohya", "0.5"), ("kohya", "-0.5")]));
    assert!(levels(&cancelled, &plain) <= Some(1));
}

#[test]
fn a_refiner_takes_its_own_loras_only() {
    let model = demo_model(DevicePreference::Flex, None);
    let refined = |loras: &[&str], refiner_loras: &[&str]| {
        let open = |names: &[&str]| names.iter().map(|name| lora(&format!("lora/{name}.safetensors"), "1")).collect();
        let mut request = case("refined").request();
        (request.settings.width, request.settings.height) = (Some(64), Some(64));
        (request.settings.steps, request.settings.high_noise_frac) = (4, 0.5);
        draw(&model, Request { loras: open(loras), refiner_loras: open(refiner_loras), ..request })
    };
    let plain = refined(&[], &[]);
    let with = refined(&["text"], &[]);
    assert!(with != plain);
    assert!(refined(&[], &[]) == plain && refined(&["text"], &[]) == with);
    let base = Model::open(&crate::common::demo("base"), &easel_model::ModelOptions::default(), model.device());
    let lonely = Request { refiner_loras: vec![lora("lora/text.safetensors", "1")], ..settings().into() };
    let error = base.expect("the base opens").start(lonely).err().expect("there is no refiner").to_string();
    assert!(error.contains("refiner_loras") && error.contains("no refiner"), "{error}");
}

#[test]
fn a_checkpoint_goes_on_with_the_same_loras_only() {
    let model = demo_model(DevicePreference::Flex, None);
    let with = || request(&[("kohya", "0.8"), ("loha", "0.5")]);
    let unbroken = draw(&model, with());
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
