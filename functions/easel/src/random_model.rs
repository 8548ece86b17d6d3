//! `easel random-model`: weights for benchmarks, here and of peers.

use easel_model::{Precision, Shape, random_model};

use crate::arguments::RandomModelArguments;
use crate::failure::Failure;
use crate::output;
use crate::output_files::write_new;

/// Writes the folder.
pub(crate) fn run(arguments: &RandomModelArguments) -> Result<(), Failure> {
    let shape: Shape = arguments.shape.parse()?;
    let precision: Precision = arguments.precision.parse()?;
    write_new(&arguments.output, |path| Ok(random_model::write(shape, precision, path)?))?;
    output::result(&arguments.output.display().to_string())
}
