//! Models that are fetched.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::hub::{Break, Hub, REPOSITORY, TOKEN, files_of, hexadecimal};
use crate::objects::{BUCKET, Embedded, WithHeaders};
use crate::support::*;

const UNET: &str = "unet/diffusion_pytorch_model.safetensors";
const INDEX: &str = "model_index.json";
/// Where the record of a folder is, which is also its lock.
const RECORD: &str = ".easel-pull.json";

fn base() -> std::path::PathBuf {
    demo_model().join("base")
}

/// The command, for which the hub is this one.
fn with_hub(folder: &Path, hub: &Hub, arguments: &[&str]) -> Command {
    let mut command = easel(folder, arguments);
    command.env("HF_ENDPOINT", hub.endpoint()).env("HF_HOME", folder.join("nowhere"));
    command
}

fn pull(folder: &Path, hub: &Hub, arguments: &[&str]) -> CommandOutput {
    program::run(
        with_hub(folder, hub, &[&["pull", REPOSITORY, "-o", "model"], arguments].concat()).env("HF_TOKEN", TOKEN),
    )
}

fn report(outcome: &CommandOutput) -> Value {
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    serde_json::from_str(&outcome.stdout).unwrap()
}

/// The files of a model that was fetched, without the record.
fn pulled(folder: &Path) -> std::collections::BTreeMap<String, Vec<u8>> {
    let mut files = files_of(&folder.join("model"));
    assert!(files.remove(RECORD).is_some());
    files
}

/// The unfinished part of a file, if there is one.
fn unfinished(folder: &Path) -> Option<Vec<u8>> {
    let files = files_of(&folder.join("model"));
    let mut found = files.into_iter().filter(|(path, _)| path.starts_with(UNET) && path.ends_with(".unfinished"));
    let first = found.next().map(|(_, content)| content);
    assert!(found.next().is_none());
    first
}

/// Saves the demo model in another form.
fn convert(folder: &Path, output: &str, precision: &str) {
    let base = base();
    let outcome = run(folder, &["convert", base.to_str().unwrap(), "-o", output, "--precision", precision]);
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
}

/// The demo model as a single checkpoint.
fn checkpoint() -> Vec<u8> {
    let folder = folder();
    convert(folder.path(), "single.safetensors", "f16");
    fs::read(folder.path().join("single.safetensors")).unwrap()
}

fn image(folder: &Path, name: &str) -> image::RgbImage {
    image::open(folder.join(name)).unwrap().into_rgb8()
}

#[test]
fn a_model_comes_whole_and_once_and_draws() {
    let (folder, hub) = (folder(), Hub::with(&base()));
    let expected = files_of(&base());
    for unwanted in [
        "README.md",
        "text_encoder/model.onnx",
        "text_encoder/pytorch_model.bin",
        "unet/diffusion_flax_model.msgpack",
        "unet/diffusion_pytorch_model.bin",
        "unet/diffusion_pytorch_model.fp16.safetensors",
        "unet/openvino_model.xml",
        "vae/../../evil.safetensors",
        "sd_xl_base.safetensors",
    ] {
        hub.contents().files.insert(unwanted.to_owned(), b"not wanted".to_vec());
    }
    let first = report(&pull(folder.path(), &hub, &["--json"]));
    assert_eq!(pulled(folder.path()), expected);
    let asked: Vec<_> = hub.asked().into_iter().map(|(path, _)| path).collect();
    assert_eq!(asked.len(), expected.len(), "{asked:?}");
    // The other host has nothing to do with the token.
    assert_eq!((hub.tokens("hub"), hub.tokens("other")), (vec![true], vec![false]));
    let size: usize = expected.values().map(Vec::len).sum();
    assert_eq!(first["fetched_bytes"], size);
    let checked = |path: &str| {
        let file = first["files"].as_array().unwrap().iter().find(|file| file["path"] == path).unwrap();
        file["checked_by"].as_str().unwrap().to_owned()
    };
    assert_eq!((checked(UNET).as_str(), checked(INDEX).as_str()), ("SHA-256", "git SHA-1"));
    assert_eq!(first["revision"].as_str().unwrap().len(), 40);

    draw(folder.path(), &["--model", "model", "--no-refiner", "-o", "pulled.png"]);
    draw(folder.path(), &["--model", base().to_str().unwrap(), "--no-refiner", "-o", "bundled.png"]);
    assert_eq!(image(folder.path(), "pulled.png"), image(folder.path(), "bundled.png"));

    let again = pull(folder.path(), &hub, &[]);
    assert_eq!((again.code, again.stdout.as_str()), (Some(0), "model\n"), "{again:?}");
    assert!(again.stderr.contains("easel generate") && again.stderr.contains("--model model"), "{again:?}");
    assert_eq!(hub.asked(), []);
    fs::write(folder.path().join("model").join(UNET), "damaged").unwrap();
    report(&pull(folder.path(), &hub, &["--json"]));
    assert_eq!(hub.asked(), [(UNET.to_owned(), None)]);
    assert_eq!(pulled(folder.path()), expected);
}

