//! A VAE that is given by itself: for a model that has none, or in place of its own.

use std::path::{Path, PathBuf};

use easel_model::weights::{ExportFormat, ModelFiles, VaeFiles, WeightType, save_folder};
use easel_model::{
    DeviceChoice, DevicePreference, Model, ModelOptions, Precision, Request, Requirement, ResolvedSettings,
};
use serde_json::Value;

use super::support::{
    AnyTensor, copy_folder, copy_of_demo, demo, fails, image, single_file, stored, try_image, write, write_any,
};

const WEIGHTS: &str = "diffusion_pytorch_model.safetensors";

fn with_vae(vae: &Path) -> ModelOptions {
    ModelOptions { vae: Some(vae.to_owned()), ..ModelOptions::default() }
}

/// The demo's VAE with another last bias, in a folder of its own.
fn other_vae(folder: &Path) -> PathBuf {
    let path = folder.join("other-vae");
    copy_folder(&demo("base/vae"), &path);
    let mut tensors = stored(&path.join(WEIGHTS));
    let (_, dtype, shape, data) = tensors.get_mut("decoder.conv_out.bias").expect("it");
    (*dtype, *data) = (WeightType::F32, 0.25_f32.to_le_bytes().repeat(shape[0]).into());
    write(&path.join(WEIGHTS), tensors.into_values());
    path
}

/// The demo model without its VAE, as a folder and as a single file.
fn without_vae(folder: &Path) -> [PathBuf; 2] {
    let copy = folder.join("no-vae");
    copy_folder(&demo("base"), &copy);
    std::fs::remove_dir_all(copy.join("vae")).expect("removed");
    let (_, mut metadata, mut tensors) = single_file(folder);
    tensors.retain(|(name, ..)| !name.starts_with("first_stage_model."));
    let text = metadata.get_mut("easel.config").expect("configurations");
    let mut configs: Value = serde_json::from_str(text).expect("JSON");
    configs.as_object_mut().expect("an object").remove("vae");
    *text = configs.to_string();
    let path = folder.join("no-vae.safetensors");
    write_any(&path, &metadata, &tensors);
    [copy, path]
}

#[test]
fn every_kind_of_vae_serves_a_model_without_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let expected = image(&demo("base"));
    let (whole, ..) = single_file(folder.path());
    for model in without_vae(folder.path()) {
        let refused = try_image(&model, &ModelOptions::default(), Precision::F32);
        fails(refused, &["no-vae", "has no VAE", "--vae", "--tiny-vae"]);
        for vae in [demo("base/vae"), demo("base"), demo("base/vae").join(WEIGHTS), whole.clone()] {
            let drawn = try_image(&model, &with_vae(&vae), Precision::F32).expect("an image");
            assert!(drawn == expected, "{} with {}", model.display(), vae.display());
        }
    }
}

