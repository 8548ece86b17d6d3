//! Files that are damaged, wrong or mean harm: each gives one clear line.

use std::path::Path;

use easel_model::config::{ModelIndex, TextEncoderConfig, UNetConfig, VaeConfig};
use easel_model::weights::{ModelFiles, SafetensorsFile, WeightType};
use serde_json::{Value, json};

use super::support::{copy_of_demo, demo, fails, file_with, open_bytes, small_file, stored, write};

fn one(shape: Value, offsets: Value) -> Value {
    json!({ "bad.weight": { "dtype": "F32", "shape": shape, "data_offsets": offsets } })
}

#[test]
fn damaged_headers() {
    open_bytes(small_file()).expect("the sound file");
    let memory = "memory.safetensors";
    fails(open_bytes(vec![]), &[memory, "0 bytes", "too short"]);
    fails(open_bytes(vec![1, 2, 3]), &[memory, "3 bytes", "too short"]);
    for length in [u64::MAX, u64::MAX - 7, 1 << 40, (32 << 20) + 1] {
        let mut file = small_file();
        file[..8].copy_from_slice(&length.to_le_bytes());
        fails(open_bytes(file), &[memory, &length.to_string(), "header length"]);
    }
    let mut file = small_file();
    file[..8].copy_from_slice(&(32_u64 << 20).to_le_bytes());
    fails(open_bytes(file), &[memory, "ends within its header", "cut short"]);
    for header in ["", "{", "[]", "17", "null", "{\"a\": 1}", "{\"a\": {\"dtype\": \"F32\"}}", "\u{7f}\u{0}"] {
        let mut file = (header.len() as u64).to_le_bytes().to_vec();
        file.extend_from_slice(header.as_bytes());
        fails(open_bytes(file), &[memory, "header", "safetensors"]);
    }
    let mut file = small_file();
    file[20] = 0xff;
    fails(open_bytes(file), &[memory, "header"]);
    // Nested deeper than any parser's stack should have to bear.
    let deep = format!("{{\"a\": {}", "[".repeat(1 << 20));
    let mut file = (deep.len() as u64).to_le_bytes().to_vec();
    file.extend_from_slice(deep.as_bytes());
    fails(open_bytes(file), &[memory, "header"]);
    // A name as long as the header may be does not become a message as long.
    let long = "x".repeat(1 << 20);
    fails(
        open_bytes(file_with(&json!({ &long: { "dtype": "F32", "shape": [1], "data_offsets": [0, 8] } }), 8)),
        &["xxx..."],
    );
    fails(open_bytes(file_with(&json!({ "a": { "dtype": long, "shape": [1], "data_offsets": [0, 4] } }), 4)), &["..."]);
}

#[test]
fn tensors_out_of_place() {
    let memory = "memory.safetensors";
    let bad = "`bad.weight`";
    fails(open_bytes(file_with(&one(json!([2]), json!([0, 8])), 4)), &[memory, bad, "cut short"]);
    fails(open_bytes(file_with(&one(json!([2]), json!([4, 12])), 12)), &[memory, bad, "hole"]);
    fails(open_bytes(file_with(&one(json!([2]), json!([8, 0])), 8)), &[memory, bad]);
    fails(open_bytes(file_with(&one(json!([3]), json!([0, 8])), 8)), &[memory, bad, "[3]", "8 bytes"]);
    fails(open_bytes(file_with(&one(json!([2]), json!([0, 8])), 12)), &[memory, "12 bytes", "describes 8"]);
    let huge = json!([u64::MAX, u64::MAX]);
    fails(open_bytes(file_with(&one(huge, json!([0, 8])), 8)), &[memory, bad, "8 bytes"]);
    fails(open_bytes(file_with(&one(json!([1_u64 << 62, 0]), json!([0, 0])), 0)), &[memory, bad]);
    fails(open_bytes(file_with(&one(json!([1_u64 << 61]), json!([0, 1_u64 << 63])), 8)), &[memory, bad, "cut short"]);
    fails(open_bytes(file_with(&one(json!([1]), json!([0, u64::MAX])), 8)), &[memory, bad, "cut short"]);
    fails(open_bytes(file_with(&one(json!(vec![1; 10_000]), json!([0, 8])), 8)), &[memory, bad, "9992 more axes"]);
    fails(open_bytes(file_with(&one(json!([-1]), json!([0, 4])), 4)), &[memory, "header"]);
    let two = |second: Value| {
        json!({
            "first.weight": { "dtype": "F32", "shape": [2], "data_offsets": [0, 8] },
            "second.weight": { "dtype": "F32", "shape": [2], "data_offsets": second },
        })
    };
    fails(open_bytes(file_with(&two(json!([4, 12])), 12)), &[memory, "`second.weight`", "overlap"]);
    fails(open_bytes(file_with(&two(json!([0, 8])), 8)), &[memory, "`second.weight`", "overlap"]);
    open_bytes(file_with(&two(json!([8, 16])), 16)).expect("side by side is right");
    let empty = json!({
        "a": { "dtype": "F32", "shape": [0, 5], "data_offsets": [0, 0] },
        "b": { "dtype": "F32", "shape": [1], "data_offsets": [0, 4] },
        "c": { "dtype": "F32", "shape": [0], "data_offsets": [4, 4] },
    });
    assert_eq!(open_bytes(file_with(&empty, 4)).expect("empty tensors are legal").header().tensors.len(), 3);
}

