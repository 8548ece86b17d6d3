//! Files made for a test, in spellings that the reference data do not have: each changes the model as the spelling that
//! they do have.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use easel_model::weights::{Stored, TensorToWrite, WeightType, write_safetensors};
use easel_model::{DevicePreference, LoraFile, LoraWeights, Model, Request, RequestedLora, ResolvedSettings};
use safetensors::Dtype;

use super::adapters;
use crate::common::demo_model;

/// Name, shape and numbers.
pub(super) type Tensor = (String, Vec<usize>, Vec<f32>);

/// The numbers of a tensor in any of the formats that LoRAs have.
pub(super) fn numbers(view: &safetensors::tensor::TensorView) -> Vec<f32> {
    let data = view.data();
    match view.dtype() {
        Dtype::F32 => data.as_chunks().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect(),
        Dtype::F16 => data.as_chunks().0.iter().map(|&bytes| half::f16::from_le_bytes(bytes).to_f32()).collect(),
        Dtype::BF16 => data.as_chunks().0.iter().map(|&bytes| half::bf16::from_le_bytes(bytes).to_f32()).collect(),
        other => panic!("an unexpected format {other:?}"),
    }
}

/// Writes `tensors` in f32.
pub(super) fn write(path: &Path, metadata: &[(&str, &str)], tensors: Vec<Tensor>) {
    let metadata: BTreeMap<_, _> = metadata.iter().map(|(key, text)| ((*key).to_owned(), (*text).to_owned())).collect();
    let tensors = tensors.into_iter().map(|(name, shape, numbers)| {
        let bytes: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
        let produce = Box::new(move || Ok(Bytes::from(bytes)));
        TensorToWrite { name, stored: Stored::Numbers(WeightType::F32), shape, produce }
    });
    write_safetensors(path, &metadata, tensors.collect()).expect("it is written");
}

/// The first step's output and the finished latents with the LoRA at `path`.
fn outcome(model: &Model, path: &Path) -> Vec<f64> {
    let file = Arc::new(LoraFile::open(path).expect("the LoRA opens"));
    let loras = vec![RequestedLora { file, weights: LoraWeights::parse("0.9").expect("a weight") }];
    let settings = ResolvedSettings {
        width: Some(64),
        height: Some(64),
        steps: 2,
        use_refiner: false,
        ..ResolvedSettings::new("a red circle")
    };
    let mut run = model.start_traced(Request { loras, ..settings.into() }).expect("the run starts");
    run.finish().expect("the run ends well");
    run.trace().and_then(|trace| trace.numbers("final_latents")).expect("traced")
}

/// The tensors of a reference file.
pub(super) fn tensors(name: &str) -> Vec<Tensor> {
    let bytes = std::fs::read(adapters(&format!("files/lora/{name}"))).expect("the file is there");
    let file = safetensors::SafeTensors::deserialize(&bytes).expect("it is sound");
    file.tensors().into_iter().map(|(name, view)| (name, view.shape().to_vec(), numbers(&view))).collect()
}

fn assert_same(model: &Model, name: &str, metadata: &[(&str, &str)], changed: Vec<Tensor>, allowed: f64) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("crafted.safetensors");
    write(&path, metadata, changed);
    let expected = outcome(model, &adapters(&format!("files/lora/{name}")));
    let worst = crate::common::largest_difference(&outcome(model, &path), &expected);
    assert!(worst <= allowed, "{name}: {worst}");
}

