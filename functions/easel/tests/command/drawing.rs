//! Images that come about as asked.

use std::ffi::OsStr;
use std::fs;
use std::process::Stdio;

use serde_json::Value;

use crate::support::*;

#[test]
fn an_image_comes_with_a_report_and_a_record() {
    let folder = folder();
    let report = draw(folder.path(), &["-o", "heart.png", "--negative-prompt", "green", "--precision", "f32"]);
    let image = folder.path().join("heart.png");
    assert_eq!(image::open(&image).unwrap().into_rgb8().dimensions(), (64, 64));
    assert_eq!(names_in(folder.path()), ["heart.png"]);

    assert_eq!(report["files"], serde_json::json!(["heart.png"]));
    assert_eq!(report["seed"], 1);
    assert_eq!(report["device"], "cpu");
    assert_eq!(report["backend"], "flex");
    assert_eq!(report["precision"], "f32");
    assert!(report["fallback_reason"].is_null());
    for stage in ["text", "base", "refiner", "decode", "total"] {
        assert!(report["timings"][stage].as_f64().unwrap() > 0.0, "{stage}: {report}");
    }
    assert!(report["peak_memory_bytes"].as_u64().unwrap() > 10 << 20);
    assert_eq!((&report["model"], &report["refiner"]), (&"demo".into(), &"demo-refiner".into()));

    let chunks = text_chunks(&image);
    let text = |keyword| &chunks.iter().find(|(found, _)| found == keyword).unwrap().1;
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(
        *text("parameters"),
        format!(
            "{PROMPT}\nNegative prompt: green\nSteps: 2, Sampler: Euler, CFG scale: 5, Seed: 1, Size: 64x64, Model: demo, \
             Refiner: demo-refiner, Refiner switch at: 0.8, Version: easel {version}"
        )
    );
    let record: Value = serde_json::from_str(text("easel")).unwrap();
    assert_eq!(record["easel"], version);
    assert_eq!(record["request"]["prompt"], PROMPT);
    assert_eq!(record["request"]["seed"], 1);
    assert_eq!(record["request"]["scheduler"], report["scheduler"]);
    assert_eq!(record["precision"], "f32");
}

#[test]
fn a_tiny_vae_decodes_and_is_recorded() {
    let folder = folder();
    let tiny_vae = demo_model().join("../tests/reference/tiny_vae");
    // `--vae` sees what it is.
    for option in ["--vae", "--tiny-vae"] {
        let report = draw(folder.path(), &["-o", "heart.png", option, tiny_vae.to_str().unwrap()]);
        assert_eq!((&report["tiny_vae"], &report["vae"]), (&"tiny_vae".into(), &Value::Null), "{option}");
    }
    let image = folder.path().join("heart.png");
    assert_eq!(image::open(&image).unwrap().into_rgb8().dimensions(), (64, 64));
    let chunks = text_chunks(&image);
    let text = |keyword| &chunks.iter().find(|(found, _)| found == keyword).unwrap().1;
    assert!(text("parameters").contains("VAE Decoder: tiny_vae"), "{}", text("parameters"));
    let record: Value = serde_json::from_str(text("easel")).unwrap();
    assert_eq!(record["tiny_vae"], "tiny_vae");
}

#[test]
fn a_vae_in_place_of_the_models_own_is_recorded() {
    let folder = folder();
    let own = demo_model().join("base/vae");
    let report = draw(folder.path(), &["-o", "own.png", "--vae", own.to_str().unwrap(), "--no-refiner"]);
    assert_eq!(report["vae"], "vae");
    draw(folder.path(), &["-o", "plain.png", "--no-refiner"]);
    let pixels = |name: &str| image::open(folder.path().join(name)).unwrap().into_rgb8();
    assert_eq!(pixels("own.png"), pixels("plain.png"), "it is the same VAE");
    let chunks = text_chunks(&folder.path().join("own.png"));
    let text = |keyword| &chunks.iter().find(|(found, _)| found == keyword).unwrap().1;
    assert!(text("parameters").contains("VAE: vae"), "{}", text("parameters"));
    let record: Value = serde_json::from_str(text("easel")).unwrap();
    assert_eq!(record["vae"], "vae");
    let refused = run(folder.path(), &["generate", PROMPT, "--vae", "nowhere", "-o", "a.png"]);
    assert_refused(&refused, 1, &["--vae", "nowhere", "does not exist"], folder.path(), &["own.png", "plain.png"]);
}

