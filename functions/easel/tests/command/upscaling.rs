//! Images made larger, by themselves or after they were drawn.

use std::path::PathBuf;

use image::{Rgba, RgbaImage};
use serde_json::Value;

use crate::support::*;

fn network(name: &str) -> String {
    let path: PathBuf = demo_model().join("../tests/reference/upscalers").join(name);
    path.to_str().unwrap().to_owned()
}

fn text(folder: &std::path::Path, file: &str, keyword: &str) -> String {
    let chunks = text_chunks(&folder.join(file));
    chunks.into_iter().find(|(found, _)| found == keyword).unwrap().1
}

#[test]
fn images_are_enlarged_with_what_they_say_of_themselves() {
    let folder = folder();
    let folder = folder.path();
    RgbaImage::from_fn(10, 6, |x, _| Rgba([200, 30, 60, if x < 5 { 0 } else { 255 }]))
        .save(folder.join("a.png"))
        .unwrap();
    image::RgbImage::from_pixel(1, 1, image::Rgb([9, 99, 199])).save(folder.join("dot.png")).unwrap();
    let with = network("rrdb_x2.pth");
    let outcome = run(folder, &["upscale", "a.png", "dot.png", "--with", &with, "--json"]);
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    let report: Value = serde_json::from_str(&outcome.stdout).unwrap();
    assert_eq!(report["files"][1], serde_json::json!({"file": "dot-x2.png", "width": 2, "height": 2}));
    assert_eq!(report["upscale"]["upscaler"], "rrdb_x2");
    let large = image::open(folder.join("a-x2.png")).unwrap();
    assert_eq!((large.width(), large.height(), large.color().has_alpha()), (20, 12, true));
    assert_eq!(text(folder, "a-x2.png", "parameters"), "Postprocess upscale by: 2, Postprocess upscaler: rrdb_x2");

    draw(folder, &["-o", "heart.png"]);
    let outcome = run(folder, &["upscale", "heart.png", "--scale", "1.5", "-o", "large.png"]);
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    assert_eq!(image::open(folder.join("large.png")).unwrap().width(), 96);
    let said = text(folder, "large.png", "parameters");
    let expected = format!(
        "{}, Postprocess upscale by: 1.5, Postprocess upscaler: Lanczos",
        text(folder, "heart.png", "parameters")
    );
    assert_eq!(said, expected);
    let record: Value = serde_json::from_str(&text(folder, "large.png", "easel")).unwrap();
    assert_eq!(record["upscale"], serde_json::json!({"by": 1.5, "upscaler": "Lanczos"}));
}

#[test]
fn an_image_is_drawn_enlarged_in_tiles_and_a_second_time() {
    let folder = folder();
    let folder = folder.path();
    let with = network("compact_x3.safetensors");
    let upscale = format!("{with}:2");
    let hires = ["--hires", "1.5:0.6:1", "--hires-upscaler", &with, "--tile-size", "64", "--upscale", &upscale];
    let report = draw(folder, &[&["-o", "heart.png"], &hires[..]].concat());
    for stage in ["enlarge", "decode", "upscale"] {
        assert!(report["timings"][stage].as_f64().unwrap() > 0.0, "{stage}: {report}");
    }
    assert_eq!(image::open(folder.join("heart.png")).unwrap().into_rgb8().dimensions(), (192, 192));
    let said = text(folder, "heart.png", "parameters");
    for part in [
        "Size: 64x64",
        "Denoising strength: 0.6, Hires upscale: 1.5, Hires steps: 1, Hires upscaler: compact_x3, Tiled Diffusion: ",
        "Postprocess upscale by: 2, Postprocess upscaler: compact_x3",
    ] {
        assert!(said.contains(part), "{said}");
    }
    let record: Value = serde_json::from_str(&text(folder, "heart.png", "easel")).unwrap();
    assert_eq!(record["request"]["hires_upscaler"], "compact_x3");
    assert_eq!(record["upscale"]["digest"].as_str().unwrap().len(), 64);
}

#[test]
fn what_cannot_be_enlarged_is_refused_by_name() {
    let folder = folder();
    let folder = folder.path();
    RgbaImage::from_pixel(4, 4, Rgba([1, 2, 3, 4])).save(folder.join("a.png")).unwrap();
    std::fs::write(folder.join("model.pth"), b"PK\x03\x04").unwrap();
    std::fs::write(folder.join("text.png"), b"not an image").unwrap();
    let files = ["a.png", "model.pth", "text.png"];
    let with = network("rrdb_x2.pth");
    let cases: &[(&[&str], i32, &[&str])] = &[
        (&["upscale"], 2, &["<IMAGE>"]),
        (&["upscale", "a.png", "--scale", "9"], 2, &["--scale", "9", "1 to 8"]),
        (&["upscale", "a.png", "--with", "none.pth"], 1, &["--with", "none.pth", "lanczos"]),
        (&["upscale", "a.png", "--with", "model.pth"], 1, &["model.pth", "archive"]),
        (&["upscale", "a.png", "text.png", "--with", &with], 1, &["text.png"]),
        (&["upscale", "a.png", "--with", &with, "-o", "b.jpg"], 1, &["b.jpg", "transparency"]),
        (&["upscale", "a.png", "a.png", "-o", "b.png"], 2, &["--output", "b.png", "folder"]),
        (&["upscale", "a.png", "a.png"], 2, &["a-x2.png", "twice"]),
        (&["upscale", "a.png", "-o", "b.gif"], 2, &["b.gif", ".png"]),
        (&["generate", PROMPT, "--upscale", "lanczos:0.1"], 2, &["--upscale", "0.1", "1 to 8"]),
        (
            &["generate", PROMPT, "--width", "2048", "--height", "2048", "--upscale", "lanczos:6"],
            2,
            &["--upscale", "12288×12288"],
        ),
        (&["generate", PROMPT, "--upscale", "model.pth"], 1, &["model.pth", "archive"]),
        (&["generate", PROMPT, "--hires", "9"], 2, &["--hires-scale", "9", "1 to 4"]),
        (&["generate", PROMPT, "--hires", "a"], 2, &["--hires", "SCALE:STRENGTH:STEPS"]),
        (&["generate", PROMPT, "--hires-steps", "5"], 2, &["--hires-steps", "--hires SCALE"]),
        (&["generate", PROMPT, "--hires-upscaler", "lanczos"], 2, &["--hires-upscaler", "--hires SCALE"]),
        (&["generate", PROMPT, "--hires", "2", "--hires-upscaler", "none.pth"], 1, &["--hires-upscaler", "none.pth"]),
        (&["generate", PROMPT, "--width", "4096"], 2, &["--width", "4096", "at most 2048", "tile"]),
        (&["generate", PROMPT, "--tile-overlap", "8"], 2, &["--tile-overlap", "--tile"]),
    ];
    for (arguments, code, words) in cases {
        assert_refused(&run(folder, arguments), *code, words, folder, &files);
    }
}