#[test]
fn every_truncation_is_an_error() {
    let whole = small_file();
    for length in 0..whole.len() {
        fails(open_bytes(whole[..length].to_vec()), &["memory.safetensors"]);
    }
}

#[test]
fn files_that_are_no_weights() {
    let place = tempfile::tempdir().expect("a folder");
    let path = |name: &str| place.path().join(name);
    let with = |name: &str, content: &[u8]| {
        std::fs::write(path(name), content).expect("written");
        path(name)
    };
    for name in ["model.ckpt", "model.bin", "model.pt", "model.pth", "MODEL.CKPT"] {
        let file = with(name, &small_file());
        fails(ModelFiles::open(&file), &[name, "pickle", "run any code", "save_file"]);
    }
    for content in [
        &b"PK\x03\x04\x00\x00\x08\x08\x00\x00"[..],
        b"\x80\x02}q\x00(X\x06\x00\x00\x00",
        b"\x80\x04\x95\x00\x00\x00\x00\x00\x00\x00\x00",
    ] {
        let file = with("renamed.safetensors", content);
        fails(ModelFiles::open(&file), &["renamed.safetensors", "pickle", "run any code", "save_file"]);
    }
    let pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n";
    fails(ModelFiles::open(with("lfs.safetensors", pointer)), &["lfs.safetensors", "Git LFS", "git lfs pull"]);
    fails(
        ModelFiles::open(with("page.safetensors", b"<!DOCTYPE html><html></html>")),
        &["page.safetensors", "web page"],
    );
    fails(
        ModelFiles::open(with("gguf.safetensors", b"GGUF\x03\x00\x00\x00\x00\x00\x00")),
        &["gguf.safetensors", "GGUF"],
    );
    fails(ModelFiles::open(with("empty.safetensors", b"")), &["empty.safetensors", "is empty"]);
    fails(ModelFiles::open(with("model.gguf", b"GGUF")), &["model.gguf", "GGUF", "easel convert"]);
    fails(ModelFiles::open(with("model.safetensors.part", b"\x10")), &["unfinished download"]);
    fails(ModelFiles::open(with("zeros.safetensors", &[0; 4096])), &["zeros.safetensors", "interrupted"]);
    for (content, words) in [
        (&b"\xef\xbb\xbf  <html><body>Sign in</body></html>"[..], "web page"),
        (b"<?xml version=\"1.0\"?><Error><Code>AccessDenied</Code></Error>", "error message"),
        (b"{\"error\":\"Access to model is restricted\"}", "error message"),
        (b"Invalid username or password.", "error message"),
        (b"\x1f\x8b\x08\x00\x00\x00\x00\x00", "archive"),
        (b"7z\xbc\xaf\x27\x1c\x00\x04", "archive"),
    ] {
        fails(ModelFiles::open(with("odd.safetensors", content)), &["odd.safetensors", words]);
    }
    fails(ModelFiles::open(path("nothing.safetensors")), &["nothing.safetensors", "opening"]);
    fails(SafetensorsFile::open(place.path()), &["is a folder"]);
    let cut = small_file();
    fails(
        ModelFiles::open(with("cut.safetensors", &cut[..cut.len() - 1])),
        &["cut.safetensors", "`second.bias`", "cut short"],
    );
    fails(ModelFiles::open(place.path()), &["model_index.json", "not a diffusers model folder"]);
    // A header length whose bytes are those of a pickle is still a header length.
    let mut header = json!({ "a": { "dtype": "F32", "shape": [1], "data_offsets": [0, 4] } }).to_string();
    header.extend(std::iter::repeat_n(' ', 0x280 - header.len()));
    let mut file = 0x280_u64.to_le_bytes().to_vec();
    file.extend_from_slice(header.as_bytes());
    file.extend_from_slice(&[0; 4]);
    assert_eq!(file[..2], [0x80, 0x02]);
    open_bytes(file).expect("a sound file");
}

