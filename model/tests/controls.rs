//! ControlNets: the files that they come in, unions, parts of the steps, and what is refused.

use std::path::Path;
use std::sync::Arc;

use easel_model::weights::unet_name;
use easel_model::{
    Control, ControlModel, DevicePreference, Error, Preprocessor, Request, ResolvedSettings, Shape, control_image,
};
use safetensors::SafeTensors;

use crate::adapter_cases::{case, control_folder, control_model, reference_image, settings};
use crate::common::{adapters, demo, demo_model};
use crate::runs::{bytes, check_checkpoints, drawn};

fn with(controls: Vec<Control>) -> Request {
    Request { controls, ..settings().into() }
}

pub(crate) fn lines(model: &Arc<ControlModel>) -> Control {
    Control { scale: 0.7, ..Control::new(model.clone(), reference_image("pictures/lines_a.png")) }
}

/// Writes the tensors of a folder to one file, each under the name that `name` gives it.
fn write_as(folder: &Path, to: &Path, name: impl Fn(&str) -> String) {
    let content = std::fs::read(folder.join("diffusion_pytorch_model.safetensors")).expect("the weights are there");
    let tensors = SafeTensors::deserialize(&content).expect("the weights are sound");
    let renamed = tensors.tensors().into_iter().map(|(own, tensor)| (name(&own), tensor));
    std::fs::write(to, safetensors::serialize(renamed, None).expect("they go together")).expect("written");
}

/// What Zhang's own code calls the tensor that diffusers calls `name`.
fn original(name: &str) -> String {
    let unet = Shape::Demo.configs().expect("the demo's shape").unet;
    let parts: Vec<_> = name.split('.').collect();
    let own = match parts[..] {
        ["controlnet_cond_embedding", "conv_in", end] => format!("input_hint_block.0.{end}"),
        ["controlnet_cond_embedding", "blocks", number, end] => {
            format!("input_hint_block.{}.{end}", 2 + 2 * number.parse::<usize>().expect("a number"))
        }
        ["controlnet_cond_embedding", "conv_out", end] => format!("input_hint_block.14.{end}"),
        ["controlnet_down_blocks", number, end] => format!("zero_convs.{number}.0.{end}"),
        ["controlnet_mid_block", end] => format!("middle_block_out.0.{end}"),
        _ => unet_name(name, &unet),
    };
    format!("control_model.{own}")
}

#[test]
fn every_layout_gives_the_same_image() {
    let model = demo_model(DevicePreference::Flex, None);
    let folder = tempfile::tempdir().expect("a temporary folder");
    for name in ["controlnet_a", "controlnet_b", "controlnet_union"] {
        let from = control_folder(name);
        let request = |path: &Path| {
            let net = Arc::new(ControlModel::open(path).expect("it opens"));
            let kind = net.is_union().then_some(1);
            with(vec![Control { kind, ..lines(&net) }])
        };
        let whole = drawn(&model, &request(&from));
        assert_ne!(whole, drawn(&model, &with(Vec::new())));
        let file = folder.path().join("one.safetensors");
        write_as(&from, &file, str::to_owned);
        assert!(drawn(&model, &request(&file)) == whole, "{name} in one file");
        if name != "controlnet_union" {
            write_as(&from, &file, original);
            assert!(drawn(&model, &request(&file)) == whole, "{name} in the original layout");
        }
    }
}

#[test]
fn a_union_knows_its_kinds_by_name_and_number() {
    let union = control_model("controlnet_union");
    assert_eq!(union.kinds(), ["openpose", "depth", "softedge", "canny", "normal", "segment"]);
    assert_eq!(union.kind("canny").expect("a kind"), 3);
    assert_eq!(union.kind("openpose").expect("a kind"), 0);
    assert_eq!(union.kind("5").expect("a kind"), 5);
    for unknown in ["6", "tile", "sketch", "-1"] {
        let error = union.kind(unknown).expect_err("no kind").to_string();
        assert!(error.contains(unknown) && error.contains("depth") && error.contains("0 to 5"), "{error}");
    }
    let plain = control_model("controlnet_a");
    assert!(plain.kind("canny").expect_err("no union").to_string().contains("leave `#canny` away"));
    let model = demo_model(DevicePreference::Flex, None);
    let of = |kinds: &[usize]| {
        let control = |kind: &usize| Control { kind: Some(*kind), ..lines(&union) };
        drawn(&model, &with(kinds.iter().map(control).collect()))
    };
    let (first, both) = (of(&[1]), of(&[1, 3]));
    assert!(first != of(&[3]) && first != both && both != of(&[1, 2]));
    let error = model.start(with(vec![lines(&union)])).err().expect("no kind is said").to_string();
    assert!(error.contains("#canny"), "{error}");
}