#[test]
fn one_variant_comes_and_takes_the_place_of_the_other() {
    let (folder, hub) = (folder(), Hub::with(&base()));
    let half = "unet/diffusion_pytorch_model.fp16.safetensors";
    let weights = hub.contents().files[UNET].clone();
    hub.contents().files.insert(half.to_owned(), weights);
    report(&pull(folder.path(), &hub, &["--json", "--variant", "fp16"]));
    let files = pulled(folder.path());
    assert!(files.contains_key(half) && !files.contains_key(UNET));
    report(&pull(folder.path(), &hub, &["--json"]));
    let files = pulled(folder.path());
    assert!(files.contains_key(UNET) && !files.contains_key(half));
    let refused = pull(folder.path(), &hub, &["--variant", "bf16"]);
    assert_refused(&refused, 1, &["bf16", "fp16"], folder.path(), &["model"]);
    let refused = pull(folder.path(), &hub, &["--variant", "f8"]);
    assert_refused(&refused, 2, &["f8", "fp16"], folder.path(), &["model"]);
}

#[test]
fn a_file_that_breaks_off_goes_on_where_it_was() {
    let (folder, hub) = (folder(), Hub::with(&base()));
    hub.contents().breaks.insert(UNET.to_owned(), Break::Close(100_000));
    hub.contents().breaks.insert(INDEX.to_owned(), Break::Close(10));
    let outcome = pull(folder.path(), &hub, &[]);
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    assert!(outcome.stderr.contains("trying again"), "{outcome:?}");
    let asked = hub.asked();
    for (wanted, closed_after) in [(UNET, 100_000), (INDEX, 10)] {
        let asked: Vec<_> =
            asked.iter().filter(|(path, _)| path == wanted).map(|(_, range)| range.as_deref()).collect();
        let [None, Some(range)] = asked[..] else { panic!("{wanted}: {asked:?}") };
        let from = range.strip_prefix("bytes=").and_then(|range| range.strip_suffix('-'));
        let from: usize = from.unwrap_or_else(|| panic!("{range}")).parse().unwrap();
        // What the client has not read yet may be lost with the connection.
        assert!((1..=closed_after).contains(&from), "{wanted}: {range}");
    }
    assert_eq!(pulled(folder.path()), files_of(&base()));
}