#[test]
fn a_person_is_told_the_device_the_model_and_how_to_get_others() {
    let folder = folder();
    let outcome = run(
        folder.path(),
        &[&["generate", PROMPT, "-o", "heart.png", "--device", "flex", "--precision", "f32"], &SMALL[..]].concat(),
    );
    assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(0), "heart.png\n"), "{outcome:?}");
    assert!(!outcome.stderr.contains("a step and"), "of a step that takes no time, nothing is estimated: {outcome:?}");
    for words in ["demo model", "--model PATH", "Device: ", "CPU (flex), 32-bit float", "step 1/2 (base)", "Done in "] {
        assert!(outcome.stderr.contains(words), "`{words}` is not in: {}", outcome.stderr);
    }
}

#[cfg(not(any(feature = "cuda", feature = "wgpu")))]
#[test]
fn without_gpus_the_cpu_draws_and_the_reasons_are_told() {
    let folder = folder();
    let outcome = run(folder.path(), &[&["generate", PROMPT, "--json"], &SMALL[..]].concat());
    let report: Value = serde_json::from_str(&outcome.stdout).unwrap();
    assert_eq!((&report["device"], &report["backend"]), (&"cpu".into(), &"flex".into()));
    let reason = report["fallback_reason"].as_str().unwrap();
    for words in ["CUDA: ", "cargo feature `cuda`", "cargo feature `wgpu`"] {
        assert!(reason.contains(words), "`{words}` is not in: {reason}");
    }
    assert!(outcome.stderr.contains(reason), "{outcome:?}");
}

#[test]
fn the_same_request_gives_the_same_bytes() {
    let folder = folder();
    draw(folder.path(), &["-o", "a.png"]);
    draw(folder.path(), &["-o", "b.png", "--threads", "1"]);
    draw(folder.path(), &["-o", "c.png", "--threads", "2"]);
    draw(folder.path(), &["-o", "d.png", "--seed", "2"]);
    let read = |name| fs::read(folder.path().join(name)).unwrap();
    assert!(read("a.png") == read("b.png") && read("a.png") == read("c.png"));
    assert!(read("a.png") != read("d.png"));
}

#[test]
fn several_images_are_numbered_and_all_different() {
    let folder = folder();
    let report = draw(folder.path(), &["-o", "hearts.webp", "--count", "2"]);
    assert_eq!(report["files"], serde_json::json!(["hearts-1.webp", "hearts-2.webp"]));
    let image = |name| image::open(folder.path().join(name)).unwrap().into_rgb8();
    assert!(image("hearts-1.webp") != image("hearts-2.webp"));
}

#[test]
fn each_of_several_is_the_file_that_its_own_seed_gives_alone() {
    let folder = folder();
    draw(folder.path(), &["-o", "init.png", "--seed", "3"]);
    let read = |name: &str| fs::read(folder.path().join(name)).unwrap();
    for options in [&["--scheduler", "euler_a"][..], &["--init", "init.png", "--strength", "0.8"]] {
        let draw = |name: &str, seed: &str, count: &str| {
            let order = ["-o", name, "--steps", "4", "--seed", seed, "--count", count];
            draw(folder.path(), &[&order[..], options].concat());
        };
        draw("several.png", "7", "4");
        draw("alone.png", "9", "1");
        assert!(read("several-3.png") == read("alone.png"), "{options:?}");
        let chunks = text_chunks(&folder.path().join("several-3.png"));
        assert!(chunks[0].1.contains("Seed: 9,"), "{chunks:?}");
        let record: Value = serde_json::from_str(&chunks[1].1).unwrap();
        assert_eq!((&record["request"]["seed"], &record["request"]["count"]), (&9.into(), &1.into()));
    }
}

