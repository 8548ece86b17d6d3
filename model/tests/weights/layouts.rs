//! The demo model in every layout that models come in.

use std::collections::BTreeMap;

use easel_model::config::{HiddenAct, UNetBlock};
use easel_model::weights::{Component, ModelFiles};
use serde_json::{Value, json};

use super::support::{copy_of_demo, demo, stored, tensors_of, write};

#[test]
fn folder_gives_what_its_files_hold() {
    let model = ModelFiles::open(demo("base")).expect("the demo model");
    for (component, file) in [
        (Component::TextEncoder, "text_encoder/model.safetensors"),
        (Component::TextEncoder2, "text_encoder_2/model.safetensors"),
        (Component::UNet, "unet/diffusion_pytorch_model.safetensors"),
        (Component::Vae, "vae/diffusion_pytorch_model.safetensors"),
    ] {
        let path = demo("base").join(file);
        // Whatever the file does, text encoders are given with the prefix.
        let is_text = component.tokenizer_folder().is_some();
        let canonical = |name: String| {
            let bare = is_text && !name.starts_with("text_model.") && name != "text_projection.weight";
            if bare { format!("text_model.{name}") } else { name }
        };
        let expected: BTreeMap<_, _> = stored(&path)
            .into_iter()
            .filter(|(name, _)| component != Component::TextEncoder || name != "text_projection.weight")
            .map(|(name, (_, dtype, shape, data))| (canonical(name.clone()), (canonical(name), dtype, shape, data)))
            .collect();
        let found = tensors_of(&model, component);
        assert!(found.len() > 40, "{component:?} has {} tensors", found.len());
        assert_eq!(found, expected, "{component:?}");
        let bytes: usize = expected.values().map(|(.., data)| data.len()).sum();
        assert_eq!(model.size_in_bytes(component).expect("a size"), bytes as u64);
        let source = model.component(component).expect("readable").expect("there");
        let name = &source.names()[0];
        assert_eq!(source.file_of(name), Some(path));
        assert!(source.file_of("no such tensor").is_none());
        assert!(source.tensor("no such tensor").is_err());
    }
}

#[test]
fn configurations_are_read() {
    let model = ModelFiles::open(demo("base")).expect("the demo model");
    let configs = model.configs();
    assert_eq!(configs.unet.block_out_channels, [32, 64, 96]);
    assert_eq!(configs.unet.transformer_layers_per_block, [1, 1, 2]);
    assert_eq!(configs.unet.attention_head_dim, [2, 4, 6]);
    assert_eq!(configs.unet.down_block_types, [UNetBlock::Plain, UNetBlock::CrossAttention, UNetBlock::CrossAttention]);
    assert_eq!(configs.unet.norm_num_groups, 16);
    assert_eq!(configs.time_id_count(), 6);
    assert!(configs.model_index.force_zeros_for_empty_prompt);
    let vae = configs.vae.as_ref().expect("a VAE");
    assert_eq!((vae.scaling_factor, vae.layers_per_block, vae.downscale_factor()), (0.35228, 1, 8));
    let first = configs.text_encoder.as_ref().expect("a text encoder");
    let second = configs.text_encoder_2.as_ref().expect("a second text encoder");
    assert_eq!((first.hidden_act, second.hidden_act), (HiddenAct::QuickGelu, HiddenAct::Gelu));
    assert_eq!((first.pad_token_id, second.pad_token_id, first.end_of_text_id()), (7513, 0, 7513));
    assert!(model.scheduler_config().expect("a scheduler").contains("EulerDiscreteScheduler"));
    assert_eq!(model.tokenizer_folder(Component::TextEncoder2), Some(demo("base").join("tokenizer_2")));
}

#[test]
fn refiner_leaves_text_and_vae_to_its_base() {
    let model = ModelFiles::open(demo("refiner")).expect("the demo refiner");
    for component in [Component::TextEncoder, Component::TextEncoder2, Component::Vae] {
        assert!(model.component(component).expect("readable").is_none());
        assert_eq!(model.size_in_bytes(component).expect("a size"), 0);
        let base = ModelFiles::open(demo("base")).expect("the demo model");
        assert!(!base.is_same_component_as(&model, component).expect("comparable"));
    }
    let configs = model.configs();
    assert_eq!(configs.unet.transformer_layers_per_block, [1, 1, 1, 1], "one number stands for all levels");
    assert_eq!(configs.time_id_count(), 5);
    assert!(!configs.model_index.force_zeros_for_empty_prompt);
}