#[test]
fn a_tiny_vae_is_enough_for_text_to_image() {
    let folder = tempfile::tempdir().expect("a folder");
    let tiny_vae = Some(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference/tiny_vae"));
    let options = ModelOptions { tiny_vae, ..ModelOptions::default() };
    let expected = try_image(&demo("base"), &options, Precision::F32).expect("an image");
    for path in without_vae(folder.path()) {
        assert!(try_image(&path, &options, Precision::F32).expect("an image") == expected);
        let choice = DeviceChoice::select(DevicePreference::Flex, Requirement::default()).expect("the CPU");
        let model = Model::open(&path, &options, &choice).expect("it opens");
        let init = image::RgbImage::from_pixel(64, 64, image::Rgb([200, 10, 10]));
        let request = Request { init_image: Some(init), ..ResolvedSettings::new("a heart").into() };
        fails(model.start(request), &["vae", "--vae"]);
    }
}

/// A file does not say what its VAE is like: it is as the one that it replaces. Names are those of either layout, as in the files of
/// A1111's and ComfyUI's folders.
#[test]
fn a_vae_in_place_of_the_models_own_decodes() {
    let folder = tempfile::tempdir().expect("a folder");
    let other = other_vae(folder.path());
    let copy = copy_of_demo("base");
    std::fs::remove_dir_all(copy.path().join("vae")).expect("removed");
    copy_folder(&other, &copy.path().join("vae"));
    let expected = image(copy.path());
    assert!(expected != image(&demo("base")), "the VAE makes a difference");

    let copy_files = ModelFiles::open(copy.path()).expect("it opens");
    let single = folder.path().join("single.safetensors");
    easel_model::weights::save_single_file(&copy_files, &single, None).expect("saved");
    let any =
        |(name, dtype, shape, data): super::support::Named| -> AnyTensor { (name, dtype.name(), shape, data.to_vec()) };
    let original: Vec<_> = stored(&single)
        .into_values()
        .map(any)
        .filter_map(|(name, dtype, shape, data)| {
            Some((name.strip_prefix("first_stage_model.")?.to_owned(), dtype, shape, data))
        })
        .collect();
    let prefixed = |prefix: &str| -> Vec<AnyTensor> {
        original
            .iter()
            .cloned()
            .map(|(name, dtype, shape, data)| (format!("{prefix}{name}"), dtype, shape, data))
            .collect()
    };
    let diffusers: Vec<_> = stored(&other.join(WEIGHTS)).into_values().map(any).collect();
    let files = [("a", prefixed("")), ("b", prefixed("first_stage_model.")), ("c", prefixed("vae.")), ("d", diffusers)];
    for (name, tensors) in files {
        let path = folder.path().join(format!("{name}.vae.safetensors"));
        write_any(&path, &Default::default(), &tensors);
        for precision in [Precision::F32, Precision::Int8] {
            let drawn = try_image(&demo("base"), &with_vae(&path), precision).expect("an image");
            let expected = try_image(copy.path(), &ModelOptions::default(), precision).expect("an image");
            assert!(drawn == expected, "{name} in {precision}");
        }
    }

    // A packed model takes one that is not, and packs it.
    let packed = folder.path().join("packed");
    let base = ModelFiles::open(demo("base")).expect("the demo model");
    save_folder(&base, &packed, ExportFormat::Packed(Precision::Int8)).expect("a packed folder");
    assert!(
        try_image(&packed, &with_vae(&other), Precision::Int8).expect("an image")
            == try_image(copy.path(), &ModelOptions::default(), Precision::Int8).expect("an image")
    );
    fails(VaeFiles::open(&packed, None), &["vae", "packed for the CPU already"]);

    // Where a refiner has the last word, the VAE is the same.
    let refiner = Some(demo("refiner"));
    let of_copy = ModelOptions { refiner: refiner.clone(), ..ModelOptions::default() };
    let of_option = ModelOptions { refiner, ..with_vae(&other) };
    assert!(
        try_image(copy.path(), &of_copy, Precision::F32).expect("an image")
            == try_image(&demo("base"), &of_option, Precision::F32).expect("an image")
    );

    // And a checkpoint of one is not continued with the other.
    let requirement = Requirement { precision: Some(Precision::F32), ..Requirement::default() };
    let choice = DeviceChoice::select(DevicePreference::Flex, requirement).expect("the CPU");
    let open = |options: &ModelOptions| Model::open(&demo("base"), options, &choice).expect("it opens");
    let settings =
        ResolvedSettings { width: Some(64), height: Some(64), use_refiner: false, ..ResolvedSettings::new("a") };
    let checkpoint = open(&with_vae(&other)).start(settings).expect("it starts").checkpoint();
    fails(open(&ModelOptions::default()).resume(checkpoint.clone()), &["another model or VAE"]);
    open(&with_vae(&other)).resume(checkpoint.clone()).expect("the same VAE");
    // Nor in another precision, in which it would have other bytes.
    let requirement = Requirement { precision: Some(Precision::Bf16), ..Requirement::default() };
    let choice = DeviceChoice::select(DevicePreference::Flex, requirement).expect("the CPU");
    let narrow = Model::open(&demo("base"), &with_vae(&other), &choice).expect("it opens");
    fails(narrow.resume(checkpoint), &["another precision"]);
}

#[test]
fn what_is_no_vae_is_refused_by_name() {
    let folder = tempfile::tempdir().expect("a folder");
    let refused = |path: &Path, words: &[&str]| fails(VaeFiles::open(path, None), words);
    refused(folder.path(), &["has no config.json", "sdxl-vae-fp16-fix"]);
    refused(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference/tiny_vae"), &["tiny VAE", "--tiny-vae"]);
    let path = folder.path().join("ae.safetensors");
    std::fs::copy(demo("base/unet").join(WEIGHTS), &path).expect("copied");
    refused(&path, &["ae.safetensors", "has no VAE", "UNet on its own"]);
    let flux: AnyTensor = ("decoder.conv_in.weight".to_owned(), "F16", vec![1, 16, 3, 3], vec![0; 2 * 16 * 9]);
    write_any(&path, &Default::default(), &[flux]);
    refused(&path, &["ae.safetensors", "decoder.conv_in.weight", "16 channels", "SDXL"]);
    std::fs::write(&path, "<html>").expect("written");
    refused(&path, &["ae.safetensors", "web page"]);
    // A file alone is taken for SDXL's VAE.
    refused(&demo("base/vae").join("nothing.safetensors"), &["nothing.safetensors", "opening"]);
    std::fs::copy(demo("base/vae").join(WEIGHTS), &path).expect("copied");
    refused(&path, &["ae.safetensors", "not of the same model"]);
}
