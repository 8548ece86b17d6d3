//! What went wrong, as one line on standard error and an exit code.

use std::fmt;
use std::panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind};
use std::process::ExitCode;
use std::sync::Mutex;

use easel_images::ImageFileError;

use crate::output;

const FAILED: u8 = 1;
const WRONG_USE: u8 = 2;

/// Why the command cannot do what it was asked to.
#[derive(Debug)]
pub(crate) struct CommandError {
    message: String,
    exit_code: u8,
}

impl CommandError {
    /// The command line asks for something that cannot be: exit code 2.
    pub(crate) fn wrong_use(message: impl Into<String>) -> Self {
        Self { message: message.into(), exit_code: WRONG_USE }
    }

    /// Files, the device or the system do not do their part: exit code 1.
    pub(crate) fn failed(message: impl Into<String>) -> Self {
        Self { message: message.into(), exit_code: FAILED }
    }

    /// The same, with what could not be done because of it in front.
    pub(crate) fn context(self, what: &str) -> Self {
        Self { message: format!("{what}: {}", self.message), ..self }
    }
}

impl fmt::Display for CommandError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)
    }
}

impl From<easel_model::Error> for CommandError {
    fn from(error: easel_model::Error) -> Self {
        let exit_code = if error.is_wrong_use() { WRONG_USE } else { FAILED };
        let message = match error {
            easel_model::Error::InvalidRequest { field, message } => format!("{}: {message}", option_of(field)),
            other => other.to_string(),
        };
        Self { message, exit_code }
    }
}

impl From<easel_storage::Error> for CommandError {
    fn from(error: easel_storage::Error) -> Self {
        match error {
            // A person at the same machine can do something about it.
            easel_storage::Error::Unavailable { service, detail } => Self::failed(format!("{service}: {detail}")),
            other => Self::failed(other.to_string()),
        }
    }
}

impl From<easel_api::ApiError> for CommandError {
    fn from(error: easel_api::ApiError) -> Self {
        Self::failed(error.to_string())
    }
}

impl From<easel_embedded::Error> for CommandError {
    fn from(error: easel_embedded::Error) -> Self {
        Self::failed(format!("--data: {error}"))
    }
}

impl From<ImageFileError> for CommandError {
    fn from(error: ImageFileError) -> Self {
        let exit_code = if error.is_wrong_use() { WRONG_USE } else { FAILED };
        Self { message: error.to_string(), exit_code }
    }
}

impl From<easel_worker::Error> for CommandError {
    fn from(error: easel_worker::Error) -> Self {
        match error {
            easel_worker::Error::WrongUse(message) => Self::wrong_use(message),
            easel_worker::Error::Failed(message) => Self::failed(message),
            easel_worker::Error::Image(error) => error.into(),
            easel_worker::Error::Model(error) => error.into(),
            easel_worker::Error::Models(error) => error.into(),
            easel_worker::Error::Service(error) => error.into(),
        }
    }
}

impl From<easel_models::Error> for CommandError {
    fn from(error: easel_models::Error) -> Self {
        match error {
            easel_models::Error::WrongUse(message) => Self::wrong_use(message),
            easel_models::Error::Failed(message) => Self::failed(message),
            easel_models::Error::Model(error) => error.into(),
        }
    }
}

/// The command line's name of a field of the model crate.
fn option_of(field: &str) -> String {
    match field {
        "prompt" | "part" => field.to_uppercase(),
        "embeddings" => "--embedding".to_owned(),
        "controls" => "--control".to_owned(),
        "image_prompts" => "--image-prompt".to_owned(),
        field => format!("--{}", field.replace('_', "-")),
    }
}

/// Where the latest panic was and what it said.
static PANIC: Mutex<Option<String>> = Mutex::new(None);

/// Runs the command; the one place that turns errors into output.
pub(crate) fn report(run: impl FnOnce() -> Result<(), CommandError>) -> ExitCode {
    // Burn reports failures of a device by panicking, and the model crate makes errors of these, so a panic is not yet
    // something to show.
    std::panic::set_hook(Box::new(|panic| {
        tracing::debug!("{panic}");
        *PANIC.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) = Some(describe(panic));
    }));
    match without_panics(run) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            output::note(&format!("easel: {}", one_line(&failure.message)));
            ExitCode::from(failure.exit_code)
        }
    }
}

/// A panic is a fault of ours, but still one line.
fn without_panics(run: impl FnOnce() -> Result<(), CommandError>) -> Result<(), CommandError> {
    catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|_| {
        let panic = PANIC.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).take();
        let panic = panic.unwrap_or_else(|| "no reason given".to_owned());
        Err(CommandError::failed(format!("a fault in Easel, please report it with the command that you ran: {panic}")))
    })
}

fn describe(panic: &PanicHookInfo<'_>) -> String {
    let message = panic.payload_as_str().unwrap_or("no reason given");
    match panic.location() {
        Some(place) => format!("{message} ({}:{})", place.file(), place.line()),
        None => message.to_owned(),
    }
}

/// Names of files may hold any character, and so may what a service says; a message stays one line and moves no cursor.
fn one_line(message: &str) -> String {
    let lines = message.split(['\n', '\r']).map(str::trim).filter(|line| !line.is_empty());
    output::escaped(&lines.collect::<Vec<_>>().join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_named_as_on_the_command_line() {
        let failure = CommandError::from(easel_model::Error::invalid("guidance_scale", "NaN is out of bounds"));
        assert_eq!(failure.message, "--guidance-scale: NaN is out of bounds");
        assert_eq!(failure.exit_code, WRONG_USE);
        assert_eq!(option_of("prompt"), "PROMPT");
    }

    #[test]
    fn a_panic_is_a_failure_to_report() {
        let failure = without_panics(|| panic!("for the test")).expect_err("it panicked");
        assert_eq!(failure.exit_code, FAILED);
        assert!(failure.message.contains("please report it"), "{}", failure.message);
    }

    #[test]
    fn a_message_is_one_line() {
        assert_eq!(one_line("a\n\n  b\r\nc\x1b[2J\td"), "a b c\\u{1b}[2J\\td");
    }
}
