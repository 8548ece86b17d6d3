//! The commands beside `generate`.

use serde_json::Value;

use crate::support::*;

#[test]
fn the_doctor_tells_what_there_is() {
    let folder = folder();
    let outcome = run(folder.path(), &["doctor", "--json"]);
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    let diagnosis: Value = serde_json::from_str(&outcome.stdout).unwrap();
    assert!(diagnosis["threads"].as_u64().unwrap() >= 1);
    assert!(diagnosis["available_memory_bytes"].as_u64().unwrap() > 0);
    let ladder = diagnosis["ladder"].as_array().unwrap();
    let asked: Vec<_> = ladder.iter().map(|rung| rung["backend"].as_str().unwrap()).collect();
    assert_eq!(asked, ["cuda", if cfg!(target_os = "macos") { "metal" } else { "vulkan" }, "flex"]);
    let chosen = &diagnosis["chosen"];
    let used: Vec<_> = ladder.iter().filter(|rung| rung["is_used"] == true).collect();
    assert_eq!(used.len(), 1, "{diagnosis}");
    assert_eq!(used[0]["backend"], chosen["backend"]);
    assert_eq!(chosen["fallback_reason"].is_null(), chosen["device"] == "cuda");
    for rung in ladder {
        assert!(!rung["reason"].as_str().unwrap().is_empty());
        let all_passed = rung["probes"].as_array().unwrap().iter().all(|probe| probe["passed"] == true);
        assert!(all_passed || rung["is_used"] == false, "{rung}");
    }
    let fits = diagnosis["fits"].as_array().unwrap();
    assert_eq!(fits.len(), 9);
    if chosen["device"] == "cpu" {
        assert!(fits.iter().all(|fit| fit["seconds_a_step"].as_f64().unwrap() > 0.0), "{diagnosis}");
    }
    let kernels = diagnosis["kernels"].as_array().unwrap();
    assert_eq!(kernels.iter().map(|kernel| &kernel["arithmetic"]).collect::<Vec<_>>(), ["f32", "bf16", "int8"]);
    assert!(kernels.iter().all(|kernel| kernel["instructions"].is_string() && kernel["reason"].is_string()));

    let text = run(folder.path(), &["doctor"]).stdout;
    for words in ["CPU: ", "bf16 products: ", "CUDA: ", "CPU (flex): ", "Device `auto` means: ", "SDXL base + refiner"]
    {
        assert!(text.contains(words), "`{words}` is not in: {text}");
    }
}

/// `auto` is bf16 where the processor has instructions for it and may use them, else f32.
#[test]
fn the_precision_of_the_cpu_follows_from_its_instructions() {
    let folder = folder();
    let diagnosis = |instructions: &str| -> Value {
        let mut command = easel(folder.path(), &["doctor", "--json", "--device", "flex"]);
        let outcome = program::run(command.env("EASEL_INSTRUCTIONS", instructions));
        assert_eq!(outcome.code, Some(0), "{outcome:?}");
        serde_json::from_str(&outcome.stdout).unwrap()
    };
    let without_bf16: &[&str] = if cfg!(target_arch = "aarch64") {
        &["plain", "neon", "neondot"]
    } else {
        &["plain", "avx2", "avxvnni", "avx512", "avx512vnni"]
    };
    for instructions in without_bf16 {
        assert_eq!(diagnosis(instructions)["chosen"]["precision"], "f32", "{instructions}");
    }
    let best = diagnosis("");
    let bf16 = best["kernels"].as_array().unwrap().iter().find(|kernel| kernel["arithmetic"] == "bf16").unwrap();
    let with_bf16 = ["AVX-512 with VNNI and bf16", "AVX-512 with AMX", "NEON with i8mm and bf16"];
    let has_instructions = with_bf16.iter().any(|&instructions| bf16["instructions"] == instructions);
    assert_eq!(best["chosen"]["precision"], if has_instructions { "bf16" } else { "f32" });
    let report = draw(folder.path(), &["-o", "a.png"]);
    assert_eq!(report["precision"], best["chosen"]["precision"]);
}

#[test]
fn the_doctor_looks_at_the_model_that_is_named() {
    let folder = folder();
    let base = demo_model().join("base");
    let outcome = run(folder.path(), &["doctor", "--json", "--device", "flex", "--model", base.to_str().unwrap()]);
    let diagnosis: Value = serde_json::from_str(&outcome.stdout).unwrap();
    let fits = diagnosis["fits"].as_array().unwrap();
    assert_eq!((fits.len(), &fits[0]["model"], &fits[2]["precision"]), (12, &"base".into(), &"int8".into()));
    std::fs::write(folder.path().join("page.safetensors"), "<!doctype html>").unwrap();
    let outcome = run(folder.path(), &["doctor", "--device", "flex", "--model", "page.safetensors"]);
    assert!(outcome.code == Some(0) && outcome.stderr.contains("web page"), "{outcome:?}");
}

