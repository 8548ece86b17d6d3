//! A tiny VAE decodes images and previews in place of the VAE.

use std::path::{Path, PathBuf};

use easel_model::weights::TinyVaeFiles;
use easel_model::{
    DeviceChoice, DevicePreference, Model, ModelOptions, Precision, Requirement, ResolvedSettings, Retention,
};
use safetensors::SafeTensors;
use serde_json::{Value, json};

use crate::common::{copy, demo, reference};

fn open(folder: &Path, tiny_vae: Option<PathBuf>) -> easel_model::Result<Model> {
    let requirement = Requirement { precision: Some(Precision::F32), ..Requirement::default() };
    let choice = DeviceChoice::select(DevicePreference::Flex, requirement).expect("flex is there");
    let options = ModelOptions { tiny_vae, retention: Retention::KeepWarm, ..ModelOptions::default() };
    Model::open(folder, &options, &choice)
}

fn with_tiny_vae(folder: &Path) -> Model {
    open(folder, Some(reference("tiny_vae"))).expect("the tiny VAE opens")
}

fn without() -> Model {
    open(&demo("base"), None).expect("the demo model opens")
}

fn request() -> ResolvedSettings {
    ResolvedSettings {
        width: Some(96),
        height: Some(64),
        steps: 3,
        use_refiner: false,
        count: 2,
        ..ResolvedSettings::new("a large red heart on a blue background")
    }
}

#[test]
fn images_and_previews_need_no_other_vae() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    copy(&demo("base"), folder.path());
    let model = with_tiny_vae(folder.path());
    std::fs::remove_dir_all(folder.path().join("vae")).expect("the folder is removed");
    let mut run = model.start(request()).expect("the run starts");
    while run.advance().expect("the step is done").is_some() {
        let preview = run.preview(1).expect("there is a second image");
        assert_eq!(preview.dimensions(), (24, 16));
    }
    assert!(run.preview(2).is_none());
    let images = run.finish().expect("the run ends well");
    assert_eq!(images.iter().map(image::RgbImage::dimensions).collect::<Vec<_>>(), [(96, 64); 2]);
    // The last preview is the finished image, made smaller.
    let small = image::imageops::thumbnail(&images[0], 24, 16);
    assert!(run.preview(0).is_some_and(|preview| preview == small));
}

#[test]
fn only_the_decoding_changes() {
    let latents = |model: &Model| {
        let mut run = model.start_traced(request()).expect("the run starts");
        let images = run.finish().expect("the run ends well");
        (run.trace().and_then(|trace| trace.numbers("final_latents")).expect("traced"), images)
    };
    let (with, tiny) = latents(&with_tiny_vae(&demo("base")));
    let (without, whole) = latents(&without());
    assert_eq!(with, without);
    assert!(tiny[0] != whole[0]);
}

#[test]
fn a_checkpoint_goes_on_with_the_same_decoder_only() {
    let with = with_tiny_vae(&demo("base"));
    let mut run = with.start(request()).expect("the run starts");
    run.advance().expect("the step is done");
    let checkpoint = run.checkpoint();
    let error = without().resume(checkpoint.clone()).err().expect("it is refused").to_string();
    assert!(error.contains("tiny VAE"), "{error}");
    let resumed = with.resume(checkpoint).and_then(|mut run| run.finish()).expect("the resumed run ends well");
    assert!(resumed == run.finish().expect("the run ends well"));
}

