//! A question that another process answers, because the answer may end it.

use std::io::Read;
use std::process::{Command, Stdio};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// How often it is looked whether the process has ended.
const INTERVAL: Duration = Duration::from_millis(5);

/// Runs `command` for at most `patience`; its last line of output is the answer. Once there is one, how the process ends
/// does not matter: drivers are known to crash while they are unloaded.
///
/// # Errors
/// The process gave no answer, with how it ended and the last line that it wrote about that.
pub(super) fn ask(mut command: Command, patience: Duration) -> Result<String, String> {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|error| format!("the driver cannot be probed: {error}"))?;
    let (answer, complaints) = (read(child.stdout.take()), read(child.stderr.take()));
    let began = Instant::now();
    let status = loop {
        match child.try_wait().map_err(|error| format!("the driver cannot be probed: {error}"))? {
            Some(status) => break status,
            None if began.elapsed() < patience => thread::sleep(INTERVAL),
            None => {
                // Nothing more can be done about a process that does not end, and nobody waits for what it writes.
                let _ = child.kill().and_then(|()| child.wait());
                return Err(format!("the driver gave no answer within {} s", patience.as_secs_f64()));
            }
        }
    };
    match answer.join().unwrap_or_default().lines().last() {
        Some(line) => Ok(line.to_owned()),
        None => {
            let complaints = complaints.join().unwrap_or_default();
            let last = complaints.lines().rfind(|line| !line.trim().is_empty() && !line.starts_with("note: "));
            let last = last.map(|line| format!(", its last words: {}", line.trim())).unwrap_or_default();
            Err(format!("the driver ended the process that probed it ({status}){last}"))
        }
    }
}

/// Reads everything in a thread of its own, so that the process never waits for room in a pipe.
fn read(stream: Option<impl Read + Send + 'static>) -> JoinHandle<String> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        // What was read before an error is what there is.
        let _ = stream.map(|mut stream| stream.read_to_end(&mut bytes));
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    fn ask_shell(script: &str, patience: Duration) -> Result<String, String> {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        ask(command, patience)
    }

    #[test]
    fn an_answer_counts_and_a_process_without_one_says_how_it_ended() {
        let long = Duration::from_secs(60);
        assert_eq!(ask_shell("echo chatter; echo '{}'", long).as_deref(), Ok("{}"));
        assert_eq!(ask_shell("echo '{}'; kill -SEGV $$", long).as_deref(), Ok("{}"), "it crashed afterwards");
        // More than a pipe holds.
        assert_eq!(ask_shell("yes | head -n 200000 >&2; echo '{}'", long).as_deref(), Ok("{}"));
        let crashed = ask_shell("kill -SEGV $$", long).expect_err("no answer");
        assert!(crashed.contains("SIGSEGV"), "{crashed}");
        let panicked = "echo 'shader: wrong pointer' >&2; echo 'note: run with a backtrace' >&2; exit 101";
        let panicked = ask_shell(panicked, long).expect_err("no answer");
        assert!(panicked.contains("101") && panicked.ends_with("its last words: shader: wrong pointer"), "{panicked}");
    }

    #[test]
    fn a_process_that_never_answers_is_ended() {
        let stuck = ask_shell("exec sleep 1000", Duration::from_millis(50)).expect_err("no answer");
        assert_eq!(stuck, "the driver gave no answer within 0.05 s");
        let missing = ask(Command::new("/nowhere/easel"), Duration::from_secs(1)).expect_err("no program");
        assert!(missing.starts_with("the driver cannot be probed: "), "{missing}");
    }
}
