//! Bad input, full disks and interruptions: one line, an exit code, and no file.

use std::fs;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::support::*;

#[test]
fn wrong_use_is_refused_by_name() {
    let folder = folder();
    let long = "x".repeat(2001);
    let cases: &[(&[&str], &[&str])] = &[
        (&["--steps", "0"], &["--steps", "0", "1 to 150"]),
        (&["--steps", "-1"], &["--steps", "-1"]),
        (&["--steps", "many"], &["--steps", "many"]),
        (&["--guidance-scale", "NaN"], &["--guidance-scale", "NaN", "0 to 30"]),
        (&["--guidance-scale", "-1"], &["--guidance-scale", "-1"]),
        (&["--guidance-rescale", "inf"], &["--guidance-rescale", "inf"]),
        (&["--guidance-interval", "0.5"], &["--guidance-interval", "0.5", "0.1,0.8"]),
        (&["--guidance-interval", "0.8,0.1"], &["--guidance-interval", "0.8", "empty"]),
        (&["--guidance-interval", "0,2"], &["--guidance-interval", "2", "0 to 1"]),
        (&["--reuse-features", "0"], &["--reuse-features", "0", "1 to 10"]),
        (&["--width", "100"], &["--width", "100", "multiple of 8", "96 or 104"]),
        (&["--height", "8192"], &["--height", "8192", "64 to 4096"]),
        (&["--width", "0"], &["--width", "0"]),
        (&["--count", "9"], &["--count", "9", "1 to 8"]),
        (&["--seed", "-1"], &["--seed", "-1"]),
        (&["--seed", "18446744073709551616"], &["--seed", "18446744073709551616"]),
        (&["--scheduler", "magic"], &["--scheduler", "magic", "euler_a"]),
        (&["--scheduler", "dpmp_2m_karas"], &["--scheduler", "did you mean dpmpp_2m_karras"]),
        (&["--scheduler", "karras"], &["--scheduler", "is a schedule", "dpmpp_2m_karras"]),
        (&["--scheduler", "pndm_karras"], &["--scheduler", "pndm", "trailing"]),
        (&["--preset", "fast"], &["--preset", "fast", "lightning-4step"]),
        (&["--prediction-type", "noise"], &["--prediction-type", "noise", "v_prediction"]),
        (&["--prompt-syntax", "magic"], &["--prompt-syntax", "magic", "compel"]),
        (&["--prompt-padding", "yes"], &["--prompt-padding", "yes", "empty"]),
        (&["--device", "tpu"], &["--device", "tpu", "ndarray"]),
        (&["--device", "cuda:x"], &["--device", "cuda:x"]),
        (&["--device", "flex:1"], &["--device", "flex:1", "vulkan"]),
        (&["--precision", "f8"], &["--precision", "f8", "bf16"]),
        (&["--threads", "0"], &["--threads", "0"]),
        (&["--threads", "100000"], &["--threads", "100000"]),
        (&["--original-size", "large"], &["--original-size", "large", "1024x768"]),
        (&["--crop-top-left", "-1,0"], &["--crop-top-left", "-1,0"]),
        (&["--strength", "0.5"], &["--init"]),
        (&["--control", "canny"], &["--control", "MODEL=IMAGE"]),
        (&["--control", "sketch@a=b.png"], &["--control", "sketch", "canny"]),
        (&["--save-control", "edges.png"], &["--control"]),
        (&["--ip-adapter", "a.safetensors"], &["--image-encoder", "--image-prompt"]),
        (&["--image-prompt", "a.png"], &["--ip-adapter"]),
        (&["--high-noise-frac", "0.5", "--no-refiner"], &["--high-noise-frac", "--refiner"]),
        (&["--high-noise-frac", "1.5"], &["--high-noise-frac", "1.5"]),
        (&["--negative-prompt", &long], &["--negative-prompt", "2001", "2000"]),
        (&["-o", "heart.gif"], &["heart.gif", ".png"]),
        (&["-o", "heart"], &["heart", ".png"]),
        (&["--stepz", "3"], &["--stepz", "--steps"]),
    ];
    for (arguments, words) in cases {
        let outcome = run(folder.path(), &[&["generate", PROMPT], *arguments].concat());
        assert_refused(&outcome, 2, words, folder.path(), &[]);
    }
    assert_refused(&run(folder.path(), &["generate", &long]), 2, &["PROMPT", "2001"], folder.path(), &[]);
    assert_refused(&run(folder.path(), &["generate"]), 2, &["PROMPT"], folder.path(), &[]);
    assert_refused(&run(folder.path(), &["paint"]), 2, &["paint"], folder.path(), &[]);
    assert_refused(&run(folder.path(), &["bench", "all"]), 2, &["PART", "vae-decode"], folder.path(), &[]);
    let bench = ["bench", "unet", "--shape", "demo"];
    for (arguments, words) in [
        (["--size", "100"], ["--size", "100"]),
        (["--repeat", "0"], ["--repeat", "0"]),
        (["--steps", "0"], ["--steps", "0"]),
    ] {
        assert_refused(&run(folder.path(), &[&bench, &arguments[..]].concat()), 2, &words, folder.path(), &[]);
    }
    let outcome = run(folder.path(), &["bench", "generate", "--shape", "demo", "--by-operation"]);
    assert_refused(&outcome, 2, &["--by-operation", "unet", "--device flex"], folder.path(), &[]);
    let outcome = run(folder.path(), &["random-model", "--shape", "huge", "-o", "model"]);
    assert_refused(&outcome, 2, &["--shape", "huge", "sdxl-base"], folder.path(), &[]);
}