/// Starts a pull, waits until so many bytes of the UNet are on disk, and ends the process as a power cut would.
fn pull_until(folder: &Path, hub: &Hub, bytes: usize) {
    hub.contents().breaks.insert(UNET.to_owned(), Break::Stall(bytes));
    let mut command = with_hub(folder, hub, &["pull", REPOSITORY, "-o", "model"]);
    let mut child = command.stderr(Stdio::null()).stdout(Stdio::null()).spawn().unwrap();
    while !folder.join("model").exists() || unfinished(folder).is_none_or(|part| part.len() < bytes) {
        assert!(child.try_wait().unwrap().is_none(), "it ended too early");
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn a_process_that_was_killed_leaves_no_model_and_the_next_goes_on() {
    let (folder, hub) = (folder(), Hub::with(&base()));
    pull_until(folder.path(), &hub, 200_000);
    let refused = run(folder.path(), &["generate", PROMPT, "--model", "model", "-o", "a.png"]);
    assert_refused(&refused, 1, &["model_index.json"], folder.path(), &["model"]);
    hub.asked();
    report(&pull(folder.path(), &hub, &["--json"]));
    let asked = hub.asked();
    let of_unet: Vec<_> = asked.iter().filter(|(path, _)| path == UNET).collect();
    assert_eq!(of_unet, [&(UNET.to_owned(), Some("bytes=200000-".to_owned()))]);
    assert_eq!(pulled(folder.path()), files_of(&base()));
}

#[test]
fn a_file_that_has_changed_meanwhile_begins_anew() {
    let (folder, hub) = (folder(), Hub::with(&base()));
    pull_until(folder.path(), &hub, 200_000);
    hub.asked();
    let mut changed = hub.contents().files[UNET].clone();
    *changed.last_mut().unwrap() ^= 1;
    hub.contents().files.insert(UNET.to_owned(), changed);
    report(&pull(folder.path(), &hub, &["--json"]));
    assert!(hub.asked().contains(&(UNET.to_owned(), None)));
    assert_eq!(pulled(folder.path()), hub.contents().files);
}

#[test]
fn a_new_version_takes_the_place_of_the_old_one_only_when_all_of_it_is_there() {
    let (folder, hub) = (folder(), Hub::with(&base()));
    report(&pull(folder.path(), &hub, &["--json"]));
    let mut changed = hub.contents().files[UNET].clone();
    *changed.last_mut().unwrap() ^= 1;
    hub.contents().files.insert(UNET.to_owned(), changed);
    pull_until(folder.path(), &hub, 1000);
    draw(folder.path(), &["--model", "model", "--no-refiner", "-o", "a.png"]);
    report(&pull(folder.path(), &hub, &["--json"]));
    assert_eq!(pulled(folder.path()), hub.contents().files);
    draw(folder.path(), &["--model", "model", "--no-refiner", "-o", "b.png"]);
}

#[test]
fn content_that_is_not_what_was_promised_is_removed() {
    let (folder, hub) = (folder(), Hub::with(&base()));
    for path in [UNET, INDEX] {
        let mut other = hub.contents().files[path].clone();
        *other.last_mut().unwrap() ^= 1;
        let found = hexadecimal(&Sha256::digest(&other));
        let promised = hexadecimal(&Sha256::digest(&hub.contents().files[path]));
        hub.contents().swapped = [(path.to_owned(), other)].into();
        let refused = pull(folder.path(), &hub, &[]);
        let values: &[&str] = if path == UNET { &[&found, &promised] } else { &["git SHA-1"] };
        let words = [&[path, "removed"], values].concat();
        assert_refused(&refused, 1, &words, folder.path(), &["model"]);
        assert_eq!(unfinished(folder.path()).is_some(), path != UNET);
        assert!(!folder.path().join("model").join(INDEX).exists());
    }
    hub.contents().swapped.clear();
    report(&pull(folder.path(), &hub, &["--json"]));
    assert_eq!(pulled(folder.path()), files_of(&base()));
}

#[test]
fn refusals_say_what_to_do() {
    let (folder, hub) = (folder(), Hub::with(&base()));
    let page = format!("{}/{REPOSITORY}", hub.endpoint());
    for (status, code, words) in [
        (403, "GatedRepo", ["403", &page, "licence", "HF_TOKEN"]),
        (401, "GatedRepo", ["401", &page, "licence", "HF_TOKEN"]),
        (401, "RepoNotFound", ["401", &page, "no such repository", "HF_TOKEN"]),
        (404, "RepoNotFound", ["404", &page, "no such repository", "written"]),
        (503, "", ["503", REPOSITORY, "given up at try 6", "later"]),
    ] {
        hub.contents().refusal = Some((status, code));
        assert_refused(&pull(folder.path(), &hub, &[]), 1, &words, folder.path(), &[]);
    }
    hub.contents().refusal = None;
    let refused = pull(folder.path(), &hub, &["--revision", "v9"]);
    assert_refused(&refused, 1, &["404", "v9", "no such revision"], folder.path(), &[]);
    report(&pull(folder.path(), &hub, &["--json", "--revision", "refs/pr/1"]));
    let to_nowhere = |endpoint: &str, source: &str| {
        program::run(easel(folder.path(), &["pull", source, "-o", "other"]).env("HF_ENDPOINT", endpoint))
    };
    assert_refused(&to_nowhere("nonsense", REPOSITORY), 2, &["HF_ENDPOINT", "nonsense"], folder.path(), &["model"]);
    for source in ["sdxl", "../x", "https://huggingface.co/a/b", "s3://bucket", "a/b/model.ckpt"] {
        let refused = to_nowhere(&hub.endpoint(), source);
        assert_refused(&refused, 2, &[source, "owner/name", "s3://bucket/prefix"], folder.path(), &["model"]);
    }
}

#[test]
fn only_checkpoints_that_are_named_and_safe_names_are_fetched() {
    let (folder, hub) = (folder(), Hub::start());
    let weights = checkpoint();
    hub.contents().files = [("model.ckpt".to_owned(), b"a pickle".to_vec())].into();
    assert_refused(&pull(folder.path(), &hub, &[]), 1, &[REPOSITORY, "pickles"], folder.path(), &[]);
    hub.contents().files.insert("../evil.safetensors".to_owned(), weights.clone());
    assert_refused(&pull(folder.path(), &hub, &[]), 1, &["../evil.safetensors", "plain path"], folder.path(), &[]);
    hub.contents().files.remove("../evil.safetensors");
    hub.contents().files.insert("a/demo.safetensors".to_owned(), weights.clone());
    hub.contents().files.insert("other.safetensors".to_owned(), weights.clone());
    let several = ["several", "a/demo.safetensors", "other.safetensors"];
    assert_refused(&pull(folder.path(), &hub, &[]), 1, &several, folder.path(), &[]);
    hub.asked();
    let named = format!("hf://{REPOSITORY}@v1/a/demo.safetensors");
    let outcome = program::run(&mut with_hub(folder.path(), &hub, &["pull", &named, "-o", "model"]));
    assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(0), "model/a/demo.safetensors\n"), "{outcome:?}");
    assert_eq!(hub.asked(), [("a/demo.safetensors".to_owned(), None)]);
    draw(folder.path(), &["--model", "model/a/demo.safetensors", "--no-refiner", "-o", "a.png"]);
}

