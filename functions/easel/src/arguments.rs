//! What can be said on the command line.

pub(crate) mod computation;
pub(crate) mod controls;
pub(crate) mod embeddings;
pub(crate) mod enlargement;
pub(crate) mod fields;
pub(crate) mod hires;
pub(crate) mod image_prompts;
pub(crate) mod inpainting;
pub(crate) mod loras;
pub(crate) mod models;
pub(crate) mod offers;

use std::ffi::{OsStr, OsString};

use clap::builder::Resettable;
use clap::error::ErrorKind;
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::backup::{BackupArguments, RestoreArguments};
use crate::bench::BenchArguments;
use crate::client::{
    ApproveArguments, CollectArguments, CollectionsArguments, CommentArguments, CommentsArguments, DownloadArguments,
    EraseArguments, HistoryArguments, LabelArguments, ListArguments, QueueArguments, ReasonArguments, RejectArguments,
    ReopenArguments, RetryArguments, ShowArguments, StylesArguments, SubmitArguments, TaskArguments,
};
use crate::command_error::CommandError;
use crate::convert::ConvertArguments;
use crate::demo::DemoArguments;
use crate::doctor::DoctorArguments;
use crate::generate::GenerateArguments;
use crate::output;
use crate::pull::PullArguments;
use crate::random_model::RandomModelArguments;
use crate::serve::ServeArguments;
use crate::token::TokenArguments;
use crate::upscale::UpscaleArguments;
use crate::validate::ValidateArguments;

/// Images from prompts with SDXL, on this machine.
#[derive(Debug, Parser)]
#[command(name = "easel", version, arg_required_else_help = true, args_override_self = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Generate images from a prompt
    Generate(Box<GenerateArguments>),
    /// Run the service on this machine: tasks, approval, generation, with nothing else to install
    Serve(Box<ServeArguments>),
    /// Create a token for the service of this machine
    Token(TokenArguments),
    /// Copy everything that the service of this machine keeps, also while it runs; or check such a copy
    Backup(BackupArguments),
    /// Make a data folder of a backup
    Restore(RestoreArguments),
    /// Request images from a service, show progress, save them
    Submit(Box<SubmitArguments>),
    /// List a service's tasks
    List(ListArguments),
    /// Show a task, save its images
    Show(ShowArguments),
    /// Show what happened to a task, check that its history is as it was written
    History(HistoryArguments),
    /// Approve a task's images
    Approve(ApproveArguments),
    /// Reject a task's images
    Reject(RejectArguments),
    /// Make a task's images public
    Publish(TaskArguments),
    /// Take a task's public images away
    Unpublish(ReasonArguments),
    /// Cancel a task
    Cancel(ReasonArguments),
    /// Ask for a further attempt at a task, with other settings where they are given
    Retry(Box<RetryArguments>),
    /// Take back an approval, a rejection, a cancellation or, within seven days, a deletion
    Reopen(ReopenArguments),
    /// Comment on a task or on one of its images
    Comment(CommentArguments),
    /// List the comments on a task
    Comments(CommentsArguments),
    /// Change the title or the tags of tasks
    Label(LabelArguments),
    /// Show what waits to be drawn, pause or resume all of it, have a task drawn first
    Queue(QueueArguments),
    /// List collections of images
    Collections(CollectionsArguments),
    /// Put a task's images into a collection, or take them out
    Collect(CollectArguments),
    /// Save a collection's images as a ZIP file, with the settings beside each
    Download(DownloadArguments),
    /// List styles, save or remove one
    Styles(StylesArguments),
    /// Remove every task, image and upload of a person for good
    Erase(EraseArguments),
    /// Check that everything is ready: device, model, table, bucket, queue, or a whole service
    Validate(Box<ValidateArguments>),
    /// Take an image all the way: a service of its own, a task, approval, publication
    Demo(DemoArguments),
    /// List devices, show which one would be used, and what fits in memory
    Doctor(DoctorArguments),
    /// Time a part of the model, with random weights in the real shapes (held in bf16 unless --precision says otherwise)
    Bench(BenchArguments),
    /// Write a model with random weights in the official layout, for benchmarks
    RandomModel(RandomModelArguments),
    /// Make images larger, by a network of the ESRGAN family or by resampling
    Upscale(UpscaleArguments),
    /// Save a model in another layout or number format
    Convert(ConvertArguments),
    /// Fetch a model from the Hugging Face hub or from S3, once
    Pull(PullArguments),
}