#[test]
fn models_of_other_kinds() {
    let place = tempfile::tempdir().expect("a folder");
    let path = place.path().join("other.safetensors");
    for (name, kind) in [
        ("lora_unet_down_blocks_0.lora_up.weight", "LoRA"),
        ("unet.up_blocks.0.attn1.to_q.lora_A.weight", "LoRA"),
        ("cond_stage_model.transformer.text_model.final_layer_norm.bias", "Stable Diffusion 1"),
        ("cond_stage_model.model.ln_final.bias", "Stable Diffusion 2"),
        ("model.diffusion_model.joint_blocks.0.x_block.attn.qkv.bias", "Stable Diffusion 3"),
        ("model.diffusion_model.double_blocks.0.img_attn.proj.bias", "Flux"),
        ("model.diffusion_model.input_blocks.0.0.bias", "UNet on its own"),
        ("first_stage_model.decoder.conv_in.bias", "VAE on its own"),
        ("text_model.final_layer_norm.bias", "text encoder on its own"),
        ("control_model.time_embed.0.bias", "ControlNet"),
        ("something.else", "none of the kinds"),
        ("clip_g", "embedding"),
        ("emb_params", "embedding"),
        ("lora_unet_input_blocks_4_1_proj_in.hada_w1_a", "LoRA"),
        ("controlnet_cond_embedding.conv_in.bias", "ControlNet"),
        ("image_proj.latents", "IP-Adapter"),
        ("decoder.layers.0.bias", "tiny VAE"),
        ("decoder.up.0.block.0.conv1.bias", "--vae"),
        ("cond_stage_model.logit_scale", "Stable Diffusion 1"),
        ("blocks.0.cross_attn.k.bias", "another family"),
    ] {
        write(&path, [(name.to_owned(), WeightType::F16, vec![2], vec![0; 4].into())]);
        fails(ModelFiles::open(&path), &["other.safetensors", "looks like", kind, "SDXL"]);
    }
    // A UNet alone, told apart by the width of its text.
    let name = "model.diffusion_model.input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight";
    for (width, kind) in [(768, "Stable Diffusion 1"), (1024, "Stable Diffusion 2"), (2048, "UNet on its own")] {
        write(&path, [(name.to_owned(), WeightType::F16, vec![1, width], vec![0; 2 * width].into())]);
        fails(ModelFiles::open(&path), &["other.safetensors", kind]);
    }
}

#[test]
fn folders_that_are_not_right() {
    let unet = "unet/diffusion_pytorch_model.safetensors";
    let changed = |change: &dyn Fn(&Path)| {
        let copy = copy_of_demo("base");
        change(copy.path());
        ModelFiles::open(copy.path()).map(|_| ())
    };
    let remove = |file: &'static str| changed(&|root| std::fs::remove_file(root.join(file)).expect("removed"));
    fails(remove("unet/config.json"), &["unet/config.json", "reading"]);
    fails(remove("vae/config.json"), &["vae/config.json", "reading"]);
    fails(remove(unet), &["unet", "has no weights", "diffusion_pytorch_model.safetensors"]);
    fails(remove("model_index.json"), &["model_index.json"]);
    let pickled = changed(&|root| {
        std::fs::rename(root.join(unet), root.join("unet/diffusion_pytorch_model.bin")).expect("renamed");
    });
    fails(pickled, &["diffusion_pytorch_model.bin", "pickle", "run any code"]);
    let cut = changed(&|root| {
        let content = std::fs::read(root.join(unet)).expect("a file");
        std::fs::write(root.join(unet), &content[..content.len() / 2]).expect("written");
    });
    fails(cut, &["diffusion_pytorch_model.safetensors", "tensor", "cut short"]);
    let missing = changed(&|root| {
        let mut tensors = stored(&root.join(unet));
        tensors.remove("mid_block.resnets.0.conv1.weight");
        write(&root.join(unet), tensors.into_values());
    });
    fails(missing, &["diffusion_pytorch_model.safetensors", "`mid_block.resnets.0.conv1.weight`", "is missing"]);
    let reshaped = changed(&|root| {
        let mut tensors = stored(&root.join(unet));
        tensors.get_mut("conv_in.weight").expect("it").2 = vec![32, 4, 9];
        write(&root.join(unet), tensors.into_values());
    });
    fails(reshaped, &["diffusion_pytorch_model.safetensors", "`conv_in.weight`", "[32, 4, 9]", "[32, 4, 3, 3]"]);
    let disagreeing = changed(&|root| edit(&root.join("unet/config.json"), "layers_per_block", json!(3)));
    fails(disagreeing, &["unet", "tensor", "configuration"]);
    let too_deep =
        changed(&|root| edit(&root.join("unet/config.json"), "transformer_layers_per_block", json!([1, 1, 1])));
    fails(too_deep, &["diffusion_pytorch_model.safetensors", "transformer_blocks.1", "no place for it"]);
    let not_json = changed(&|root| std::fs::write(root.join("vae/config.json"), "{").expect("written"));
    fails(not_json, &["vae/config.json", "not valid JSON"]);
    let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n";
    let lfs = changed(&|root| std::fs::write(root.join("vae/config.json"), pointer).expect("written"));
    fails(lfs, &["vae/config.json", "Git LFS", "git lfs pull"]);
    let marked = changed(&|root| {
        let text = std::fs::read_to_string(root.join("vae/config.json")).expect("a file");
        std::fs::write(root.join("vae/config.json"), format!("\u{feff}{text}")).expect("written");
    });
    marked.expect("a mark of UTF-8 is no harm");
    let huge = changed(&|root| std::fs::write(root.join("vae/config.json"), vec![b' '; 2 << 20]).expect("written"));
    fails(huge, &["vae/config.json", "longer than"]);
    let other_text = changed(&|root| edit(&root.join("unet/config.json"), "cross_attention_dim", json!(64)));
    fails(other_text, &["cross_attention_dim", "64", "128"]);
    let score = changed(&|root| edit(&root.join("model_index.json"), "requires_aesthetics_score", json!(true)));
    fails(score, &["requires_aesthetics_score", "projection_class_embeddings_input_dim"]);
    let latents = changed(&|root| edit(&root.join("vae/config.json"), "latent_channels", json!(16)));
    fails(latents, &["latent_channels", "16", "out_channels"]);
    let pipeline = changed(&|root| edit(&root.join("model_index.json"), "_class_name", json!("FluxPipeline")));
    fails(pipeline, &["model_index.json", "_class_name", "FluxPipeline"]);
}