#[test]
fn nets_add_up_in_their_part_of_the_steps() {
    let model = demo_model(DevicePreference::Flex, None);
    let (first, second) = (control_model("controlnet_a"), control_model("controlnet_b"));
    let none = drawn(&model, &with(Vec::new()));
    let of = |controls: Vec<Control>| drawn(&model, &with(controls));
    let both = of(vec![lines(&first), lines(&second)]);
    assert!(both != of(vec![lines(&first)]) && both != of(vec![lines(&second)]));
    assert!(of(vec![Control { scale: 0.0, ..lines(&first) }]) == none, "a scale of 0 adds nothing");
    // No step lies whole in so short a part.
    assert!(of(vec![Control { start: 0.2, end: 0.3, ..lines(&first) }]) == none);
    assert!(of(vec![Control { start: 0.5, ..lines(&first) }]) != none);
}

/// One that ends on the way, one over all steps, and a union of two that begin one after the other.
fn several() -> Vec<Control> {
    let union = control_model("controlnet_union");
    vec![
        Control { end: 0.6, ..lines(&control_model("controlnet_a")) },
        lines(&control_model("controlnet_b")),
        Control { kind: Some(2), end: 0.8, ..lines(&union) },
        Control { kind: Some(4), start: 0.3, ..lines(&union) },
    ]
}

#[test]
fn a_resumed_run_gives_the_same_bytes() {
    let model = demo_model(DevicePreference::Flex, None);
    let plain = with(several());
    let refined = ResolvedSettings { use_refiner: true, high_noise_frac: 0.7, count: 2, ..settings() };
    let reusing = ResolvedSettings { reuse_features: 2, ..settings() };
    let interval = ResolvedSettings { guidance_interval: Some((0.2, 0.75)), ..settings() };
    let second_order = ResolvedSettings { scheduler: Some("heun".parse().expect("a scheduler")), ..settings() };
    let others = [refined, reusing, interval, second_order];
    let others = others.map(|settings| Request { controls: several(), ..settings.into() });
    let from_image = Request { init_image: case("control_picture").request().init_image, ..plain.clone() };
    for request in [plain].into_iter().chain(others).chain([from_image]) {
        check_checkpoints(&model, &request);
    }
}

/// The adapter's features are checked beside it; here they reach the image, once for every scale.
#[test]
fn a_t2i_adapter_steers_and_resumes() {
    let model = demo_model(DevicePreference::Flex, None);
    let folder = adapters("files/t2i_adapter");
    let adapter = Arc::new(ControlModel::open(&folder).expect("it opens"));
    let request = |controls| {
        let settings = ResolvedSettings { width: Some(80), reuse_features: 2, ..settings() };
        Request { controls, ..settings.into() }
    };
    let both = vec![Control { end: 0.8, ..lines(&adapter) }, lines(&control_model("controlnet_b"))];
    let whole = drawn(&model, &request(both.clone()));
    assert!(whole != drawn(&model, &request(both[1..].to_vec())) && whole != drawn(&model, &request(Vec::new())));
    let file = Arc::new(ControlModel::open(&folder.join("diffusion_pytorch_model.safetensors")).expect("it opens"));
    assert!(drawn(&model, &request(vec![Control { end: 0.8, ..lines(&file) }, both[1].clone()])) == whole);
    let mut run = model.start(request(both.clone())).expect("the run starts");
    while run.advance().expect("the step is done").is_some() {
        let resumed = model.resume_with(run.checkpoint(), request(both.clone())).expect("it fits");
        assert!(bytes(resumed) == whole);
    }
    let error = model.start(with(both)).err().expect("72 is no multiple of 16").to_string();
    assert!(error.contains("multiples of 16") && error.contains("72×64"), "{error}");
}

#[test]
fn a_checkpoint_goes_on_with_the_same_controls_only() {
    let model = demo_model(DevicePreference::Flex, None);
    let request = with(vec![lines(&control_model("controlnet_a"))]);
    let run = model.start(request.clone()).expect("the run starts");
    let others: [fn(&mut Vec<Control>); 5] = [
        Vec::clear,
        |controls| controls[0].scale = 0.6,
        |controls| controls[0].end = 0.9,
        |controls| controls[0].image = reference_image("pictures/lines_b.png"),
        |controls| controls[0].model = control_model("controlnet_b"),
    ];
    for change in others {
        let mut other = request.clone();
        change(&mut other.controls);
        let error = model.resume_with(run.checkpoint(), other).err().expect("it is refused").to_string();
        assert!(error.contains("other controls"), "{error}");
    }
    model.resume_with(run.checkpoint(), request).expect("the same are taken");
}