impl Arguments {
    /// These arguments, the first of which is the program's name.
    ///
    /// # Errors
    /// They are not understood, or ask for help.
    pub(crate) fn parse(line: impl IntoIterator<Item = impl Into<OsString> + Clone>) -> Result<Self, clap::Error> {
        Self::from_arg_matches(&definition().try_get_matches_from(line)?)
    }

    /// The command line; `None` if it asked for help or the version, which is printed.
    ///
    /// # Errors
    /// The command line is not understood.
    pub(crate) fn read() -> Result<Option<Self>, CommandError> {
        match Self::parse(std::env::args_os()) {
            Ok(arguments) => Ok(Some(arguments)),
            Err(error) => match error.kind() {
                ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
                    output::result(error.render().to_string().trim_end())?;
                    Ok(None)
                }
                ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
                    output::note(&error.render().to_string());
                    Err(CommandError::wrong_use("no command given; for example: easel generate \"a red heart\""))
                }
                _ => Err(CommandError::wrong_use(brief(&error.render().to_string()))),
            },
        }
    }
}

/// Every command, without the environment variables that are set to nothing, which are as good as not set.
fn definition() -> clap::Command {
    let is_empty = |name: &OsStr| std::env::var_os(name).is_some_and(|value| value.is_empty());
    Arguments::command().mut_subcommands(|command| {
        command.mut_args(|argument| match argument.get_env() {
            Some(name) if is_empty(name) => argument.env(Resettable::Reset),
            _ => argument,
        })
    })
}

/// A message of clap's without its usage lines.
fn brief(message: &str) -> String {
    let message = message.strip_prefix("error: ").unwrap_or(message);
    let parts = message.split("\n\n").map(str::trim);
    let parts = parts.filter(|part| !part.starts_with("Usage:") && !part.starts_with("For more information"));
    parts.map(|part| part.split_whitespace().collect::<Vec<_>>().join(" ")).collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definition_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn every_scheduler_is_listed() {
        let help =
            Arguments::command().find_subcommand_mut("generate").expect("it is there").render_long_help().to_string();
        let samplers = easel_settings::Sampler::ALL.iter().map(|sampler| sampler.as_str());
        let schedules = easel_settings::NoiseSchedule::ALL.iter().map(|schedule| schedule.as_str());
        for name in samplers.chain(schedules) {
            assert!(help.contains(name), "{name}");
        }
    }

    #[test]
    fn errors_are_one_line() {
        let error = Arguments::try_parse_from(["easel", "generate", "x", "--stepz", "3"]).expect_err("unknown option");
        let message = brief(&error.render().to_string());
        assert!(!message.contains('\n') && message.contains("--stepz") && !message.contains("Usage"), "{message}");
        let error = Arguments::try_parse_from(["easel", "generate"]).expect_err("no prompt");
        assert!(brief(&error.render().to_string()).contains("<PROMPT>"));
    }

    #[test]
    fn the_last_word_on_the_refiner_counts() {
        let parse = |arguments: &[&str]| match Arguments::try_parse_from(arguments).expect("valid").command {
            Command::Generate(arguments) => (arguments.models.refiner.is_some(), arguments.no_refiner),
            _ => unreachable!("generate was asked for"),
        };
        assert_eq!(parse(&["easel", "generate", "x", "--refiner", "r", "--no-refiner"]), (false, true));
        assert_eq!(parse(&["easel", "generate", "x", "--no-refiner", "--refiner", "r"]), (true, false));
    }
}