#[test]
fn the_environment_is_asked_and_checked_like_the_command_line() {
    let folder = folder();
    let arguments = [&["generate", PROMPT, "--json", "-o", "a.png"], &SMALL[..]].concat();
    let refused = program::run(easel(folder.path(), &arguments).env("EASEL_DEVICE", "tpu"));
    assert_refused(&refused, 2, &["--device", "tpu"], folder.path(), &[]);
    let refused = program::run(easel(folder.path(), &arguments).env("EASEL_MODEL", "nowhere"));
    assert_refused(&refused, 1, &["--model", "nowhere"], folder.path(), &[]);
    let done = program::run(easel(folder.path(), &arguments).env("EASEL_DEVICE", "ndarray").env("EASEL_PRECISION", ""));
    let report: Value = serde_json::from_str(&done.stdout).unwrap();
    assert_eq!((&report["backend"], &report["fallback_reason"]), (&"ndarray".into(), &Value::Null));
}

#[cfg(not(any(feature = "cuda", feature = "wgpu")))]
#[test]
fn a_gpu_by_name_is_an_error_where_there_is_none() {
    let folder = folder();
    for (device, feature) in [("cuda", "`cuda`"), ("vulkan", "`wgpu`"), ("metal:1", "`wgpu`")] {
        let outcome = run(folder.path(), &["generate", PROMPT, "--device", device]);
        assert_refused(&outcome, 1, &[device, feature, "--device auto"], folder.path(), &[]);
    }
}

#[test]
fn files_that_are_not_right_are_refused_by_name() {
    let folder = folder();
    let write = |name: &str, content: &[u8]| fs::write(folder.path().join(name), content).unwrap();
    write("broken.png", b"\x89PNG\r\n\x1a\nnot really");
    write("text.png", b"not an image");
    write("model.ckpt", b"PK\x03\x04");
    write("renamed.safetensors", b"\x80\x02}q\x00.");
    write("empty.safetensors", b"");
    let files = ["broken.png", "empty.safetensors", "model.ckpt", "renamed.safetensors", "text.png"];
    let cases: &[(&[&str], &[&str])] = &[
        (&["--init", "broken.png"], &["broken.png"]),
        (&["--init", "text.png"], &["text.png"]),
        (&["--init", "nowhere.png"], &["nowhere.png"]),
        (&["--model", "model.ckpt"], &["model.ckpt", "pickle"]),
        (&["--model", "renamed.safetensors"], &["renamed.safetensors", "pickle"]),
        (&["--model", "empty.safetensors"], &["empty.safetensors"]),
        (&["--model", "nowhere"], &["--model", "nowhere"]),
        (&["--refiner", "nowhere"], &["--refiner", "nowhere"]),
        (&["--tiny-vae", "nowhere"], &["--tiny-vae", "nowhere", "taesdxl"]),
        (&["--tiny-vae", "."], &["config.json", "taesdxl"]),
        (&["--model", "."], &["model_index.json"]),
        (&["-o", "nowhere/heart.png"], &["--output", "nowhere/heart.png", "make it"]),
        (&["--trace", "nowhere/trace.safetensors"], &["--trace", "nowhere"]),
    ];
    for (arguments, words) in cases {
        let outcome = run(folder.path(), &[&["generate", PROMPT, "--steps", "1"], *arguments].concat());
        assert_refused(&outcome, 1, words, folder.path(), &files);
    }
    let outcome = run(folder.path(), &["convert", "nowhere", "-o", "out"]);
    assert_refused(&outcome, 1, &["nowhere"], folder.path(), &files);
    let outcome = run(folder.path(), &["random-model", "--shape", "demo", "-o", "text.png"]);
    assert_refused(&outcome, 1, &["--output", "text.png", "there already"], folder.path(), &files);
}

