//! What a model predicts, where only its name says so.

use super::ModelFiles;
use super::single_file::CONFIG_KEY;
use crate::error::Result;
use crate::scheduler::{PredictionChoice, PredictionType, SchedulerConfig};

/// What the `name` of a single file without a marker says that it predicts, and the name that says so.
///
/// # Errors
/// The file cannot be read.
pub(super) fn prediction_in_name(
    files: &ModelFiles,
    name: String,
    scheduler: &SchedulerConfig,
) -> Result<Option<(PredictionChoice, String)>> {
    if files.is_folder() || scheduler.prediction_type != PredictionType::Epsilon {
        return Ok(None);
    }
    let metadata = files.metadata()?;
    if metadata.contains_key(CONFIG_KEY) {
        return Ok(None);
    }
    if let Some(told) = metadata.get("modelspec.prediction_type") {
        let says_velocity = told.eq_ignore_ascii_case("v") || told.eq_ignore_ascii_case("v_prediction");
        let choice = says_velocity.then(|| PredictionChoice::of_name("v_prediction")).flatten();
        return Ok(choice.map(|choice| (choice, name)));
    }
    let names = [Some(name), metadata.get("modelspec.title").cloned()];
    let told = names.into_iter().flatten().find_map(|name| Some((PredictionChoice::of_name(&name)?, name)));
    Ok(told)
}
