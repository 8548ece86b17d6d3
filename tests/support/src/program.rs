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
#[must_use]
pub fn easel(arguments: &[&str]) -> Command {
    let mut command = Command::new(path());
    isolate(&mut command).args(arguments);
    command
}

/// Takes from a command's environment what `easel` listens to, and gives it a cache of its own.
pub fn isolate(command: &mut Command) -> &mut Command {
    for (name, _) in std::env::vars_os() {
        if ["EASEL_", "AWS_", "HF_"].iter().any(|prefix| name.to_string_lossy().starts_with(prefix)) {
            command.env_remove(name);
        }
    }
    let target = path().ancestors().nth(2).expect("target/debug/easel").to_owned();
    command.env("XDG_CACHE_HOME", target.join("tmp/cache"))
}

/// The program's file.
#[must_use]
pub fn path() -> PathBuf {
    let path = std::env::var_os("CARGO_BIN_EXE_easel");
    path.expect("cargo says where the program is: only tests and benchmarks of its package can run it").into()
}

/// What a command left behind.
#[derive(Debug)]
pub struct CommandOutput {
    /// The exit code; nothing if a signal ended it.
    pub code: Option<i32>,
    /// What it printed.
    pub stdout: String,
    /// What it complained of.
    pub stderr: String,
}

/// Runs a command to its end.
pub fn run(command: &mut Command) -> CommandOutput {
    let output = command.output().expect("the program runs");
    CommandOutput {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).expect("text"),
        stderr: String::from_utf8(output.stderr).expect("text"),
    }
}

/// A running `easel serve` and the folder that it keeps everything in.
#[derive(Debug)]
pub struct ServeProcess {
    child: Child,
    folder: TempDir,
    options: Vec<&'static str>,
}

impl ServeProcess {
    /// Starts the service on a fresh folder; what it prints once it is ready comes with it.
    #[must_use]
    pub fn start(options: &[&'static str]) -> (Self, String) {
        Self::start_in(TempDir::new().expect("a folder"), options)
    }

    /// Starts the service on the folder `data` in this one.
    #[must_use]
    pub fn start_in(folder: TempDir, options: &[&'static str]) -> (Self, String) {
        let (child, ready) = serve(folder.path(), options);
        (Self { child, folder, options: options.to_vec() }, ready)
    }

    /// Ends the service as a power cut would.
    pub fn kill(&mut self) {
        self.child.kill().expect("it can be killed");
        self.child.wait().expect("it ends");
    }

    /// Starts the service again on the same folder, after [`ServeProcess::kill`].
    pub fn start_again(&mut self) -> String {
        let (child, ready) = serve(self.folder.path(), &self.options);
        self.child = child;
        ready
    }

    /// The service's data.
    #[must_use]
    pub fn data(&self) -> PathBuf {
        data(self.folder.path())
    }
}

impl Drop for ServeProcess {
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