#[test]
fn a_truncated_model_is_refused_by_name() {
    let folder = folder();
    copy(&demo_model().join("base"), &folder.path().join("model"));
    let unet = folder.path().join("model/unet/diffusion_pytorch_model.safetensors");
    let length = fs::metadata(&unet).unwrap().len();
    fs::OpenOptions::new().write(true).open(&unet).unwrap().set_len(length / 2).unwrap();
    let outcome = run(folder.path(), &["generate", PROMPT, "--model", "model", "-o", "heart.png"]);
    assert_refused(&outcome, 1, &["diffusion_pytorch_model.safetensors"], folder.path(), &["model"]);
}

#[cfg(unix)]
#[test]
fn a_folder_in_the_place_of_a_file_or_without_permission_is_refused() {
    let folder = folder();
    fs::create_dir(folder.path().join("taken.png")).unwrap();
    fs::create_dir(folder.path().join("hearts-2.png")).unwrap();
    std::os::unix::fs::symlink("/dev/full", folder.path().join("device.png")).unwrap();
    let files = ["device.png", "hearts-2.png", "taken.png"];
    let several = run(folder.path(), &["generate", PROMPT, "--count", "2", "-o", "hearts.png"]);
    assert_refused(&several, 1, &["--output", "hearts-2.png"], folder.path(), &files);
    for (path, words) in [
        ("taken.png", &["--output", "taken.png", "folder"][..]),
        ("device.png", &["--output", "device.png", "ordinary file"]),
        // Nobody can make files there.
        #[cfg(target_os = "linux")]
        ("/proc/heart.png", &["--output", "/proc/heart.png"]),
    ] {
        let outcome = run(folder.path(), &["generate", PROMPT, "--steps", "1", "-o", path]);
        assert_refused(&outcome, 1, words, folder.path(), &files);
    }
}

/// A limit on the size of files stands in for a full disk: writing fails in the middle.
#[cfg(unix)]
#[test]
fn a_disk_that_fills_up_leaves_no_part_of_a_file() {
    let folder = folder();
    draw(folder.path(), &["-o", "unpacks-the-demo-model.png"]);
    let limited = |arguments: &[&str]| {
        let mut shell = Command::new("sh");
        program::isolate(&mut shell).current_dir(folder.path());
        shell.args(["-c", "trap '' XFSZ; ulimit -f 1; exec \"$@\"", "sh", env!("CARGO_BIN_EXE_easel")]).args(arguments);
        program::run(&mut shell)
    };
    let files = ["unpacks-the-demo-model.png"];
    let refused = limited(&[&["generate", PROMPT, "-o", "heart.png"], &SMALL[..]].concat());
    assert_refused(&refused, 1, &["writing", "heart.png"], folder.path(), &files);
    let refused = limited(&["random-model", "--shape", "demo", "-o", "model"]);
    assert_refused(&refused, 1, &["writing"], folder.path(), &files);
}

#[cfg(target_os = "linux")]
#[test]
fn output_that_cannot_be_written_is_a_failure_without_a_panic() {
    let folder = folder();
    let full = || Stdio::from(fs::OpenOptions::new().write(true).open("/dev/full").unwrap());
    for arguments in [["doctor", "--json"], ["doctor", "--device=flex"]] {
        let refused = program::run(easel(folder.path(), &arguments).stdout(full()));
        assert_refused(&refused, 1, &["standard output"], folder.path(), &[]);
    }
    let silent = easel(folder.path(), &["generate", PROMPT, "--steps", "0"]).stderr(full()).output().unwrap();
    assert_eq!(silent.status.code(), Some(2));
}

#[cfg(unix)]
#[test]
fn an_interruption_leaves_no_file() {
    let folder = folder();
    let arguments = ["generate", PROMPT, "--steps", "150", "-o", "heart.png", "--trace", "trace.safetensors"];
    let mut child = easel(folder.path(), &arguments).stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(child.stderr.take().unwrap()));
    assert!(lines.any(|line| line.unwrap().starts_with("step 1/150")));
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    let rest: Vec<_> = lines.map(Result::unwrap).collect();
    assert_eq!(child.wait().unwrap().code(), Some(130), "{rest:?}");
    assert_eq!(rest.last().unwrap(), "easel: stopped");
    assert_eq!(names_in(folder.path()), <[&str; 0]>::default());
}