#[test]
fn a_tiny_vae_comes_and_decodes() {
    let (folder, hub) = (folder(), Hub::with(&demo_model().join("../tests/reference/tiny_vae")));
    let outcome = pull(folder.path(), &hub, &[]);
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    assert!(outcome.stderr.contains("--tiny-vae model"), "{outcome:?}");
    let report = draw(folder.path(), &["--tiny-vae", "model", "-o", "a.png"]);
    assert_eq!(report["tiny_vae"], "model");
}

#[test]
fn a_vae_comes_and_decodes() {
    let (folder, hub) = (folder(), Hub::with(&demo_model().join("base/vae")));
    let outcome = pull(folder.path(), &hub, &[]);
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    assert!(outcome.stderr.contains("--vae model"), "{outcome:?}");
    let report = draw(folder.path(), &["--vae", "model", "-o", "a.png"]);
    assert_eq!(report["vae"], "model");
}

#[test]
fn a_disk_without_room_is_told_before_the_first_byte() {
    let (folder, hub) = (folder(), Hub::with(&base()));
    hub.contents().sizes.insert(UNET.to_owned(), 1 << 60);
    let refused = pull(folder.path(), &hub, &[]);
    assert_refused(&refused, 1, &["model", "free", "needed"], folder.path(), &["model"]);
    assert_eq!(hub.asked(), []);
}