#[test]
fn other_spellings_mean_the_same() {
    let model = demo_model(DevicePreference::Flex, None);
    let renamed = |name: &str, rename: &dyn Fn(&str) -> String| {
        tensors(name).into_iter().map(|(name, shape, numbers)| (rename(&name), shape, numbers)).collect::<Vec<_>>()
    };
    // PEFT's adapter name, and its bare prefix where alpha is known.
    let adapter = |name: &str| name.replace("lora_A.weight", "lora_A.default.weight");
    assert_same(&model, "peft.safetensors", &[], renamed("peft.safetensors", &adapter), 0.0);
    let up_down = |name: &str| name.replace("lora_A", "lora.down").replace("lora_B", "lora.up");
    assert_same(&model, "peft.safetensors", &[], renamed("peft.safetensors", &up_down), 0.0);
    let metadata = [(
        "lora_adapter_metadata",
        r#"{"unet.lora_alpha": 2, "text_encoder.lora_alpha": 2, "text_encoder_2.lora_alpha": 2}"#,
    )];
    assert_same(&model, "peft.safetensors", &metadata, tensors("peft.safetensors"), 0.0);
    let rooted = [("lora_adapter_metadata", r#"{"unet.lora_alpha": 1.4142135, "unet.use_rslora": true}"#)];
    assert_same(&model, "peft.safetensors", &rooted, tensors("peft.safetensors"), 1e-4);
    // LyCORIS's prefix for diffusers' names.
    let prefix = |name: &str| name.replace("lora_unet_", "lycoris_");
    assert_same(&model, "kohya_blocks.safetensors", &[], renamed("kohya_blocks.safetensors", &prefix), 0.0);
}

#[test]
fn a_bare_adapter_of_pefts_is_refused_because_its_scale_is_elsewhere() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("adapter_model.safetensors");
    let bare = tensors("peft.safetensors")
        .into_iter()
        .map(|(name, shape, numbers)| (name.replace("unet.", "base_model.model."), shape, numbers));
    write(&path, &[], bare.collect());
    let error = LoraFile::open(&path).expect_err("it is refused").to_string();
    assert!(error.contains("save_lora_weights") && error.contains("adapter_model.safetensors"), "{error}");
}

#[test]
fn full_differences_and_cores_are_products_written_out() {
    let model = demo_model(DevicePreference::Flex, None);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = |name: &str| folder.path().join(name);
    let module = "lora_unet_input_blocks_0_0";
    let some = |count: usize, seed: usize| -> Vec<f32> {
        (0..count).map(|index| ((index * 37 + seed * 11) % 23) as f32 / 23.0 - 0.5).collect()
    };
    // conv_in: 32 outputs, 4 inputs, 3×3. Rank 2 with a core of 2×2.
    let (up, middle, down) = (some(64, 1), some(36, 2), some(8, 3));
    write(
        &path("core.safetensors"),
        &[],
        vec![
            (format!("{module}.lora_up.weight"), vec![32, 2, 1, 1], up.clone()),
            (format!("{module}.lora_mid.weight"), vec![2, 2, 3, 3], middle.clone()),
            (format!("{module}.lora_down.weight"), vec![2, 4, 1, 1], down.clone()),
        ],
    );
    let mut difference = vec![0.0_f32; 32 * 4 * 9];
    for (output, input, tap) in (0..32).flat_map(|o| (0..4).flat_map(move |i| (0..9).map(move |t| (o, i, t)))) {
        for (n, m) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
            difference[(output * 4 + input) * 9 + tap] +=
                up[output * 2 + n] * middle[(n * 2 + m) * 9 + tap] * down[m * 4 + input];
        }
    }
    write(&path("full.safetensors"), &[], vec![(format!("{module}.diff"), vec![32, 4, 3, 3], difference.clone())]);
    let with_core = outcome(&model, &path("core.safetensors"));
    let whole = outcome(&model, &path("full.safetensors"));
    let worst = crate::common::largest_difference(&with_core, &whole);
    assert!(worst < 1e-4, "{worst}");
    // A bias changes too, and is not lost.
    write(
        &path("bias.safetensors"),
        &[],
        vec![
            (format!("{module}.diff"), vec![32, 4, 3, 3], difference),
            (format!("{module}.diff_b"), vec![32], vec![0.3; 32]),
        ],
    );
    assert!(outcome(&model, &path("bias.safetensors")) != whole);
}
