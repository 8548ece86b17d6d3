//! Names and shapes of full-size SDXL, against those that diffusers and the original checkpoints have.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write;
use std::path::Path;

use easel_model::config::{ModelConfigs, TextEncoderConfig, UNetConfig, VaeConfig};
use easel_model::memory;
use easel_model::weights::manifest::{text_encoder_manifest, unet_manifest, vae_manifest};
use easel_model::weights::{Component, ModelFiles, Transform, open_clip_name, unet_name, vae_name};
use serde_json::{Map, json};

use super::support::fails;

type Shapes = BTreeMap<String, Vec<usize>>;
/// Name, shape and format.
type StoredTensor = (String, Vec<usize>, &'static str);

fn reference(name: &str) -> Shapes {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference/manifests").join(name);
    let text = std::fs::read_to_string(path).expect("a manifest");
    let line = |line: &str| {
        let (name, shape) = line.split_once('\t').expect("name and shape");
        (name.to_owned(), shape.split('x').map(|side| side.parse().expect("a side")).collect())
    };
    text.lines().map(line).collect()
}

fn collected(manifest: Vec<(String, Vec<usize>)>) -> Shapes {
    let count = manifest.len();
    let shapes: Shapes = manifest.into_iter().collect();
    assert_eq!(shapes.len(), count, "a name occurs twice");
    shapes
}

/// The manifests are what the modules' own constructors ask for, and nothing is allocated to find out.
#[test]
fn manifests_equal_the_reference() {
    let before = memory::peak();
    assert_eq!(collected(unet_manifest(&UNetConfig::sdxl_base())), reference("base.unet.tsv"));
    assert_eq!(collected(unet_manifest(&UNetConfig::sdxl_refiner())), reference("refiner.unet.tsv"));
    assert_eq!(collected(vae_manifest(&VaeConfig::sdxl())), reference("vae.tsv"));
    let second = text_encoder_manifest(&TextEncoderConfig::sdxl_text_encoder_2(), true);
    assert_eq!(collected(second), reference("text_encoder_2.tsv"));
    // The library of the reference leaves the prefix away for this one.
    let prefixed = |(name, shape)| (format!("text_model.{name}"), shape);
    let first = reference("text_encoder.tsv").into_iter().map(prefixed).collect();
    assert_eq!(collected(text_encoder_manifest(&TextEncoderConfig::sdxl_text_encoder(), false)), first);
    let grown = memory::peak() - before;
    assert!(grown < 64 << 20, "listing names took {grown} bytes");
}

/// Original name and shape of every tensor, with how many tensors of diffusers are cut from it.
fn original_layout(configs: &ModelConfigs) -> BTreeMap<String, (Vec<usize>, usize)> {
    let mut layout = BTreeMap::new();
    let mut add = |name: String, transform: Transform, shape: &[usize]| {
        let shape = transform.original_shape(shape);
        let entry = layout.entry(name.clone()).or_insert((shape.clone(), 0));
        assert_eq!(entry.0, shape, "{name}");
        assert!(entry.1 == 0 || matches!(transform, Transform::Third(_)), "{name} is used twice");
        entry.1 += 1;
    };
    for (name, shape) in unet_manifest(&configs.unet) {
        add(format!("model.diffusion_model.{}", unet_name(&name, &configs.unet)), Transform::Same, &shape);
    }
    for (name, shape) in configs.vae.iter().flat_map(vae_manifest) {
        let (original, transform) = vae_name(&name, 4);
        add(format!("first_stage_model.{original}"), transform, &shape);
    }
    for (name, shape) in configs.text_encoder.iter().flat_map(|config| text_encoder_manifest(config, false)) {
        add(format!("conditioner.embedders.0.transformer.{name}"), Transform::Same, &shape);
    }
    let embedder = if configs.text_encoder.is_some() { 1 } else { 0 };
    for (name, shape) in configs.text_encoder_2.iter().flat_map(|config| text_encoder_manifest(config, true)) {
        let (original, transform) = open_clip_name(&name);
        add(format!("conditioner.embedders.{embedder}.model.{original}"), transform, &shape);
    }
    layout
}

#[test]
fn single_file_names_equal_the_reference() {
    let layout = original_layout(&ModelConfigs::sdxl_base());
    for (name, (_, uses)) in &layout {
        assert_eq!(*uses, if name.contains("in_proj") { 3 } else { 1 }, "{name}");
    }
    let names: Shapes = layout.into_iter().map(|(name, (shape, _))| (name, shape)).collect();
    assert_eq!(names, reference("base.single_file.tsv"));
}

/// A checkpoint of full size whose numbers are a hole in the file.
fn sparse_checkpoint(path: &Path, tensors: impl IntoIterator<Item = StoredTensor>) {
    let mut header = Map::new();
    let mut end = 0;
    for (name, shape, dtype) in tensors {
        let bytes = if dtype == "I64" { 8 } else { 2 };
        let start = end;
        end += shape.iter().product::<usize>() * bytes;
        header.insert(name, json!({ "dtype": dtype, "shape": shape, "data_offsets": [start, end] }));
    }
    let header = serde_json::Value::Object(header).to_string();
    let mut file = File::create(path).expect("a file");
    file.write_all(&(header.len() as u64).to_le_bytes()).expect("written");
    file.write_all(header.as_bytes()).expect("written");
    file.set_len((8 + header.len() + end) as u64).expect("a sparse file");
}

fn official_base() -> Vec<StoredTensor> {
    let mut tensors: Vec<_> =
        reference("base.single_file.tsv").into_iter().map(|(name, shape)| (name, shape, "F16")).collect();
    // What official files carry besides.
    let text = "conditioner.embedders.0.transformer.text_model.embeddings.position_ids";
    tensors.push((text.to_owned(), vec![1, 77], "I64"));
    tensors.push(("conditioner.embedders.1.model.logit_scale".to_owned(), vec![], "F16"));
    tensors.push(("denoiser.sigmas".to_owned(), vec![1000], "F16"));
    tensors
}

#[test]
fn official_base_checkpoint_opens() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("sd_xl_base_1.0.safetensors");
    sparse_checkpoint(&path, official_base());
    let model = ModelFiles::open(&path).expect("the official layout");
    assert_eq!(model.configs(), &ModelConfigs::sdxl_base());
    for (component, manifest) in [(Component::UNet, "base.unet.tsv"), (Component::Vae, "vae.tsv")] {
        let source = model.component(component).expect("readable").expect("there");
        let described = source.names().into_iter().map(|name| {
            let (_, shape) = source.describe(&name).expect("a tensor");
            (name, shape)
        });
        assert_eq!(described.collect::<Shapes>(), reference(manifest));
    }
    let parameters: usize = reference("base.unet.tsv").values().map(|shape| shape.iter().product::<usize>()).sum();
    assert_eq!(model.size_in_bytes(Component::UNet).expect("a size"), 2 * parameters as u64);
    let scheduler = model.scheduler_config().expect("SDXL's own scheduler");
    assert!(scheduler.contains("\"leading\"") && scheduler.contains("\"epsilon\""), "{scheduler}");
    assert!(model.tokenizer_folder(Component::TextEncoder).is_none());
}

