//! Settings that follow from a model's name, a LoRA's name, or a preset.

use std::path::Path;

use serde_json::Value;

use crate::support::*;

/// What a model of this name is drawn with: the report and what was said.
fn drawn(folder: &Path, model: &str, arguments: &[&str]) -> (Value, String) {
    let path = folder.join(model);
    if !path.exists() {
        copy(&demo_model().join("base"), &path);
    }
    let path = path.display().to_string();
    let line = [
        "generate",
        PROMPT,
        "--model",
        &path,
        "--no-refiner",
        "--width",
        "64",
        "--height",
        "64",
        "--device",
        "flex",
        "--json",
    ];
    let outcome = run(folder, &[&line[..], &["-o", "a.png"], arguments].concat());
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    (serde_json::from_str(&outcome.stdout).unwrap(), outcome.stderr)
}

#[test]
fn a_distilled_model_gets_its_settings_unless_others_are_given() {
    let folder = folder();
    let settings =
        |report: &Value| (report["steps"].clone(), report["guidance_scale"].clone(), report["scheduler"].clone());
    let (report, said) = drawn(folder.path(), "demo_lightning_4step", &[]);
    assert_eq!(settings(&report), (4.into(), 1.0.into(), "euler_trailing".into()));
    assert!(said.contains("Recipe: lightning-4step (for `demo_lightning_4step`)"), "{said}");
    assert!(said.contains("--steps 4 --guidance-scale 1 --scheduler euler_trailing"), "{said}");
    let given = ["--steps", "2", "--scheduler", "LCM"];
    let (report, _) = drawn(folder.path(), "demo_lightning_4step", &given);
    assert_eq!(settings(&report), (2.into(), 1.0.into(), "lcm".into()));
    let (report, said) = drawn(folder.path(), "demo_lightning_4step", &["--preset", "none", "--steps", "2"]);
    assert_eq!(settings(&report), (2.into(), 5.0.into(), "euler".into()));
    assert!(!said.contains("Recipe"), "{said}");
    let (report, _) = drawn(folder.path(), "plain", &["--preset", "hyper-2step"]);
    assert_eq!(settings(&report), (2.into(), 1.0.into(), "ddim_trailing".into()));
}

#[test]
fn a_scheduler_is_found_under_every_name_and_kept_under_one() {
    let folder = folder();
    for (given, kept) in
        [("DPM++ 2M Karras", "dpmpp_2m_karras_full"), ("uni_pc:karras", "unipc_karras"), ("Euler a", "euler_a")]
    {
        let (report, _) = drawn(folder.path(), "plain", &["--steps", "2", "--scheduler", given]);
        assert_eq!(report["scheduler"], kept);
    }
}