#[test]
fn shards_and_variants_give_the_same_tensors() {
    let model = ModelFiles::open(demo("base")).expect("the demo model");
    let expected = tensors_of(&model, Component::UNet);
    let whole = "unet/diffusion_pytorch_model.safetensors";
    for (index_name, shard_name) in [
        ("diffusion_pytorch_model.safetensors.index.json", "diffusion_pytorch_model-0000N-of-00003.safetensors"),
        (
            "diffusion_pytorch_model.safetensors.index.fp16.json",
            "diffusion_pytorch_model.fp16-0000N-of-00003.safetensors",
        ),
    ] {
        let copy = copy_of_demo("base");
        std::fs::remove_file(copy.path().join(whole)).expect("removed");
        let mut weight_map = BTreeMap::new();
        let mut shards: [Vec<_>; 3] = Default::default();
        for (position, tensor) in expected.values().enumerate() {
            weight_map.insert(tensor.0.clone(), shard_name.replace('N', &(position % 3 + 1).to_string()));
            shards[position % 3].push(tensor.clone());
        }
        for (position, shard) in shards.into_iter().enumerate() {
            let name = shard_name.replace('N', &(position + 1).to_string());
            write(&copy.path().join("unet").join(name), shard);
        }
        let index = json!({ "metadata": { "total_size": 1 }, "weight_map": weight_map });
        std::fs::write(copy.path().join("unet").join(index_name), index.to_string()).expect("written");
        let sharded = ModelFiles::open(copy.path()).expect("shards");
        assert_eq!(tensors_of(&sharded, Component::UNet), expected, "{index_name}");
        assert!(model.is_same_component_as(&sharded, Component::UNet).expect("comparable"));
    }
    let copy = copy_of_demo("base");
    let variant = copy.path().join("unet/diffusion_pytorch_model.fp16.safetensors");
    std::fs::rename(copy.path().join(whole), &variant).expect("renamed");
    let model = ModelFiles::open(copy.path()).expect("an fp16 variant");
    assert_eq!(tensors_of(&model, Component::UNet), expected);
    let source = model.component(Component::UNet).expect("readable").expect("there");
    assert_eq!(source.file_of("conv_in.weight"), Some(variant));
}

#[test]
fn names_of_other_library_versions_are_known() {
    let model = ModelFiles::open(demo("base")).expect("the demo model");
    for component in [Component::TextEncoder, Component::TextEncoder2] {
        let expected = tensors_of(&model, component);
        for prefixed in [true, false] {
            let copy = copy_of_demo("base");
            let renamed = expected.values().cloned().map(|(name, dtype, shape, data)| {
                let name = if prefixed { name } else { name.trim_start_matches("text_model.").to_owned() };
                (name, dtype, shape, data)
            });
            write(&copy.path().join(component.folder()).join("model.safetensors"), renamed);
            let model = ModelFiles::open(copy.path()).expect("either name");
            assert_eq!(tensors_of(&model, component), expected, "{component:?}, prefixed: {prefixed}");
        }
    }
    let expected = tensors_of(&model, Component::Vae);
    let copy = copy_of_demo("base");
    let renamed = expected.values().cloned().map(|(name, dtype, shape, data)| {
        let old = name.replace("to_q.", "query.").replace("to_k.", "key.").replace("to_v.", "value.");
        (old.replace("to_out.0.", "proj_attn."), dtype, shape, data)
    });
    write(&copy.path().join("vae/diffusion_pytorch_model.safetensors"), renamed);
    let old = ModelFiles::open(copy.path()).expect("the VAE's old names");
    assert_eq!(tensors_of(&old, Component::Vae), expected);
}

#[test]
fn sameness_is_found_by_content() {
    let model = ModelFiles::open(demo("base")).expect("the demo model");
    let copy = copy_of_demo("base");
    let same = ModelFiles::open(copy.path()).expect("a copy");
    for component in Component::ALL {
        assert!(model.is_same_component_as(&model, component).expect("comparable"));
        assert!(model.is_same_component_as(&same, component).expect("comparable"));
    }
    // One bit of one number.
    let path = copy.path().join("text_encoder_2/model.safetensors");
    let mut content = std::fs::read(&path).expect("a file");
    *content.last_mut().expect("a byte") ^= 1;
    std::fs::write(&path, content).expect("written");
    assert!(!model.is_same_component_as(&same, Component::TextEncoder2).expect("comparable"));
    assert!(model.is_same_component_as(&same, Component::TextEncoder).expect("comparable"));
    // The same numbers under another configuration are another component.
    let path = copy.path().join("vae/config.json");
    let mut config: Value = serde_json::from_str(&std::fs::read_to_string(&path).expect("a file")).expect("JSON");
    config["scaling_factor"] = json!(0.5);
    std::fs::write(&path, config.to_string()).expect("written");
    let other = ModelFiles::open(copy.path()).expect("a copy");
    assert!(!model.is_same_component_as(&other, Component::Vae).expect("comparable"));
}
