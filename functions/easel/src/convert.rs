//! `easel convert`: a model in another layout or number format.

use easel_model::Precision;
use easel_model::weights::{Form, ModelFiles, WeightType, save_folder, save_single_file};

use crate::arguments::ConvertArguments;
use crate::failure::Failure;
use crate::output;
use crate::output_files::write_new;

/// Reads the model and writes the new one.
pub(crate) fn run(arguments: &ConvertArguments) -> Result<(), Failure> {
    let precision: Option<Precision> = arguments.precision.as_deref().map(str::parse).transpose()?;
    let model = ModelFiles::open(&arguments.model)?;
    let extension = arguments.output.extension();
    let is_single_file = extension.is_some_and(|extension| extension.eq_ignore_ascii_case("safetensors"));
    let weight_type = || precision.map(weight_type).transpose();
    if is_single_file {
        let weight_type = weight_type()?;
        write_new(&arguments.output, |path| Ok(save_single_file(&model, path, weight_type)?))?;
    } else {
        let form = match precision {
            Some(precision) if !arguments.portable => Form::Packed(precision),
            _ => weight_type()?.map_or(Form::Same, Form::Converted),
        };
        write_new(&arguments.output, |path| Ok(save_folder(&model, path, form)?))?;
    }
    output::result(&arguments.output.display().to_string())
}

/// The format that other programs know the precision by.
fn weight_type(precision: Precision) -> Result<WeightType, Failure> {
    match precision {
        Precision::F32 => Ok(WeightType::F32),
        Precision::Bf16 => Ok(WeightType::BF16),
        Precision::F16 => Ok(WeightType::F16),
        Precision::Int8 => {
            let message =
                "--precision int8: only packed folders have it; write a folder without --portable, or use bf16";
            Err(Failure::wrong_use(message))
        }
    }
}