#[test]
fn each_of_several_images_is_what_it_is_alone() {
    let model = demo_model(DevicePreference::Flex, None);
    let request = with(several());
    let mut two = request.clone();
    two.settings.count = 2;
    let images = model.start(two).and_then(|mut run| run.finish()).expect("the run ends well");
    for (seed, image) in (request.settings.seed..).zip(images) {
        let mut alone = request.clone();
        alone.settings.seed = seed;
        assert!(drawn(&model, &alone) == image.into_raw(), "{seed}");
    }
}

#[test]
fn what_is_no_control_net_for_this_model_is_refused_in_words() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let from = control_folder("controlnet_a");
    let config = std::fs::read_to_string(from.join("config.json")).expect("it has one");
    let refused = |path: &Path| ControlModel::open(path).expect_err("it is refused").to_string();
    let with_config = |change: &dyn Fn(&mut serde_json::Value)| {
        let mut value: serde_json::Value = serde_json::from_str(&config).expect("JSON");
        change(&mut value);
        std::fs::write(folder.path().join("config.json"), value.to_string()).expect("written");
        refused(folder.path())
    };
    let first = with_config(&|config| {
        config["addition_embed_type"] = serde_json::Value::Null;
        config["cross_attention_dim"] = 768.into();
    });
    assert!(first.contains("Stable Diffusion 1") && first.contains("SDXL"), "{first}");
    let editing = with_config(&|config| config["_class_name"] = "UNet2DConditionModel".into());
    assert!(editing.contains("_class_name") && editing.contains("ControlNetModel"), "{editing}");

    let file = folder.path().join("one.safetensors");
    write_as(&from, &file, |name| name.replace("add_embedding", "nothing"));
    assert!(refused(&file).contains("for another model than SDXL"), "{}", refused(&file));
    write_as(&from, &file, |name| name.replace("mid_block.resnets.0", "nothing"));
    assert!(refused(&file).contains("mid_block.resnets.0") && refused(&file).contains("missing"), "{}", refused(&file));
    let lora = refused(&adapters("files/lora/kohya.safetensors"));
    assert!(lora.contains("a LoRA") && lora.contains("no ControlNet"), "{lora}");
    let unet = refused(&demo("base/unet/diffusion_pytorch_model.safetensors"));
    assert!(unet.contains("a UNet on its own"), "{unet}");
    assert!(refused(&demo("base")).contains("config.json"));
    assert!(refused(&folder.path().join("none.safetensors")).contains("none.safetensors"));

    // The refiner is wider than the base, for which the net was made.
    let mut value: serde_json::Value = serde_json::from_str(&config).expect("JSON");
    value["cross_attention_dim"] = 64.into();
    let error = with_config(&|config| *config = value.clone());
    assert!(error.contains("has no weights") || error.contains("shape"), "{error}");
    for (field, change) in [
        ("scale", (|control: &mut Control| control.scale = f64::NAN) as fn(&mut Control)),
        ("part of the steps", |control| control.start = 1.0),
        ("no pixels", |control| control.image = image::RgbImage::new(0, 4)),
        ("leave `#0` away", |control| control.kind = Some(0)),
    ] {
        let mut control = lines(&control_model("controlnet_a"));
        change(&mut control);
        match with(vec![control]).validate() {
            Err(Error::InvalidRequest { field: "controls", message }) => assert!(message.contains(field), "{message}"),
            other => panic!("{field}: {other:?}"),
        }
    }
}

#[test]
fn preprocessors_make_control_images_of_the_same_size() {
    let photo = reference_image("pictures/prompt_a.png");
    for preprocessor in Preprocessor::ALL {
        let made = control_image(preprocessor, &photo);
        assert_eq!(made.dimensions(), photo.dimensions(), "{preprocessor}");
        assert_ne!(made, photo, "{preprocessor}");
        let pixel = image::RgbImage::from_pixel(1, 1, image::Rgb([9, 200, 30]));
        assert_eq!(control_image(preprocessor, &pixel).dimensions(), (1, 1), "{preprocessor}");
    }
    // As OpenCV's `Canny(image, 100, 200)` has them.
    let expected = image::open(adapters("expected/canny_prompt_a.png")).expect("it is there").to_rgb8();
    assert_eq!(control_image(Preprocessor::Canny, &photo), expected);
    let noise = reference_image("pictures/noise.png");
    let expected = image::open(adapters("expected/canny_noise.png")).expect("it is there").to_rgb8();
    assert_eq!(control_image(Preprocessor::Canny, &noise), expected);
}