#[test]
fn indexes_that_are_not_right() {
    let with_index = |index: &str| {
        let copy = copy_of_demo("base");
        let unet = copy.path().join("unet");
        let shard = unet.join("shard.safetensors");
        std::fs::rename(unet.join("diffusion_pytorch_model.safetensors"), &shard).expect("renamed");
        std::fs::copy(&shard, unet.join("twin.safetensors")).expect("copied");
        std::fs::write(unet.join("diffusion_pytorch_model.safetensors.index.json"), index).expect("written");
        ModelFiles::open(copy.path()).map(|_| ())
    };
    let map = |entries: Value| json!({ "weight_map": entries }).to_string();
    let index = "diffusion_pytorch_model.safetensors.index.json";
    with_index(&map(json!({ "conv_in.weight": "shard.safetensors" }))).expect("one shard that holds all");
    fails(with_index("{}"), &[index, "weight_map"]);
    fails(with_index("not json"), &[index, "not an index"]);
    for name in ["../vae/diffusion_pytorch_model.safetensors", "/etc/passwd", "..", ".", "", "a/b.safetensors"] {
        fails(with_index(&map(json!({ "conv_in.weight": name }))), &[index, "not a plain file name"]);
    }
    fails(with_index(&map(json!({ "conv_in.weight": "absent.safetensors" }))), &["absent.safetensors", "opening"]);
    fails(with_index(&map(json!({ "no.such": "shard.safetensors" }))), &[index, "`no.such`", "not in the shard"]);
    let twice = json!({ "conv_in.weight": "shard.safetensors", "conv_in.bias": "twin.safetensors" });
    fails(with_index(&map(twice)), &["safetensors", "tensor", "another shard"]);
    let many: Value = (0..1001)
        .map(|n| (format!("t{n}"), json!(format!("{n}.safetensors"))))
        .collect::<serde_json::Map<_, _>>()
        .into();
    fails(with_index(&map(many)), &[index, "1001 shards"]);
}

fn edit(path: &Path, field: &str, value: Value) {
    let mut config: Value = serde_json::from_str(&std::fs::read_to_string(path).expect("a file")).expect("JSON");
    config[field] = value;
    std::fs::write(path, config.to_string()).expect("written");
}

/// One field of a demo configuration changed.
fn with(file: &str, field: &str, value: Value) -> String {
    let text = std::fs::read_to_string(demo("base").join(file)).expect("a configuration");
    let mut config: Value = serde_json::from_str(&text).expect("JSON");
    config[field] = value;
    config.to_string()
}