/// As ComfyUI, A1111, kohya's scripts and converters write them: names, and what they leave behind.
#[test]
fn checkpoints_of_other_programs_open() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("merged.safetensors");
    let mut tensors = official_base();
    let projection = "conditioner.embedders.1.model.text_projection";
    for (name, ..) in &mut tensors {
        // A converter that leaves the projection as diffusers has it, and attention with the names of linear layers.
        if name == projection {
            *name = format!("{projection}.weight");
        }
    }
    let left_over = [
        ("model_ema.decay", vec![]),
        ("model_ema.diffusion_modelinput_blocks00bias", vec![320]),
        ("cond_stage_model.transformer.text_model.embeddings.position_ids", vec![1, 77]),
        ("conditioner.embedders.0.transformer.text_projection.weight", vec![768, 768]),
        ("conditioner.embedders.0.logit_scale", vec![]),
        ("conditioner.embedders.1.model.transformer.text_model.embeddings.position_ids", vec![1, 77]),
        ("first_stage_model.loss.logvar", vec![]),
        ("alphas_cumprod", vec![1000]),
        ("global_step", vec![]),
    ];
    tensors.extend(left_over.map(|(name, shape)| (name.to_owned(), shape, "F16")));
    sparse_checkpoint(&path, tensors.clone());
    let model = ModelFiles::open(&path).expect("all of these are known");
    assert_eq!(model.configs(), &ModelConfigs::sdxl_base());
    let source = model.component(Component::TextEncoder2).expect("readable").expect("there");
    assert_eq!(source.describe("text_projection.weight").expect("it").1, [1280, 1280]);
    for unknown in ["conditioner.embedders.0.transformer.text_model.adapter.weight", "unet_extra.weight"] {
        let more = (unknown.to_owned(), vec![2], "F16");
        sparse_checkpoint(&path, tensors.iter().cloned().chain([more]));
        fails(ModelFiles::open(&path), &["merged.safetensors", unknown, "known to be left over"]);
    }
}

