//! The `easel` program: as the service, and as a command.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use tempfile::TempDir;

/// Far longer than a start takes.
const START: Duration = Duration::from_secs(120);

/// The program without anything from this process's environment that it listens to.
pub(crate) fn easel(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_easel"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("EASEL_") || name.to_string_lossy().starts_with("AWS_") {
            command.env_remove(name);
        }
    }
    command.env("XDG_CACHE_HOME", concat!(env!("CARGO_TARGET_TMPDIR"), "/cache")).args(arguments);
    command
}

/// What a command left behind.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Runs a command to its end.
pub(crate) fn run(command: &mut Command) -> Outcome {
    let output = command.output().expect("the program runs");
    Outcome {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).expect("text"),
        stderr: String::from_utf8(output.stderr).expect("text"),
    }
}

/// A running `easel serve` and the folder that it keeps everything in.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    folder: TempDir,
    options: Vec<&'static str>,
}

impl Process {
    /// Starts the service on a fresh folder; what it prints once it is ready comes with it.
    pub(crate) fn start(options: &[&'static str]) -> (Self, String) {
        let folder = TempDir::new().expect("a folder");
        let (child, ready) = serve(folder.path(), options);
        (Self { child, folder, options: options.to_vec() }, ready)
    }

    /// Ends the service as a power cut would.
    pub(crate) fn kill(&mut self) {
        self.child.kill().expect("it can be killed");
        self.child.wait().expect("it ends");
    }

    /// Starts the service again on the same folder, after [`Process::kill`].
    pub(crate) fn start_again(&mut self) -> String {
        let (child, ready) = serve(self.folder.path(), &self.options);
        self.child = child;
        ready
    }

    /// The service's data.
    pub(crate) fn data(&self) -> PathBuf {
        data(self.folder.path())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the service's log:\n{}", log_end(self.folder.path()));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn serve(folder: &Path, options: &[&str]) -> (Child, String) {
    let data = data(folder);
    let data = data.to_str().expect("a name in UTF-8");
    let log = File::options().create(true).append(true).open(log(folder)).expect("a log");
    let arguments = ["serve", "--json", "--listen", "127.0.0.1:0", "--device", "flex", "--data", data];
    let mut child = easel(&[&arguments, options].concat())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(log)
        .spawn()
        .expect("the service starts");
    let stdout = child.stdout.take().expect("piped");
    let (send, first_line) = mpsc::channel();
    // Reads on after the first line, so that the service can always write.
    std::thread::spawn(move || {
        BufReader::new(stdout).lines().map_while(Result::ok).for_each(|line| drop(send.send(line)))
    });
    match first_line.recv_timeout(START) {
        Ok(ready) => (child, ready),
        Err(error) => {
            let _ = child.kill();
            let status = child.wait();
            panic!("the service is not ready: {error}, {status:?}\n{}", log_end(folder));
        }
    }
}

fn data(folder: &Path) -> PathBuf {
    folder.join("data")
}

fn log(folder: &Path) -> PathBuf {
    folder.join("log")
}

fn log_end(folder: &Path) -> String {
    let log = fs::read_to_string(log(folder)).unwrap_or_default();
    let lines: Vec<_> = log.lines().collect();
    lines[lines.len().saturating_sub(60)..].join("\n")
}
