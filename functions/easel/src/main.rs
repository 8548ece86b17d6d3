//! The `easel` command: images from prompts with SDXL, on this machine.

mod access;
mod arguments;
mod backup;
mod bench;
mod cache;
mod client;
mod command_error;
mod convert;
mod demo;
mod doctor;
mod generate;
mod interruption;
mod output;
mod output_files;
mod progress;
mod pull;
mod random_model;
mod report;
mod serve;
mod styles_file;
mod token;
mod units;
mod upscale;
mod validate;

use std::process::ExitCode;

use arguments::{Arguments, Command};
use command_error::CommandError;

fn main() -> ExitCode {
    easel_model::answer_probe().unwrap_or_else(|| command_error::report(run))
}

fn run() -> Result<(), CommandError> {
    let Some(arguments) = Arguments::read()? else { return Ok(()) };
    output::start_log()?;
    // The service finishes its step when it is stopped; every other command ends at once.
    if !matches!(arguments.command, Command::Serve(_)) {
        interruption::listen()?;
    }
    match arguments.command {
        Command::Generate(arguments) => generate::run(*arguments),
        Command::Serve(arguments) => serve::run(&arguments),
        Command::Token(arguments) => token::run(&arguments),
        Command::Backup(arguments) => backup::run(&arguments),
        Command::Restore(arguments) => backup::restore(&arguments),
        Command::Submit(arguments) => client::submit(&arguments),
        Command::List(arguments) => client::list(&arguments),
        Command::Show(arguments) => client::show(&arguments),
        Command::History(arguments) => client::history(&arguments),
        Command::Approve(arguments) => client::approve(&arguments),
        Command::Reject(arguments) => client::reject(&arguments),
        Command::Publish(arguments) => client::publish(&arguments),
        Command::Unpublish(arguments) => client::unpublish(&arguments),
        Command::Cancel(arguments) => client::cancel(&arguments),
        Command::Retry(arguments) => client::retry(&arguments),
        Command::Reopen(arguments) => client::reopen(&arguments),
        Command::Comment(arguments) => client::comment(&arguments),
        Command::Comments(arguments) => client::comments(&arguments),
        Command::Label(arguments) => client::label(&arguments),
        Command::Queue(arguments) => client::queue(&arguments),
        Command::Collections(arguments) => client::collections(&arguments),
        Command::Collect(arguments) => client::collect(&arguments),
        Command::Download(arguments) => client::download(&arguments),
        Command::Styles(arguments) => client::styles(&arguments),
        Command::Erase(arguments) => client::erase(&arguments),
        Command::Validate(arguments) => validate::run(&arguments),
        Command::Demo(arguments) => demo::run(&arguments),
        Command::Doctor(arguments) => doctor::run(&arguments),
        Command::Bench(arguments) => bench::run(&arguments),
        Command::RandomModel(arguments) => random_model::run(&arguments),
        Command::Upscale(arguments) => upscale::run(arguments),
        Command::Convert(arguments) => convert::run(&arguments),
        Command::Pull(arguments) => pull::run(&arguments),
    }
}