#[test]
fn a_checkpoint_without_a_vae_says_how_to_give_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("no_vae.safetensors");
    sparse_checkpoint(&path, official_base().into_iter().filter(|(name, ..)| !name.starts_with("first_stage_model.")));
    let files = ModelFiles::open(&path).expect("the rest is there");
    assert!(files.configs().vae.is_none());
    fails(easel_model::ModelSource::open(&path), &["no_vae.safetensors", "has no VAE", "--vae", "--tiny-vae"]);
}

#[test]
fn official_refiner_checkpoint_opens() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("sd_xl_refiner_1.0.safetensors");
    let layout = original_layout(&ModelConfigs::sdxl_refiner());
    for name in
        ["conditioner.embedders.0.model.text_projection", "model.diffusion_model.output_blocks.11.0.in_layers.0.bias"]
    {
        assert!(layout.contains_key(name), "{name}");
    }
    sparse_checkpoint(&path, layout.into_iter().map(|(name, (shape, _))| (name, shape, "F16")));
    let model = ModelFiles::open(&path).expect("the official layout");
    assert_eq!(model.configs(), &ModelConfigs::sdxl_refiner());
    assert!(model.component(Component::TextEncoder).expect("readable").is_none());
}

#[test]
fn velocity_checkpoints_say_so_to_the_scheduler() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("velocity.safetensors");
    let markers = ["v_pred", "ztsnr"].map(|name| (name.to_owned(), vec![0], "F16"));
    sparse_checkpoint(&path, official_base().into_iter().chain(markers));
    let model = ModelFiles::open(&path).expect("the official layout");
    let scheduler: serde_json::Value = serde_json::from_str(model.scheduler_config().expect("one")).expect("JSON");
    assert_eq!(scheduler["prediction_type"], "v_prediction");
    assert_eq!(scheduler["rescale_betas_zero_snr"], true);
    assert_eq!(scheduler["timestep_spacing"], "trailing");
}

#[test]
fn checkpoints_that_are_almost_sdxl_are_refused_by_tensor() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("changed.safetensors");
    let open = |change: &dyn Fn(&mut Vec<StoredTensor>)| {
        let mut tensors = official_base();
        change(&mut tensors);
        sparse_checkpoint(&path, tensors);
        ModelFiles::open(&path)
    };
    let conv_in = "model.diffusion_model.input_blocks.0.0.weight";
    let at = |tensors: &[StoredTensor]| tensors.iter().position(|(name, ..)| name == conv_in).expect("it");
    // An inpainting model takes nine channels.
    let inpainting = open(&|tensors| {
        let index = at(tensors);
        tensors[index].1 = vec![320, 9, 3, 3];
    });
    assert_eq!(inpainting.expect("it is a model for inpainting").configs().unet.in_channels, 9);
    let editing = open(&|tensors| {
        let index = at(tensors);
        tensors[index].1 = vec![320, 8, 3, 3];
    });
    fails(editing, &["changed.safetensors", "editing images"]);
    let other = open(&|tensors| {
        let index = at(tensors);
        tensors[index].1 = vec![320, 5, 3, 3];
    });
    fails(other, &["changed.safetensors", conv_in, "[320, 5, 3, 3]", "[320, 4, 3, 3]"]);
    let missing = open(&|tensors| {
        let index = at(tensors);
        tensors.remove(index);
    });
    fails(missing, &["changed.safetensors", conv_in, "is missing", "1680"]);
    let extra = "model.diffusion_model.input_blocks.4.1.transformer_blocks.2.norm1.weight";
    let more = open(&|tensors| tensors.push((extra.to_owned(), vec![640], "F16")));
    fails(more, &["changed.safetensors", extra, "no place for it"]);
    let integers = open(&|tensors| {
        let index = at(tensors);
        tensors[index].2 = "I64";
    });
    fails(integers, &["changed.safetensors", conv_in, "I64", "F32, F16, BF16, F64", "NF4"]);
    let playground = open(&|tensors| tensors.push(("edm_mean".to_owned(), vec![4], "F16")));
    fails(playground, &["changed.safetensors", "EDM", "not supported"]);
}
