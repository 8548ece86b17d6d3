//! NaN and infinite numbers in weights: named by file and tensor, and never made an image of.

use std::path::Path;

use bytes::Bytes;
use easel_model::weights::{ExportFormat, ModelFiles, WeightType, save_folder, save_single_file};
use easel_model::{DeviceChoice, DevicePreference, Model, ModelOptions, Precision, Requirement};

use super::support::{copy_of_demo, fails, stored, try_image, write};

/// NaN and minus infinity in f16.
const STRANGE: [u16; 2] = [0x7e00, 0xfc00];

/// Plants `number` in the middle of a tensor of the file at `path`.
fn plant(path: &Path, tensor: &str, number: u16) {
    let mut tensors = stored(path);
    let (_, dtype, _, data) = tensors.get_mut(tensor).expect("it");
    assert_eq!(*dtype, WeightType::F16);
    let mut changed = data.to_vec();
    let middle = changed.len() / 4 * 2;
    changed[middle..middle + 2].copy_from_slice(&number.to_le_bytes());
    *data = Bytes::from(changed);
    write(path, tensors.into_values());
}

/// A matrix in every arithmetic, one that 8 bits are too few for, one that is packed twice, and vectors, in every component.
const TENSORS: [(&str, &str); 8] = [
    ("unet/diffusion_pytorch_model.safetensors", "mid_block.attentions.0.transformer_blocks.0.attn1.to_q.weight"),
    ("unet/diffusion_pytorch_model.safetensors", "up_blocks.0.upsamplers.0.conv.weight"),
    ("unet/diffusion_pytorch_model.safetensors", "conv_in.weight"),
    ("unet/diffusion_pytorch_model.safetensors", "down_blocks.1.resnets.0.norm1.bias"),
    ("text_encoder/model.safetensors", "text_model.encoder.layers.0.mlp.fc1.weight"),
    ("text_encoder_2/model.safetensors", "text_model.embeddings.token_embedding.weight"),
    ("vae/diffusion_pytorch_model.safetensors", "decoder.mid_block.resnets.0.conv1.weight"),
    ("vae/diffusion_pytorch_model.safetensors", "encoder.conv_in.bias"),
];

fn names_of(path: &Path) -> impl Fn(&str) -> String {
    let names: Vec<_> = stored(path).into_keys().collect();
    move |wanted| {
        let bare = wanted.trim_start_matches("text_model.");
        let found = names.iter().find(|name| *name == wanted || *name == bare);
        found.unwrap_or_else(|| panic!("no {wanted}")).clone()
    }
}

#[test]
fn they_are_named_and_never_drawn_with() {
    for (index, (file, tensor)) in TENSORS.into_iter().enumerate() {
        let copy = copy_of_demo("base");
        let tensor = names_of(&copy.path().join(file))(tensor);
        plant(&copy.path().join(file), &tensor, STRANGE[index % 2]);
        let words = [file, &tensor, if index % 2 == 0 { "NaN" } else { "infinite" }, "no precision helps"];
        // The encoder is not used for an image from words alone.
        if !tensor.starts_with("encoder.conv") {
            for precision in Precision::ALL {
                let result = try_image(copy.path(), &ModelOptions::default(), precision);
                let message = result.as_ref().err().map(ToString::to_string).unwrap_or_default();
                assert!(!message.contains("--precision"), "{message}");
                fails(result, &words);
            }
        }
        let files = ModelFiles::open(copy.path()).expect("numbers are not read yet");
        let place = tempfile::tempdir().expect("a folder");
        let to = |name: &str| place.path().join(name);
        for precision in [Precision::F32, Precision::Bf16, Precision::Int8] {
            fails(save_folder(&files, &to("packed"), ExportFormat::Packed(precision)), &words);
        }
        fails(save_folder(&files, &to("same"), ExportFormat::Same), &words);
        fails(save_folder(&files, &to("wide"), ExportFormat::Converted(WeightType::F32)), &words);
        fails(save_single_file(&files, &to("single.safetensors"), Some(WeightType::BF16)), &words);
        assert_eq!(std::fs::read_dir(place.path()).expect("a folder").count(), 0, "nothing is left behind");
        let choice = DeviceChoice::select(DevicePreference::Flex, Requirement::default()).expect("the CPU");
        let model = Model::open(copy.path(), &ModelOptions::default(), &choice).expect("it opens");
        fails(model.check_numbers(), &words);
    }
}

/// Packed weights were looked at when they were packed; a file that was damaged since is explained.
#[test]
fn a_damaged_packed_file_is_found() {
    let place = tempfile::tempdir().expect("a folder");
    let files = ModelFiles::open(super::support::demo("base")).expect("the demo model");
    for precision in [Precision::F32, Precision::Bf16] {
        let folder = place.path().join(precision.name());
        save_folder(&files, &folder, ExportFormat::Packed(precision)).expect("a packed folder");
        let path = folder.join("unet/packed.safetensors");
        let mut content = std::fs::read(&path).expect("a file");
        let name = "mid_block.attentions.0.transformer_blocks.0.attn1.to_q.weight";
        let range =
            easel_model::weights::SafetensorsFile::open(&path).expect("it opens").header().tensors[name].range.clone();
        content[range.start..range.start + 4].copy_from_slice(&[0xff; 4]);
        std::fs::write(&path, content).expect("written");
        let result = try_image(&folder, &ModelOptions::default(), precision);
        fails(result, &["unet/packed.safetensors", name, "NaN"]);
    }
}

#[test]
fn a_number_that_bf16_does_not_reach_is_refused_where_it_is_computed_with() {
    let copy = copy_of_demo("base");
    let path = copy.path().join("unet/diffusion_pytorch_model.safetensors");
    let mut tensors = stored(&path);
    let name = "mid_block.attentions.0.transformer_blocks.0.attn1.to_q.weight";
    let (_, dtype, shape, data) = tensors.get_mut(name).expect("it");
    *data = f32::MAX.to_le_bytes().repeat(shape.iter().product()).into();
    *dtype = WeightType::F32;
    write(&path, tensors.into_values());
    fails(
        try_image(copy.path(), &ModelOptions::default(), Precision::Bf16),
        &["unet/diffusion_pytorch_model.safetensors", name, "more than bf16 can", "use f32"],
    );
    // Finite weights whose products are not: no image, and the reason is not blamed on the precision.
    let result = try_image(copy.path(), &ModelOptions::default(), Precision::F32);
    fails(result, &["the UNet", "although every weight is", "too large"]);
}
