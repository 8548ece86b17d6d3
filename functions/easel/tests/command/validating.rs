//! `easel validate` on this machine. Times are looked at by people, not here.

use serde_json::Value;

use crate::support::*;

fn checks(outcome: &CommandOutput) -> Vec<Value> {
    let report: Value = serde_json::from_str(&outcome.stdout).unwrap_or_else(|_| panic!("{outcome:?}"));
    let failed = report["checks"].as_array().unwrap().iter().any(|check| check["outcome"] == "fail");
    assert_eq!((report["ready"] == true, outcome.code), (!failed, Some(i32::from(failed))), "{outcome:?}");
    report["checks"].as_array().unwrap().clone()
}

fn find<'a>(checks: &'a [Value], subject: &str, what: &str) -> &'a Value {
    let found = checks.iter().find(|check| check["subject"] == subject && check["what"] == what);
    found.unwrap_or_else(|| panic!("no check of {subject}: {what} in {checks:#?}"))
}

#[test]
fn the_demo_model_is_ready() {
    let folder = folder();
    let outcome =
        program::run(easel(folder.path(), &["validate", "--device", "flex", "--json"]).env_remove("EASEL_TABLE"));
    let checks = checks(&outcome);
    for (subject, what) in [
        ("configuration", "variables are known"),
        ("configuration", "values can be used"),
        ("device", "is chosen and computes"),
        ("model", "base is open"),
        ("model", "refiner"),
        ("model", "has finite numbers only"),
        ("image", "is reproducible: two runs give identical bytes"),
        ("image", "shows something"),
    ] {
        assert_eq!(find(&checks, subject, what)["outcome"], "pass", "{what}");
    }
    for stage in ["text", "load", "base", "refiner", "decode"] {
        let check = find(&checks, "image", &format!("time and memory of {stage}"));
        assert!(check["expected"].as_str().is_some_and(|expected| expected.starts_with("at most")), "{check}");
    }
    let table = find(&checks, "table", "is there");
    assert_eq!(table["outcome"], "not_checked");
    assert!(table["advice"].as_str().unwrap().contains("EASEL_TABLE"), "{table}");
}

/// The encoder is used for no image from words alone, and is looked at all the same.
#[test]
fn a_weight_that_is_no_number_is_named() {
    let folder = folder();
    let model = folder.path().join("model");
    for entry in walk(&demo_model().join("base")) {
        let to = model.join(entry.strip_prefix(demo_model().join("base")).unwrap());
        std::fs::create_dir_all(to.parent().unwrap()).unwrap();
        std::fs::copy(entry, to).unwrap();
    }
    let vae = model.join("vae/diffusion_pytorch_model.safetensors");
    let opened = easel_model::weights::SafetensorsFile::open(&vae).unwrap();
    let start = opened.header().tensors["encoder.conv_out.bias"].range.start;
    let mut content = std::fs::read(&vae).unwrap();
    content[start..start + 2].copy_from_slice(&0x7e00_u16.to_le_bytes());
    drop(opened);
    std::fs::write(&vae, content).unwrap();
    let arguments = ["validate", "--device", "flex", "--model", model.to_str().unwrap(), "--json"];
    let checks = checks(&run(folder.path(), &arguments));
    let check = find(&checks, "model", "has finite numbers only");
    let found = check["found"].as_str().unwrap();
    assert_eq!(check["outcome"], "fail");
    assert!(
        found.contains("vae/diffusion_pytorch_model.safetensors") && found.contains("encoder.conv_out.bias"),
        "{found}"
    );
}

/// Every file below `folder`.
fn walk(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { walk(&path) } else { vec![path] }).collect()
}

#[test]
fn what_is_wrong_is_named_with_what_to_do() {
    let folder = folder();
    let outcome = program::run(
        easel(folder.path(), &["validate", "--model", "nowhere", "--json"])
            .env("EASEL_PRECISON", "bf16")
            .env("EASEL_MAX_DELIVERIES", "often"),
    );
    let checks = checks(&outcome);
    assert_eq!(outcome.code, Some(1));
    for (subject, what, found) in [
        ("configuration", "variables are known", "EASEL_PRECISON"),
        ("configuration", "values can be used", "EASEL_MAX_DELIVERIES"),
        ("model", "base is open", "nowhere"),
    ] {
        let check = find(&checks, subject, what);
        assert_eq!(check["outcome"], "fail", "{check}");
        assert!(check["found"].as_str().unwrap().contains(found), "{check}");
        assert!(!check["advice"].as_str().unwrap().is_empty(), "{check}");
    }
    assert!(outcome.stderr.contains("3 of "), "{}", outcome.stderr);
}

#[test]
fn a_service_that_does_not_answer_is_not_ready() {
    let folder = folder();
    let endpoint = ["--endpoint", "http://127.0.0.1:9"];
    let text = run(folder.path(), &[&["validate"], &endpoint[..]].concat());
    assert_eq!(text.code, Some(1), "{text:?}");
    assert!(text.stdout.contains(": not ready\n") && text.stdout.contains("FAIL"), "{text:?}");
    let markdown = run(folder.path(), &[&["validate", "--markdown"], &endpoint[..]].concat());
    assert!(
        markdown.stdout.starts_with("# Easel ") && markdown.stdout.contains("\n| FAIL | service |"),
        "{markdown:?}"
    );
}
