//! What is no LoRA, or none for this model, is refused by name.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use easel_model::{DevicePreference, LoraFile, LoraWeights, Request, RequestedLora, ResolvedSettings};

use super::adapters;
use super::crafted::{Tensor, numbers, write};
use crate::common::demo_model;

/// What opening the file at `path` says, or starting a generation with it.
fn said(path: &Path) -> String {
    let file = match LoraFile::open(path) {
        Ok(file) => file,
        Err(error) => return error.to_string(),
    };
    let model = demo_model(DevicePreference::Flex, None);
    let loras = vec![RequestedLora { file: Arc::new(file), weights: LoraWeights::default() }];
    let request = Request { loras, ..ResolvedSettings::new("a red circle").into() };
    model.start(request).err().expect("it is refused").to_string()
}

/// A copy of the reference file `name` with `tensor` in it too.
fn with(name: &str, tensor: Tensor) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join(name);
    let bytes = std::fs::read(adapters(&format!("files/lora/{name}"))).expect("the file is there");
    let mut tensors = Vec::new();
    for (name, view) in safetensors::SafeTensors::deserialize(&bytes).expect("it is sound").tensors() {
        tensors.push((name, view.shape().to_vec(), numbers(&view)));
    }
    tensors.push(tensor);
    write(&path, &[], tensors);
    (folder, path)
}

#[test]
fn a_tensor_without_a_place_is_named_with_its_file() {
    for (file, key, shape) in [
        // A module that the model does not have, in each spelling.
        ("kohya.safetensors", "lora_unet_input_blocks_1_1_proj_in.alpha", vec![]),
        ("kohya.safetensors", "lora_unet_output_blocks_9_1_proj_in.diff", vec![2, 2]),
        ("peft.safetensors", "unet.down_blocks.0.attentions.0.proj_in.diff", vec![2, 2]),
        ("loha.safetensors", "lora_unet_nowhere.diff", vec![2, 2]),
        ("text.safetensors", "lora_te3_text_model_encoder_layers_0_mlp_fc1.diff", vec![2, 2]),
        // A part that no kind has.
        ("kohya.safetensors", "lora_unet_input_blocks_4_1_proj_in.lora_sideways.weight", vec![2, 2]),
        ("peft.safetensors", "unet.mid_block.attentions.0.proj_in.lora_C.weight", vec![2, 2]),
        ("lokr.safetensors", "lora_unet_input_blocks_4_1_proj_in.oft_blocks", vec![2, 2, 2]),
        ("lokr.safetensors", "bundle_emb.word.string_to_param.*", vec![2, 2]),
        // A part without those that belong to it.
        ("kohya.safetensors", "lora_unet_input_blocks_0_0.lora_up.weight", vec![32, 2]),
        ("loha.safetensors", "lora_unet_input_blocks_0_0.hada_w1_a", vec![32, 2]),
        ("lokr.safetensors", "lora_unet_input_blocks_0_0.lokr_w1", vec![2, 2]),
    ] {
        let count = shape.iter().product();
        let (_folder, path) = with(file, (key.to_owned(), shape, vec![1.0; count]));
        let said = said(&path);
        assert!(said.contains(file) && said.contains(key), "{file}, {key}: {said}");
    }
}

#[test]
fn what_is_no_lora_is_named_as_what_it_is() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("file.safetensors");
    let said_of = |content: &[u8]| {
        std::fs::write(&path, content).expect("it is written");
        said(&path)
    };
    assert!(said_of(b"GGUF....").contains("GGUF"));
    assert!(said_of(b"version https://git-lfs.github.com/spec/v1").contains("git lfs pull"));
    assert!(said_of(b"<!DOCTYPE html><html>").contains("web page"));
    let one = |name: &str, shape: &[usize]| {
        let count = shape.iter().product();
        write(&path, &[], vec![(name.to_owned(), shape.to_vec(), vec![0.5; count])]);
        said(&path)
    };
    assert!(one("first_stage_model.decoder.conv_in.weight", &[2, 2]).contains("a VAE on its own"));
    assert!(one("model.diffusion_model.input_blocks.0.0.weight", &[2, 2]).contains("no LoRA"));
    // The ending alone makes no LoRA.
    assert!(one("clip_l", &[3, 64]).contains("no LoRA"));
    assert!(said(&crate::common::demo("base/unet/diffusion_pytorch_model.safetensors")).contains("no LoRA"));
}

#[test]
fn numbers_that_are_not_finite_are_never_merged() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("broken.safetensors");
    let module = "lora_unet_input_blocks_0_0";
    for (down, up) in [(f32::NAN, 1.0), (1.0, f32::INFINITY), (1e30, 1e30)] {
        let tensors = vec![
            (format!("{module}.lora_down.weight"), vec![1, 4, 3, 3], vec![down; 36]),
            (format!("{module}.lora_up.weight"), vec![32, 1, 1, 1], vec![up; 32]),
        ];
        write(&path, &[], tensors);
        let file = Arc::new(LoraFile::open(&path).expect("it is in order in itself"));
        let model = demo_model(DevicePreference::Flex, None);
        let loras = vec![RequestedLora { file, weights: LoraWeights::default() }];
        let request = Request { loras, ..ResolvedSettings::new("a red circle").into() };
        let error = model.start(request).and_then(|mut run| run.finish()).expect_err("it is refused").to_string();
        assert!(error.contains("broken.safetensors") && error.contains("finite"), "{error}");
    }
}
