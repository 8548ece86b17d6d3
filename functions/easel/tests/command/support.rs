//! Running the command and looking at what it left behind.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

pub(crate) const PROMPT: &str = "a large red heart on a blue background";
/// Small and short, so that a picture takes a moment.
pub(crate) const SMALL: [&str; 8] = ["--width", "64", "--height", "64", "--steps", "2", "--seed", "1"];

/// What a run left behind.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// The command in `folder`, without anything from this process's environment that it listens to.
pub(crate) fn easel(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_easel"));
    clean(&mut command).current_dir(folder).args(arguments);
    command
}

pub(crate) fn clean(command: &mut Command) -> &mut Command {
    for (name, _) in std::env::vars_os() {
        let ours = ["EASEL_", "AWS_", "HF_"].iter().any(|prefix| name.to_string_lossy().starts_with(prefix));
        if ours {
            command.env_remove(name);
        }
    }
    command.env("XDG_CACHE_HOME", concat!(env!("CARGO_TARGET_TMPDIR"), "/cache"))
}

pub(crate) fn outcome(command: &mut Command) -> Outcome {
    let output = command.output().unwrap();
    Outcome {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

pub(crate) fn run(folder: &Path, arguments: &[&str]) -> Outcome {
    outcome(&mut easel(folder, arguments))
}

/// Draws `PROMPT` in small on the CPU into `folder`, and returns the report.
pub(crate) fn draw(folder: &Path, arguments: &[&str]) -> Value {
    let outcome = run(folder, &[&["generate", PROMPT, "--json", "--device", "flex"], &SMALL[..], arguments].concat());
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    serde_json::from_str(&outcome.stdout).unwrap()
}

/// The command refused with `code` and one line that has all of `words`, and left nothing in `folder` but `files`.
#[track_caller]
pub(crate) fn assert_refused(outcome: &Outcome, code: i32, words: &[&str], folder: &Path, files: &[&str]) {
    assert_eq!(outcome.code, Some(code), "{outcome:?}");
    assert_eq!(outcome.stdout, "", "{outcome:?}");
    let complaints: Vec<_> = outcome.stderr.lines().filter(|line| line.starts_with("easel: ")).collect();
    assert_eq!(complaints.len(), 1, "{outcome:?}");
    assert_eq!(outcome.stderr.lines().last(), complaints.last().copied(), "{outcome:?}");
    for word in words {
        assert!(complaints[0].contains(word), "`{word}` is not in: {}", complaints[0]);
    }
    assert!(!outcome.stderr.contains("panicked") && !outcome.stderr.contains("report it"), "{outcome:?}");
    assert_eq!(names_in(folder), files);
}

pub(crate) fn names_in(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

pub(crate) fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

pub(crate) fn demo_model() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../model/demo")
}

pub(crate) fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let (from, to) = (entry.as_ref().unwrap().path(), to.join(entry.unwrap().file_name()));
        if from.is_dir() {
            copy(&from, &to);
        } else {
            fs::copy(from, to).unwrap();
        }
    }
}

pub(crate) fn text_chunks(path: &Path) -> Vec<(String, String)> {
    let decoder = png::Decoder::new(std::io::BufReader::new(fs::File::open(path).unwrap()));
    let reader = decoder.read_info().unwrap();
    let chunks = &reader.info().uncompressed_latin1_text;
    chunks.iter().map(|chunk| (chunk.keyword.clone(), chunk.text.clone())).collect()
}