/// A limit on the size of files stands in for a full disk: writing fails in the middle.
#[cfg(unix)]
#[test]
fn what_is_there_when_the_disk_is_full_is_kept() {
    let (folder, s3) = (folder(), Embedded::start());
    files_of(&base()).iter().for_each(|(path, content)| s3.put(&format!("demo/{path}"), content));
    let source = format!("s3://{BUCKET}/demo");
    let limited = "trap '' XFSZ; ulimit -f 4000; exec \"$@\"";
    let mut shell = Command::new("sh");
    program::isolate(&mut shell).current_dir(folder.path()).args(["-c", limited, "sh", env!("CARGO_BIN_EXE_easel")]);
    let refused = program::run(s3.with(shell.args(["pull", &source, "-o", "model"])));
    assert_refused(&refused, 1, &["writing", "make room", "kept"], folder.path(), &["model"]);
    let first = report(&program::run(s3.with(&mut easel(folder.path(), &["pull", &source, "-o", "model", "--json"]))));
    let unet = first["files"].as_array().unwrap().iter().find(|file| file["path"] == UNET).unwrap();
    let [bytes, fetched] = ["bytes", "fetched_bytes"].map(|name| unet[name].as_u64().unwrap());
    assert!(0 < fetched && fetched < bytes, "{unet}");
    assert_eq!(unet["checked_by"], "MD5");
    assert_eq!(pulled(folder.path()), files_of(&base()));
}

#[test]
fn two_at_once_fetch_every_file_once() {
    let (folder, hub) = (folder(), Hub::with(&base()));
    let start = || {
        let mut command = with_hub(folder.path(), &hub, &["pull", REPOSITORY, "-o", "model"]);
        command.stderr(Stdio::null()).stdout(Stdio::null()).spawn().unwrap()
    };
    let children = [start(), start(), start()];
    assert!(children.into_iter().all(|mut child| child.wait().unwrap().success()));
    assert_eq!(hub.asked().len(), files_of(&base()).len());
    assert_eq!(pulled(folder.path()), files_of(&base()));
}

#[test]
fn folders_with_something_else_in_them_stay_as_they_are() {
    let (folder, hub) = (folder(), Hub::with(&base()));
    fs::create_dir(folder.path().join("model")).unwrap();
    fs::write(folder.path().join("model/letter.txt"), "dear").unwrap();
    let refused = pull(folder.path(), &hub, &[]);
    assert_refused(&refused, 1, &["model", "other files", "new folder"], folder.path(), &["model"]);
    assert_eq!(names_in(&folder.path().join("model")), ["letter.txt"]);
    fs::remove_file(folder.path().join("model/letter.txt")).unwrap();
    report(&pull(folder.path(), &hub, &["--json"]));
    let s3 = Embedded::start();
    s3.put("demo/a.safetensors", b"weights");
    let source = format!("s3://{BUCKET}/demo");
    let refused = program::run(s3.with(&mut easel(folder.path(), &["pull", &source, "-o", "model"])));
    assert_refused(&refused, 1, &["model", REPOSITORY, "another folder"], folder.path(), &["model"]);
    assert_eq!(pulled(folder.path()), files_of(&base()));
}

#[test]
fn a_packed_model_comes_from_s3_and_is_found_the_next_time() {
    let (folder, s3) = (folder(), Embedded::start());
    convert(folder.path(), "int8", "int8");
    let files = files_of(&folder.path().join("int8"));
    files.iter().for_each(|(path, content)| s3.put(&format!("models/demo-int8/{path}"), content));
    s3.put("models/demo-int8-other/unet/packed.safetensors", b"of another model");
    draw(folder.path(), &["--model", "int8", "--no-refiner", "-o", "here.png"]);
    let source = format!("s3://{BUCKET}/models/demo-int8");
    let arguments = [&["generate", PROMPT, "--json", "--no-refiner", "--model", &source], &SMALL[..]].concat();
    let generate = |name: &str| {
        let mut command = easel(folder.path(), &[&arguments[..], &["-o", name]].concat());
        command.env("EASEL_CACHE", folder.path().join("cache"));
        command
    };
    let first = program::run(s3.with(&mut generate("first.png")));
    assert_eq!(report(&first)["model"], "demo-int8");
    assert!(first.stderr.contains("packed.safetensors"), "{first:?}");
    drop(s3);
    let second = program::run(&mut generate("second.png"));
    assert_eq!(report(&second)["model"], "demo-int8");
    for name in ["first.png", "second.png"] {
        assert_eq!(image(folder.path(), name), image(folder.path(), "here.png"));
    }
}