#[test]
fn an_image_without_a_name_replaces_none() {
    let folder = folder();
    let names: Vec<_> = (0..3).map(|_| draw(folder.path(), &[])["files"][0].clone()).collect();
    assert_eq!(names, ["easel-1.png", "easel-1-1.png", "easel-1-2.png"]);
    let several = draw(folder.path(), &["--count", "2"]);
    assert_eq!(several["files"], serde_json::json!(["easel-1-3.png", "easel-1-4.png"]));
}

#[test]
fn without_a_seed_one_is_drawn_and_told() {
    let folder = folder();
    let outcome =
        run(folder.path(), &["generate", PROMPT, "--width", "64", "--height", "64", "--steps", "2", "--json"]);
    let report: Value = serde_json::from_str(&outcome.stdout).unwrap();
    let seed = report["seed"].as_u64().unwrap();
    assert!(outcome.stderr.contains(&format!("--seed {seed}")), "{outcome:?}");
    assert_eq!(report["files"][0], format!("easel-{seed}.png"));
}

#[test]
fn an_image_can_start_from_an_image_and_leave_a_trace() {
    let folder = folder();
    draw(folder.path(), &["-o", "first.jpg"]);
    let report = draw(
        folder.path(),
        &[
            "--init",
            "first.jpg",
            "--strength",
            "0.5",
            "--no-refiner",
            "-o",
            "second.png",
            "--trace",
            "trace.safetensors",
        ],
    );
    assert_eq!(report["refiner"], Value::Null);
    assert!(report["timings"]["encode"].as_f64().unwrap() > 0.0);
    let chunks = text_chunks(&folder.path().join("second.png"));
    assert!(chunks[0].1.contains("Denoising strength: 0.5"), "{chunks:?}");
    assert!(chunks[1].1.contains(r#""init":"first.jpg""#), "{chunks:?}");
    assert_eq!(names_in(folder.path()), ["first.jpg", "second.png", "trace.safetensors"]);
    let trace = fs::read(folder.path().join("trace.safetensors")).unwrap();
    let header = String::from_utf8_lossy(&trace[..4096.min(trace.len())]).into_owned();
    for name in ["prompt_embeds", "latents_0", "final_latents", "image"] {
        assert!(header.contains(&format!("\"{name}\"")), "{name} is not in: {header}");
    }
}

#[test]
fn micro_conditioning_goes_width_first_on_the_command_line() {
    let folder = folder();
    draw(folder.path(), &["-o", "a.png", "--original-size", "640x320", "--crop-top-left", "8,16"]);
    let record: Value = serde_json::from_str(&text_chunks(&folder.path().join("a.png"))[1].1).unwrap();
    assert_eq!(record["request"]["original_size"], serde_json::json!([320, 640]));
    assert_eq!(record["request"]["crop_top_left"], serde_json::json!([16, 8]));
}

#[test]
fn what_a_prompt_says_in_vain_is_told() {
    let folder = folder();
    let warnings = |prompt: &str| {
        let outcome = run(folder.path(), &[&["generate", prompt, "--json", "-o", "a.png"], &SMALL[..]].concat());
        let report: Value = serde_json::from_str(&outcome.stdout).unwrap();
        let warnings = report["warnings"].as_array().unwrap().clone();
        for warning in &warnings {
            assert_eq!(outcome.stderr.matches(warning.as_str().unwrap()).count(), 1, "{outcome:?}");
        }
        warnings.len()
    };
    assert_eq!(warnings(&"a large red heart on a blue background ".repeat(12)), 0, "long prompts are read in portions");
    assert_eq!(warnings("a (red:1.2.3) heart <lora:nowhere:0.5>"), 2);
}

#[test]
fn the_demo_model_is_unpacked_by_two_at_once_or_where_there_is_no_cache() {
    let folder = folder();
    let command = |name: &str, cache: &OsStr| {
        let arguments = [&["generate", PROMPT, "-o", name], &SMALL[..]].concat();
        let mut command = easel(folder.path(), &arguments);
        command.env("XDG_CACHE_HOME", cache).stderr(Stdio::null()).stdout(Stdio::null());
        command.spawn().unwrap()
    };
    let cache = folder.path().join("cache");
    let children = ["a.png", "b.png", "c.png"].map(|name| command(name, cache.as_os_str()));
    assert!(children.into_iter().all(|mut child| child.wait().unwrap().success()));
    assert_eq!(names_in(&cache.join("easel")).len(), 1);
    assert!(command("d.png", OsStr::new("/dev/null/cache")).wait().unwrap().success());
    let read = |name| fs::read(folder.path().join(name)).unwrap();
    assert!(["b.png", "c.png", "d.png"].into_iter().all(|name| read(name) == read("a.png")));
}

fn lora(name: &str) -> String {
    let files = demo_model().join("../tests/data/adapters/files/lora");
    files.join(name).to_str().unwrap().to_owned()
}

#[test]
fn loras_change_the_image_and_are_recorded() {
    let folder = folder();
    draw(folder.path(), &["-o", "plain.png"]);
    let first = format!("{}:0.8", lora("kohya.safetensors"));
    let second = format!("{}:-0.4:0.2", lora("lokr.safetensors"));
    let arguments = ["-o", "heart.png", "--lora", &first, "--lora", &second, "--trace", "trace.safetensors"];
    let report = draw(folder.path(), &arguments);
    let pixels = |name: &str| image::open(folder.path().join(name)).unwrap().into_rgb8();
    assert!(pixels("heart.png") != pixels("plain.png"));
    let named: Vec<_> =
        report["loras"].as_array().unwrap().iter().map(|lora| (&lora["name"], &lora["weights"])).collect();
    assert_eq!(named, [(&"kohya".into(), &"0.8".into()), (&"lokr".into(), &"-0.4:0.2".into())]);
    assert_eq!(report["loras"][0]["digest"].as_str().unwrap().len(), 64);

    let chunks = text_chunks(&folder.path().join("heart.png"));
    let text = |keyword| &chunks.iter().find(|(found, _)| found == keyword).unwrap().1;
    let parameters = text("parameters");
    assert!(parameters.starts_with(&format!("{PROMPT} <lora:kohya:0.8> <lora:lokr:-0.4:0.2>\n")), "{parameters}");
    assert!(parameters.contains("Lora hashes: \"kohya: "), "{parameters}");
    let record: Value = serde_json::from_str(text("easel")).unwrap();
    assert_eq!(record["loras"], report["loras"]);
    let trace = easel_model::weights::SafetensorsFile::open(&folder.path().join("trace.safetensors")).unwrap();
    assert!(trace.header().tensors["lora_norms"].shape[0] > 100);
}

#[test]
fn loras_that_cannot_be_used_are_refused_in_one_line() {
    let folder = folder();
    let refused = |arguments: &[&str], code, words: &[&str]| {
        let outcome = run(folder.path(), &[&["generate", PROMPT, "--device", "flex"], &SMALL[..], arguments].concat());
        assert_refused(&outcome, code, words, folder.path(), &[]);
    };
    let kohya = lora("kohya.safetensors");
    refused(&["--lora", "nowhere.safetensors:0.5"], 1, &["--lora: nowhere.safetensors does not exist"]);
    refused(&["--lora", &format!("{kohya}:strong")], 2, &["--lora", "strong"]);
    refused(&["--lora", &format!("{kohya}:1000")], 2, &["--lora", "out of bounds"]);
    refused(&["--no-refiner", "--refiner-lora", &kohya], 2, &["--refiner-lora", "no refiner"]);
    let unet = demo_model().join("base/unet/diffusion_pytorch_model.safetensors");
    // The refiner has no first text encoder.
    refused(&["--refiner-lora", &lora("text.safetensors")], 1, &["text.safetensors", "lora_te1_", "no place"]);
    refused(&["--lora", unet.to_str().unwrap()], 1, &["diffusion_pytorch_model.safetensors", "no LoRA"]);
}

#[test]
fn prompts_are_a1111s_unless_another_syntax_is_named() {
    let folder = folder();
    let word = demo_model().join("../tests/data/adapters/files/embeddings/zorbglow.safetensors");
    let drawn = |arguments: &[&str]| {
        let prompt = "a (zorbglow:1.2) heart on a [red|blue] background";
        let device = ["--device", "flex", "--json"];
        let word = ["--embedding", word.to_str().unwrap(), "-o", "heart.png"];
        let outcome = run(folder.path(), &[&["generate", prompt], &SMALL[..], &device, &word, arguments].concat());
        let report: Value = serde_json::from_str(&outcome.stdout).unwrap();
        let image = folder.path().join("heart.png");
        let record = text_chunks(&image).into_iter().find(|(keyword, _)| keyword == "easel").unwrap().1;
        let record: Value = serde_json::from_str(&record).unwrap();
        (
            image::open(image).unwrap().into_rgb8(),
            report["warnings"].clone(),
            record["request"]["prompt_syntax"].clone(),
        )
    };
    let (image, warnings, syntax) = drawn(&[]);
    assert_eq!((syntax, warnings), ("a1111".into(), serde_json::json!([])));
    assert!(drawn(&["--prompt-syntax", "a1111", "--prompt-padding", "empty"]).0 == image);
    let (plain, warnings, syntax) = drawn(&["--prompt-syntax", "plain"]);
    assert!(plain != image && warnings[0].as_str().unwrap().contains("taken as text"), "{warnings}");
    assert_eq!(syntax, "plain");
}

#[test]
fn control_images_and_image_prompts_are_at_work_and_recorded() {
    let folder = folder();
    let adapters = demo_model().join("../tests/data/adapters/files");
    let path = |file: &str| adapters.join(file).display().to_string();
    draw(folder.path(), &["-o", "plain.png"]);
    let control = format!("canny@{}={}:0.8:0:1", path("t2i_adapter"), path("pictures/prompt_a.png"));
    draw(folder.path(), &["-o", "steered.png", "--control", &control, "--save-control", "edges.png"]);
    let (adapter, encoder, image) =
        (path("ip/ip-adapter-plus.safetensors"), path("ip/image_encoder"), path("pictures/prompt_b.png"));
    let prompt = ["--ip-adapter", &adapter, "--image-encoder", &encoder, "--image-prompt", &image];
    draw(
        folder.path(),
        &[&["-o", "prompted.png", "--image-prompt-scale", "0.9:0:1", "--trace", "trace.safetensors"], &prompt[..]]
            .concat(),
    );
    let pixels = |name: &str| image::open(folder.path().join(name)).unwrap().into_rgb8();
    assert!(pixels("plain.png") != pixels("steered.png") && pixels("plain.png") != pixels("prompted.png"));
    assert!(pixels("edges.png").pixels().all(|pixel| pixel.0 == [0; 3] || pixel.0 == [255; 3]));
    let record = |name: &str| {
        let chunks = text_chunks(&folder.path().join(name));
        let text = &chunks.iter().find(|(found, _)| found == "easel").unwrap().1;
        serde_json::from_str::<Value>(text).unwrap()
    };
    let control = &record("steered.png")["controls"][0];
    assert_eq!((&control["name"], &control["preprocessor"]), (&"t2i_adapter".into(), &"canny".into()));
    assert_eq!((&control["image"], &control["scale"]), (&"prompt_a.png".into(), &0.8.into()));
    let prompt = &record("prompted.png")["image_prompts"][0];
    assert_eq!((&prompt["name"], &prompt["images"][0]), (&"ip-adapter-plus".into(), &"prompt_b.png".into()));
    assert!(record("plain.png").get("controls").is_none());
}