#[test]
fn configurations_that_are_not_supported() {
    let unet = "unet/config.json";
    for (field, value) in [
        ("act_fn", json!("mish")),
        ("addition_embed_type", json!("text")),
        ("attention_head_dim", json!([2, 5, 6])),
        ("attention_head_dim", json!([2, 4])),
        ("attention_head_dim", json!(0)),
        ("block_out_channels", json!([])),
        ("block_out_channels", json!([32, 64, 97])),
        ("block_out_channels", json!([32, 64, 0])),
        ("block_out_channels", json!([32, 64, 1_u64 << 40])),
        ("class_embed_type", json!("projection")),
        ("cross_attention_dim", json!([1, 2, 3])),
        ("down_block_types", json!(["DownBlock2D", "CrossAttnDownBlock2D", "AttnDownBlock2D"])),
        ("down_block_types", json!(["DownBlock2D"])),
        ("encoder_hid_dim_type", json!("text_proj")),
        ("flip_sin_to_cos", json!(false)),
        ("in_channels", json!("four")),
        ("layers_per_block", json!(0)),
        ("layers_per_block", json!(1e30)),
        ("layers_per_block", json!(-1)),
        ("layers_per_block", json!(1_000_000)),
        ("mid_block_type", Value::Null),
        ("norm_eps", json!(0.0)),
        ("norm_eps", json!("tiny")),
        ("norm_num_groups", json!(0)),
        ("norm_num_groups", json!(7)),
        ("projection_class_embeddings_input_dim", Value::Null),
        ("addition_time_embed_dim", json!(33)),
        ("sample_size", json!([16, 32])),
        ("time_cond_proj_dim", json!(256)),
        ("transformer_layers_per_block", json!([1, [1, 2], 2])),
        ("transformer_layers_per_block", json!([1, 1, u64::MAX])),
        ("up_block_types", json!("UpBlock2D")),
        ("use_linear_projection", json!(false)),
    ] {
        let result = UNetConfig::from_json(&with(unet, field, value.clone()), Path::new("some/unet/config.json"));
        // The groups are named by the field that holds their number, not by the channels they do not divide.
        let named = if value == json!([32, 64, 97]) { "norm_num_groups" } else { field };
        fails(result, &["some/unet/config.json", &format!("`{named}`")]);
    }
    let vae = "vae/config.json";
    for (field, value) in [
        ("act_fn", json!("relu")),
        ("block_out_channels", json!([16, 32, 64, 63])),
        ("down_block_types", json!(["DownBlock2D", "DownBlock2D", "DownBlock2D", "DownBlock2D"])),
        ("in_channels", json!(4)),
        ("latent_channels", json!(0)),
        ("latents_mean", json!([0.0, 0.0, 0.0, 0.0])),
        ("latents_std", json!([1.0, 1.0])),
        ("latents_std", json!([1.0, 1.0, 1.0, "x"])),
        ("norm_num_groups", json!(5)),
        ("scaling_factor", json!(0)),
        ("scaling_factor", json!(-0.13)),
        ("shift_factor", json!(0.1)),
        ("use_quant_conv", json!("yes")),
    ] {
        let result = VaeConfig::from_json(&with(vae, field, value.clone()), Path::new("some/vae/config.json"));
        let named = if value == json!([16, 32, 64, 63]) { "norm_num_groups" } else { field };
        fails(result, &["some/vae/config.json", &format!("`{named}`")]);
    }
    let text = "text_encoder/config.json";
    for (field, value) in [
        ("hidden_act", json!("relu")),
        ("hidden_size", json!(65)),
        ("hidden_size", json!(1_u64 << 50)),
        ("hidden_size", Value::Null),
        ("layer_norm_eps", json!(-1)),
        ("num_attention_heads", json!(7)),
        ("num_hidden_layers", json!(1)),
        ("vocab_size", json!(0)),
        ("eos_token_id", json!(7514)),
        ("max_position_embeddings", json!(0)),
    ] {
        let result = TextEncoderConfig::from_json(&with(text, field, value.clone()), Path::new("some/config.json"));
        let named = if value == json!(65) { "num_attention_heads" } else { field };
        fails(result, &["some/config.json", &format!("`{named}`")]);
    }
    let index = ModelIndex::from_json(r#"{"requires_aesthetics_score": 1}"#, Path::new("model_index.json"));
    fails(index, &["model_index.json", "`requires_aesthetics_score`"]);
    fails(ModelIndex::from_json("[1, 2]", Path::new("model_index.json")), &["model_index.json", "JSON object"]);
    assert!(UNetConfig::from_json(&"[".repeat(100_000), Path::new("deep.json")).is_err());
}
