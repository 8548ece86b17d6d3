//! Running the command and looking at what it left behind.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

pub(crate) use easel_test_support::program::{self, CommandOutput};
use serde_json::Value;
use tempfile::TempDir;

pub(crate) const PROMPT: &str = "a large red heart on a blue background";
/// Small and short, so that an image takes a moment.
pub(crate) const SMALL: [&str; 8] = ["--width", "64", "--height", "64", "--steps", "2", "--seed", "1"];

/// The command in `folder`, without anything from this process's environment that it listens to.
pub(crate) fn easel(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = program::easel(arguments);
    command.current_dir(folder);
    command
}

/// Runs the command in `folder` to its end.
pub(crate) fn run(folder: &Path, arguments: &[&str]) -> CommandOutput {
    program::run(&mut easel(folder, arguments))
}

/// Draws `PROMPT` in small on the CPU into `folder`, and returns the report.
pub(crate) fn draw(folder: &Path, arguments: &[&str]) -> Value {
    let outcome = run(folder, &[&["generate", PROMPT, "--json", "--device", "flex"], &SMALL[..], arguments].concat());
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    serde_json::from_str(&outcome.stdout).unwrap()
}

/// The command refused with `code` and one line that has all of `words`, and left nothing in `folder` but `files`.
#[track_caller]
pub(crate) fn assert_refused(outcome: &CommandOutput, code: i32, words: &[&str], folder: &Path, files: &[&str]) {
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
