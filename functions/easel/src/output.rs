//! Standard output and standard error, either of which may be closed or full.

use std::io::{ErrorKind, Write};

use easel_system::environment::{self, LOG};
use serde::Serialize;
use tracing_subscriber::EnvFilter;

use crate::command_error::CommandError;

/// Says something to a person. Where nobody can hear it, nothing is lost.
pub(crate) fn note(text: &str) {
    let _ = writeln!(std::io::stderr(), "{}", lines(text));
}

/// Prints a result for people.
///
/// # Errors
/// Standard output cannot be written; a reader that has read enough is no error.
pub(crate) fn result(text: &str) -> Result<(), CommandError> {
    print(&lines(text))
}

/// Text that somebody else wrote, such as a prompt or a reason, as part of a line: whatever would move a cursor, set the
/// clipboard, turn the direction of writing or begin another line is shown as its code.
pub(crate) fn escaped(text: &str) -> String {
    escape(text, |_| false)
}

/// The last resort for text that was not written here: only lines end where it says so.
fn lines(text: &str) -> String {
    escape(text, |character| character == '\n')
}

fn escape(text: &str, kept: impl Fn(char) -> bool) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        if commands_terminals(character) && !kept(character) {
            safe.extend(character.escape_default());
        } else {
            safe.push(character);
        }
    }
    safe
}

/// Control characters, marks of direction (Unicode's Bidi_Control), and what separates lines.
fn commands_terminals(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
        )
}

fn print(text: &str) -> Result<(), CommandError> {
    let mut output = std::io::stdout().lock();
    match writeln!(output, "{text}").and_then(|()| output.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(CommandError::failed(format!("writing standard output: {error}")))
        }
        _ => Ok(()),
    }
}

/// Prints a result as one JSON object.
///
/// # Errors
/// As [`result`].
pub(crate) fn json(value: &impl Serialize) -> Result<(), CommandError> {
    let text = serde_json::to_string_pretty(value);
    print(&text.map_err(|error| CommandError::failed(format!("writing the report: {error}")))?)
}

/// Prints a result as one line of JSON.
///
/// # Errors
/// As [`result`].
pub(crate) fn json_line(value: &impl Serialize) -> Result<(), CommandError> {
    print(&serde_json::to_string(value).map_err(|error| CommandError::failed(error.to_string()))?)
}

/// What is logged where nothing is asked for.
const DEFAULT_FILTER: &str = "warn";

/// Sends the log to standard error, filtered by `EASEL_LOG`.
///
/// # Errors
/// `EASEL_LOG` is no filter.
pub(crate) fn start_log() -> Result<(), CommandError> {
    let filter = environment::text(LOG);
    let filter = EnvFilter::try_new(filter.as_deref().unwrap_or(DEFAULT_FILTER))
        .map_err(|error| CommandError::wrong_use(format!("EASEL_LOG: {error}; use a level such as `info`")))?;
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // A log that cannot be written must not end the work.
    let _ = log.log_internal_errors(false).try_init();
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_wrote_commands_no_terminal() {
        for (text, shown) in [
            ("a red heart, \u{1F600} schön", "a red heart, \u{1F600} schön"),
            ("\u{1b}]52;c;cm0gLXJm\u{7}", "\\u{1b}]52;c;cm0gLXJm\\u{7}"),
            ("one\ntwo\r\tthree", "one\\ntwo\\r\\tthree"),
            ("\u{9b}2J", "\\u{9b}2J"),
            ("gnp\u{202e}exe", "gnp\\u{202e}exe"),
            ("a\u{2028}b\u{2066}c\u{200f}", "a\\u{2028}b\\u{2066}c\\u{200f}"),
        ] {
            assert_eq!(escaped(text), shown);
        }
        assert_eq!(lines("one\n\u{1b}[2Jtwo"), "one\n\\u{1b}[2Jtwo");
    }
}
