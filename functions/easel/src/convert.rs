//! `easel convert`: a model in another layout or number format.

use easel_model::Precision;
use easel_model::weights::{ModelFiles, WeightType, save_folder, save_single_file};

use crate::arguments::ConvertArguments;
use crate::failure::Failure;
use crate::output;
use crate::output_files::write_new;

/// Reads the model and writes the new one.
pub(crate) fn run(arguments: &ConvertArguments) -> Result<(), Failure> {
    let precision: Option<Precision> = arguments.precision.as_deref().map(str::parse).transpose()?;
    let weight_type = precision.map(|precision| match precision {
        Precision::F32 => WeightType::F32,
        Precision::Bf16 => WeightType::BF16,
        Precision::F16 => WeightType::F16,
    });
    let model = ModelFiles::open(&arguments.model)?;
    let extension = arguments.output.extension();
    let is_single_file = extension.is_some_and(|extension| extension.eq_ignore_ascii_case("safetensors"));
    write_new(&arguments.output, |path| {
        let save = if is_single_file { save_single_file } else { save_folder };
        Ok(save(&model, path, weight_type)?)
    })?;
    output::result(&arguments.output.display().to_string())
}
