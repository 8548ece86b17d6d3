//! `easel convert`: a model in another layout or number format.

use easel_model::Precision;
use easel_model::weights::{ExportFormat, ModelFiles, WeightType, save_folder, save_single_file};

use crate::command_error::CommandError;
use crate::output;
use crate::output_files::write_new;
use clap::Args;
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(crate) struct ConvertArguments {
    /// A diffusers folder or a .safetensors checkpoint
    pub(crate) model: PathBuf,
    /// What to write: a checkpoint if it ends in .safetensors, else a diffusers folder
    #[arg(short, long, value_name = "PATH")]
    pub(crate) output: PathBuf,
    /// f32, bf16, f16 or int8: a folder's weights are packed for it, so that the CPU uses them where they lie in the
    /// file [default: as they are]
    #[arg(long, value_name = "P")]
    pub(crate) precision: Option<Precision>,
    /// Only change the number format, to f32, bf16 or f16, for every program that reads diffusers folders
    #[arg(long, requires = "precision")]
    pub(crate) portable: bool,
}

/// Reads the model and writes the new one.
pub(crate) fn run(arguments: &ConvertArguments) -> Result<(), CommandError> {
    let precision = arguments.precision;
    let model = ModelFiles::open(&arguments.model)?;
    let extension = arguments.output.extension();
    let is_single_file = extension.is_some_and(|extension| extension.eq_ignore_ascii_case("safetensors"));
    let weight_type = || precision.map(weight_type).transpose();
    if is_single_file {
        let weight_type = weight_type()?;
        write_new(&arguments.output, |path| Ok(save_single_file(&model, path, weight_type)?))?;
    } else {
        let form = match precision {
            Some(precision) if !arguments.portable => ExportFormat::Packed(precision),
            _ => weight_type()?.map_or(ExportFormat::Same, ExportFormat::Converted),
        };
        write_new(&arguments.output, |path| Ok(save_folder(&model, path, form)?))?;
    }
    output::result(&arguments.output.display().to_string())
}

/// The format that other programs know the precision by.
fn weight_type(precision: Precision) -> Result<WeightType, CommandError> {
    match precision {
        Precision::F32 => Ok(WeightType::F32),
        Precision::Bf16 => Ok(WeightType::BF16),
        Precision::F16 => Ok(WeightType::F16),
        Precision::Int8 => {
            let message =
                "--precision int8: only packed folders have it; write a folder without --portable, or use bf16";
            Err(CommandError::wrong_use(message))
        }
    }
}