#[test]
fn every_part_can_be_timed() {
    let folder = folder();
    for part in ["text", "unet", "vae-decode", "vae-encode", "generate"] {
        let outcome = run(
            folder.path(),
            &["bench", part, "--shape", "demo", "--size", "64", "--repeat", "2", "--device", "flex", "--json"],
        );
        assert_eq!(outcome.code, Some(0), "{outcome:?}");
        let report: Value = serde_json::from_str(&outcome.stdout).unwrap();
        assert_eq!((&report["part"], &report["shape"], &report["size"]), (&part.into(), &"demo".into(), &64.into()));
        assert_eq!((&report["precision"], &report["device"]), (&"bf16".into(), &"cpu".into()));
        assert_eq!(report["backend"], "flex");
        let [min, median, max] = ["min", "median", "max"].map(|name| report["seconds"][name].as_f64().unwrap());
        assert!(0.0 < min && min <= median && median <= max, "{report}");
        assert!(report["gflops"].as_f64().unwrap() > 0.0, "{report}");
        assert!(report["share_of_peak"].as_f64().unwrap() > 0.0, "{report}");
        assert!(report["peak_memory_bytes"].as_u64().unwrap() > 0);
    }
}

/// The operations of a part are all of its arithmetic, and take no longer than the whole.
#[test]
fn the_time_of_a_part_is_divided_among_its_operations() {
    let folder = folder();
    let bench = ["--shape", "demo", "--size", "64", "--device", "flex", "--by-operation"];
    for part in ["unet", "vae-decode"] {
        let outcome = run(folder.path(), &[&["bench", part, "--json"], &bench[..]].concat());
        assert_eq!(outcome.code, Some(0), "{outcome:?}");
        let report: Value = serde_json::from_str(&outcome.stdout).unwrap();
        let operations = report["operations"].as_array().unwrap();
        let number = |operation: &Value, name: &str| operation[name].as_f64().unwrap();
        let total = |value: &dyn Fn(&Value) -> f64| operations.iter().map(value).sum::<f64>();
        let share = total(&|operation| number(operation, "share"));
        assert!(operations.len() > 10 && 0.0 < share && share <= 1.0, "{report}");
        let counted = total(&|operation| number(operation, "gflops") * number(operation, "seconds"));
        let whole = number(&report, "gflops") * number(&report["seconds"], "median");
        assert!((counted / whole - 1.0).abs() < 0.02, "{counted} of {whole}: {report}");
        let table = run(folder.path(), &[&["bench", part], &bench[..]].concat());
        assert!(table.code == Some(0) && table.stdout.contains("| convolution 3×3, "), "{table:?}");
    }
}

#[test]
fn a_random_model_is_written_and_can_be_drawn_with() {
    let folder = folder();
    let outcome = run(folder.path(), &["random-model", "--shape", "demo", "--precision", "bf16", "-o", "random"]);
    assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(0), "random\n"), "{outcome:?}");
    assert_eq!(names_in(folder.path()), ["random"]);
    let report = draw(folder.path(), &["--model", "random", "-o", "noise.png"]);
    assert_eq!((&report["model"], &report["refiner"]), (&"random".into(), &Value::Null));
}

/// Packed weights say themselves what they are for, and nothing else can be done with them.
#[test]
fn a_packed_model_draws_the_same_image_without_being_packed_again() {
    let folder = folder();
    let base = demo_model().join("base");
    let base = base.to_str().unwrap();
    let image = |name: &str| image::open(folder.path().join(name)).unwrap().into_rgb8();
    for precision in ["f32", "bf16", "int8"] {
        let outcome = run(folder.path(), &["convert", base, "-o", precision, "--precision", precision]);
        assert_eq!(outcome.code, Some(0), "{outcome:?}");
        let (plain, packed) = (format!("{precision}-plain.png"), format!("{precision}-packed.png"));
        for device in ["flex", "ndarray"] {
            let device = ["--no-refiner", "--device", device];
            draw(folder.path(), &[&["--model", base, "--precision", precision, "-o", &plain], &device[..]].concat());
            let report = draw(folder.path(), &[&["--model", precision, "-o", &packed], &device[..]].concat());
            assert_eq!(report["precision"], precision);
            assert_eq!(image(&plain), image(&packed), "{device:?}, {precision}");
        }
    }
    let refused = |arguments: &[&str], words: &[&str]| {
        let outcome = run(folder.path(), arguments);
        assert_ne!(outcome.code, Some(0), "{outcome:?}");
        assert!(words.iter().all(|word| outcome.stderr.contains(word)), "{words:?} are not all in {outcome:?}");
    };
    refused(&["generate", "a", "--model", "int8", "--precision", "f32"], &["precision", "packed for int8"]);
    refused(&["convert", "int8", "-o", "again", "--precision", "bf16"], &["packed", "the model that it was made from"]);
    refused(&["convert", base, "-o", "a.safetensors", "--precision", "int8"], &["int8", "bf16"]);
}

#[test]
fn a_converted_model_draws_the_same_image() {
    let folder = folder();
    let base = demo_model().join("base");
    let base = base.to_str().unwrap();
    draw(folder.path(), &["--model", base, "-o", "a.png"]);
    for (name, precision) in [("single.safetensors", "f16"), ("folder", "f32")] {
        let outcome = run(folder.path(), &["convert", base, "-o", name, "--precision", precision, "--portable"]);
        assert_eq!(outcome.code, Some(0), "{outcome:?}");
        draw(folder.path(), &["--model", name, "-o", "b.png"]);
        let image = |name| image::open(folder.path().join(name)).unwrap().into_rgb8();
        let (a, b) = (image("a.png"), image("b.png"));
        let worst = a.as_raw().iter().zip(b.as_raw()).map(|(a, b)| a.abs_diff(*b)).max().unwrap();
        assert!(worst <= 2, "{name}: {worst}");
    }
}
