//! The configurations of a model as they are written in its files.

use std::collections::BTreeMap;

/// The key of `model_index.json` in [`ConfigTexts`].
pub(super) const MODEL_INDEX: &str = "model_index";
/// The key of the scheduler's configuration in [`ConfigTexts`].
pub(super) const SCHEDULER: &str = "scheduler";

/// The JSON text of every configuration, by `model_index`, `scheduler` or the component's folder.
pub(super) type ConfigTexts = BTreeMap<&'static str, String>;
