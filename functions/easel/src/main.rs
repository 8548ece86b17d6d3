//! The `easel` command: pictures from prompts with SDXL, on this machine.

mod arguments;
mod bench;
mod convert;
mod demo_model;
mod doctor;
mod failure;
mod generate;
mod interruption;
mod model_choice;
mod output;
mod output_files;
mod parameters_text;
mod picture;
mod progress;
mod random_model;
mod record;
mod report;
mod units;

use std::process::ExitCode;

use arguments::{Arguments, Command};
use failure::Failure;

fn main() -> ExitCode {
    failure::report(run)
}

fn run() -> Result<(), Failure> {
    let Some(arguments) = Arguments::read()? else { return Ok(()) };
    output::start_log()?;
    interruption::listen()?;
    match arguments.command {
        Command::Generate(arguments) => generate::run(*arguments),
        Command::Doctor(arguments) => doctor::run(&arguments),
        Command::Bench(arguments) => bench::run(&arguments),
        Command::RandomModel(arguments) => random_model::run(&arguments),
        Command::Convert(arguments) => convert::run(&arguments),
    }
}
