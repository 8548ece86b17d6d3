//! What a client sends to ask for images: the settings of the generation, and labels to find the task by.

use easel_settings::{Field, FieldError, PromptSyntax, SETTINGS, Settings};
use serde_json::{Map, Value};

use crate::error::{Error, Result};
use crate::labels::{LABELS, Labels};

/// Seeds that are drawn are whole numbers that every JSON reader keeps exactly, and that other tools take.
const DRAWN_SEEDS: u64 = u32::MAX as u64;
/// How a prompt is read where nobody says: it is what prompts for SDXL are written for. It is kept with the task.
const USUAL_SYNTAX: PromptSyntax = PromptSyntax::A1111;

/// A request for images. Only the prompt is needed; what is left out is the model's own default.
#[derive(Debug, Clone, PartialEq)]
pub struct TaskRequest {
    /// What to generate; the seed is drawn if none was given.
    pub settings: Settings,
    /// Labels.
    pub labels: Labels,
}

impl TaskRequest {
    /// Every field of a request.
    #[must_use]
    pub fn fields() -> Vec<Field> {
        [SETTINGS, LABELS].concat()
    }

    /// Reads a request.
    ///
    /// # Errors
    /// Returns [`Error::Invalid`] with everything that is wrong.
    pub fn read(object: Map<String, Value>) -> Result<Self> {
        let (mut settings, labels) = Settings::read_with(LABELS, object, draw_seed()).map_err(Error::Invalid)?;
        settings.prompt_syntax.get_or_insert(USUAL_SYNTAX);
        let labels = serde_json::from_value(Value::Object(labels));
        let labels = labels.map_err(|error| Error::Invalid(vec![FieldError::new("labels", error.to_string())]))?;
        Ok(Self { settings, labels })
    }
}

/// Reads what a new attempt changes in the settings of the one before; see [`Settings::read_changes`].
///
/// # Errors
/// Returns [`Error::Invalid`] with everything that is wrong.
pub fn read_changes(before: &Settings, object: Map<String, Value>) -> Result<Settings> {
    let asks_for_the_usual = object.get("prompt_syntax").is_some_and(Value::is_null);
    let mut settings = before.read_changes(object, draw_seed()).map_err(Error::Invalid)?;
    if asks_for_the_usual {
        settings.prompt_syntax = Some(USUAL_SYNTAX);
    }
    Ok(settings)
}

/// A seed at random.
#[must_use]
pub fn draw_seed() -> u64 {
    rand::random_range(0..=DRAWN_SEEDS)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(value: Value) -> Result<TaskRequest> {
        let Value::Object(object) = value else { panic!("an object") };
        TaskRequest::read(object)
    }

    #[test]
    fn settings_and_labels_are_read_from_one_object() {
        let request =
            read(json!({"prompt": "a heart", "steps": 4, "title": "Heart", "tags": ["red"]})).expect("a request");
        assert_eq!((request.settings.steps, request.settings.count), (Some(4), 1));
        assert!(request.settings.seed <= DRAWN_SEEDS);
        assert_eq!(request.settings.prompt_syntax, Some(PromptSyntax::A1111));
        let plain = read(json!({"prompt": "a heart", "prompt_syntax": "plain"})).expect("a request").settings;
        assert_eq!(plain.prompt_syntax, Some(PromptSyntax::Plain));
        let Value::Object(usual) = json!({"prompt_syntax": null}) else { panic!("an object") };
        let again = read_changes(&plain, usual).expect("changes");
        assert_eq!(again.prompt_syntax, Some(PromptSyntax::A1111));
        assert_eq!(read_changes(&plain, Map::new()).expect("none").prompt_syntax, plain.prompt_syntax);
        assert_eq!(request.labels.title.as_deref(), Some("Heart"));
        assert_eq!(request.labels.tags, ["red"]);
        assert!(request.labels.metadata.is_empty());
    }

    #[test]
    fn everything_that_is_wrong_is_said_at_once() {
        let Err(Error::Invalid(errors)) = read(json!({"steps": 0, "tags": [""], "colour": "red"})) else {
            panic!("it is wrong")
        };
        let fields: Vec<_> = errors.iter().map(|error| error.field.as_str()).collect();
        assert_eq!(fields, ["prompt", "steps", "tags[0]", "colour"]);
    }
}
