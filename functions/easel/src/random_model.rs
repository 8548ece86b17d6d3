//! `easel random-model`: weights for benchmarks, here and of peers.

use easel_model::bench::random_model;
use easel_model::{Precision, Shape};

use crate::command_error::CommandError;
use crate::output;
use crate::output_files::write_new;
use clap::Args;
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(crate) struct RandomModelArguments {
    /// sdxl-base, sdxl-refiner, sdxl-inpainting or demo
    #[arg(long, value_name = "SHAPE")]
    pub(crate) shape: Shape,
    /// f32, bf16 or f16
    #[arg(long, value_name = "P", default_value = "f16")]
    pub(crate) precision: Precision,
    /// The folder to write
    #[arg(short, long, value_name = "DIR")]
    pub(crate) output: PathBuf,
}

/// Writes the folder.
pub(crate) fn run(arguments: &RandomModelArguments) -> Result<(), CommandError> {
    let (shape, precision) = (arguments.shape, arguments.precision);
    write_new(&arguments.output, |path| Ok(random_model::write(shape, precision, path)?))?;
    output::result(&arguments.output.display().to_string())
}