#[test]
fn a_file_alone_is_as_its_layers_say() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let whole = folder.path().join("whole");
    copy(&reference("tiny_vae"), &whole);
    // A file has TAESDXL's scale.
    let file = whole.join("config.json");
    let mut config: Value = serde_json::from_str(&std::fs::read_to_string(&file).expect("it is there")).expect("JSON");
    config["scaling_factor"] = json!(1.0);
    std::fs::write(&file, config.to_string()).expect("written");
    let weights = whole.join("diffusion_pytorch_model.safetensors");
    let content = std::fs::read(&weights).expect("the weights are there");
    let tensors = SafeTensors::deserialize(&content).expect("the weights are sound");
    // The name in `taesdxl_decoder.safetensors`, where pressing the latents is a layer, too.
    let original = |name: &str| {
        let (index, rest) = name.strip_prefix("decoder.layers.")?.split_once('.')?;
        Some(format!("{}.{rest}", index.parse::<usize>().ok()? + 1))
    };
    let written = |file: &str, name: &dyn Fn(&str) -> Option<String>| {
        let path = folder.path().join(file);
        let renamed = tensors.tensors().into_iter().filter_map(|(own, tensor)| Some((name(&own)?, tensor)));
        std::fs::write(&path, safetensors::serialize(renamed, None).expect("they go together")).expect("written");
        path
    };
    let image = |path: &Path| {
        let model = open(&demo("base"), Some(path.to_owned())).expect("the tiny VAE opens");
        let run = model.start(ResolvedSettings { steps: 1, count: 1, ..request() });
        run.and_then(|mut run| run.finish()).expect("the run ends well")
    };
    let expected = image(&whole);
    for file in [
        weights.clone(),
        written("diffusers.safetensors", &|name| Some(name.to_owned())),
        written("taesdxl_decoder.safetensors", &original),
        written("taesdxl.safetensors", &|name| match original(name) {
            Some(name) => Some(format!("taesd_decoder.{name}")),
            None => Some(name.replace("encoder.layers.", "taesd_encoder.")),
        }),
    ] {
        assert!(TinyVaeFiles::is_at(&file) && image(&file) == expected, "{}", file.display());
    }
    let refused = |path: &Path| open(&demo("base"), Some(path.to_owned())).err().expect("it is refused").to_string();
    let other = demo("base").join("vae/diffusion_pytorch_model.safetensors");
    assert!(!TinyVaeFiles::is_at(&other));
    assert!(refused(&other).contains("VAE on its own"), "{}", refused(&other));
    let half = written("half.safetensors", &|name| original(name).filter(|name| !name.starts_with("12.")));
    assert!(refused(&half).contains("not all layers"), "{}", refused(&half));
}

/// What opening a changed copy of the tiny VAE says.
fn refusal(change: impl FnOnce(&Path)) -> String {
    let folder = tempfile::tempdir().expect("a temporary folder");
    copy(&reference("tiny_vae"), folder.path());
    change(folder.path());
    open(&demo("base"), Some(folder.path().to_owned())).err().expect("it is refused").to_string()
}

#[test]
fn a_folder_that_is_no_tiny_vae_is_refused_by_name() {
    let config = |field: &'static str, value: Value| {
        refusal(move |folder| {
            let file = folder.join("config.json");
            let text = std::fs::read_to_string(&file).expect("the configuration is there");
            let mut config: Value = serde_json::from_str(&text).expect("it is JSON");
            config[field] = value;
            std::fs::write(&file, config.to_string()).expect("it is written");
        })
    };
    for (field, value) in [
        ("_class_name", json!("AutoencoderKL")),
        ("act_fn", json!("silu")),
        ("latent_channels", json!(16)),
        ("upsampling_scaling_factor", json!(4)),
        ("decoder_block_out_channels", json!([8, 8, 8, 16])),
        ("decoder_block_out_channels", json!([8, 8, 8])),
        ("decoder_block_out_channels", json!([1_000_000, 8, 8, 8])),
        ("num_decoder_blocks", json!([3, 2, 1, 1000])),
        ("num_decoder_blocks", Value::Null),
        ("scaling_factor", json!(0)),
    ] {
        let said = config(field, value);
        assert!(said.contains("config.json") && said.contains(field), "{field}: {said}");
    }
    // Well-formed, but not what the weights are of.
    for (field, value) in [
        ("decoder_block_out_channels", json!([16, 16, 16, 16])),
        ("num_decoder_blocks", json!([3, 2, 1, 1])),
        ("num_decoder_blocks", json!([3, 2, 1, 3])),
    ] {
        let said = config(field, value);
        assert!(said.contains("decoder.layers.") && said.contains("not of the same model"), "{said}");
    }
    let weights = "diffusion_pytorch_model.safetensors";
    let said = refusal(|folder| {
        let bytes = std::fs::read(folder.join(weights)).expect("the weights are there");
        std::fs::write(folder.join(weights), &bytes[..bytes.len() / 2]).expect("they are written");
    });
    assert!(said.contains(weights), "{said}");
    let said = refusal(|folder| std::fs::remove_file(folder.join(weights)).expect("it is removed"));
    assert!(said.contains("has no weights"), "{said}");
    let said = refusal(|folder| std::fs::remove_file(folder.join("config.json")).expect("it is removed"));
    assert!(said.contains("has no config.json"), "{said}");
}