#[test]
fn a_model_of_the_hub_is_found_the_next_time_without_asking() {
    let (folder, hub) = (folder(), Hub::with(&base()));
    let refiner = Hub::with(&demo_model().join("refiner"));
    let model = format!("hf://{REPOSITORY}");
    for is_first in [true, false] {
        let arguments = [&["generate", PROMPT, "--json", "--no-refiner", "-o", "a.png"], &SMALL[..]].concat();
        let mut command = with_hub(folder.path(), &hub, &arguments);
        command.env("EASEL_CACHE", folder.path().join("cache")).env("EASEL_MODEL", &model);
        assert_eq!(report(&program::run(&mut command))["model"], "demo-1.0");
        assert_eq!(hub.calls() > 0, is_first);
    }
    let outcome = program::run(&mut with_hub(folder.path(), &refiner, &["pull", REPOSITORY, "-o", "refiner"]));
    assert!(outcome.stderr.contains("--refiner refiner"), "{outcome:?}");
    let nowhere = ["generate", PROMPT, "--model", &model];
    let refused = program::run(with_hub(folder.path(), &hub, &nowhere).env("EASEL_CACHE", "none"));
    let files = ["a.png", "cache", "refiner"];
    assert_refused(&refused, 2, &["--model", &model, "EASEL_CACHE"], folder.path(), &files);
}

#[test]
fn s3_checks_what_it_has_a_checksum_of() {
    let (folder, s3) = (folder(), WithHeaders::start());
    let weights = checkpoint();
    let parts = ("etag", "\"0123456789abcdef0123456789abcdef-3\"".to_owned());
    let sha256 = |content: &[u8]| ("x-amz-checksum-sha256", BASE64_STANDARD.encode(Sha256::digest(content)));
    let whole = || ("x-amz-checksum-type", "FULL_OBJECT".to_owned());
    let pull = |name: &str| {
        let source = format!("s3://{BUCKET}/demo.safetensors");
        program::run(s3.with(&mut easel(folder.path(), &["pull", &source, "-o", name, "--json"])))
    };
    let checked_by = |name: &str| report(&pull(name))["files"][0]["checked_by"].as_str().unwrap().to_owned();
    s3.put("demo.safetensors", &weights, vec![parts.clone(), sha256(&weights), whole()]);
    assert_eq!(checked_by("one"), "SHA-256");
    s3.put("demo.safetensors", &weights, vec![parts.clone()]);
    assert_eq!(checked_by("two"), "size");
    // A checksum of the parts' checksums says nothing of the whole.
    let composite = ("x-amz-checksum-type", "COMPOSITE".to_owned());
    s3.put("demo.safetensors", &weights, vec![parts.clone(), sha256(b"others"), composite]);
    assert_eq!(checked_by("three"), "size");
    s3.put("demo.safetensors", &weights, vec![parts.clone(), sha256(b"others"), whole()]);
    let files = ["four", "one", "three", "two"];
    let words = ["demo.safetensors", "SHA-256", "removed"];
    assert_refused(&pull("four"), 1, &words, folder.path(), &files);
    assert_eq!(names_in(&folder.path().join("four")), [RECORD]);
    let missing = program::run(s3.with(&mut easel(folder.path(), &["pull", "s3://models/nothing", "-o", "five"])));
    assert_refused(&missing, 1, &["s3://models/nothing", "no objects", "prefix"], folder.path(), &files);
}
