//! Styles: words and settings that go with many prompts.
//!
//! They are applied as AUTOMATIC1111 applies them: where a style's text has `{prompt}`, the prompt takes its place; any
//! other text comes after the prompt, with a comma between. Whoever asks for images applies the style before the request is
//! sent, so that the task has, and shows, the prompt that is drawn.

use easel_settings::{Field, FieldError, Kind, Missing, Presence, SETTINGS};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::error::{Error, Result};

/// What the prompt takes the place of.
const PLACE: &str = "{prompt}";
/// Most characters of a style's words, and of its settings in JSON.
const MAX_WORDS: usize = 1_000;
const MAX_SETTINGS: usize = 4_000;
/// Settings that are of one image alone, and no style's.
const OF_ONE_IMAGE: [&str; 4] = ["prompt", "negative_prompt", "init_image", "seed"];

/// The fields of a style, beside its settings.
pub const STYLE: &[Field] = &[
    Field {
        name: "prompt",
        kind: Kind::text(MAX_WORDS),
        presence: Presence::Optional,
        default: "none",
        help: "Words around or after the prompt: `{prompt}` stands for it.",
    },
    Field {
        name: "negative_prompt",
        kind: Kind::text(MAX_WORDS),
        presence: Presence::Optional,
        default: "none",
        help: "Words around or after the negative prompt: `{prompt}` stands for it.",
    },
];

/// A style.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Style {
    /// Words for the prompt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompt: Option<String>,
    /// Words for the negative prompt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub negative_prompt: Option<String>,
    /// Settings, by their names.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub settings: Map<String, Value>,
}

impl Style {
    /// The settings that a style may have.
    #[must_use]
    pub fn settings() -> Vec<Field> {
        let fields = SETTINGS.iter().filter(|field| !OF_ONE_IMAGE.contains(&field.name));
        fields.map(|field| Field { presence: Presence::Optional, ..*field }).collect()
    }

    /// Reads a style.
    ///
    /// # Errors
    /// Returns [`Error::Invalid`] with everything that is wrong; a style that does nothing is wrong, too.
    pub fn read(mut object: Map<String, Value>) -> Result<Self> {
        let invalid = |field: &str, message: &str| Error::Invalid(vec![FieldError::new(field, message)]);
        let settings = match object.remove("settings") {
            None | Some(Value::Null) => Map::new(),
            Some(Value::Object(settings)) => settings,
            Some(_) => return Err(invalid("settings", "is not an object of settings")),
        };
        let words = easel_settings::read(STYLE, object, Missing::Refused);
        let settings = easel_settings::read(&Self::settings(), settings, Missing::Refused).map_err(|errors| {
            errors
                .into_iter()
                .map(|error| FieldError::new(format!("settings.{}", error.field), error.message))
                .collect()
        });
        let (words, settings) = match (words, settings) {
            (Ok(words), Ok(settings)) => (words, settings),
            (words, settings) => {
                let errors: [Vec<FieldError>; 2] =
                    [words.err().unwrap_or_default(), settings.err().unwrap_or_default()];
                return Err(Error::Invalid(errors.concat()));
            }
        };
        let text = |name: &str| words.get(name).and_then(Value::as_str).map(str::to_owned);
        let style = Self { prompt: text("prompt"), negative_prompt: text("negative_prompt"), settings };
        if serde_json::to_string(&style.settings).is_ok_and(|text| text.chars().count() > MAX_SETTINGS) {
            return Err(invalid("settings", &format!("have more than {MAX_SETTINGS} characters: leave some out")));
        }
        if style == Self::default() {
            return Err(invalid("prompt", "says nothing: name a prompt, a negative_prompt or settings"));
        }
        Ok(style)
    }

    /// The request with this style. What the request says itself holds over the style's settings.
    pub fn apply(&self, request: &mut Map<String, Value>) {
        for (name, words) in [("prompt", &self.prompt), ("negative_prompt", &self.negative_prompt)] {
            let Some(words) = words else { continue };
            let said = request.get(name).and_then(Value::as_str).unwrap_or_default();
            request.insert(name.to_owned(), Value::from(styled(words, said)));
        }
        for (name, value) in &self.settings {
            request.entry(name.clone()).or_insert_with(|| value.clone());
        }
    }
}

/// What was said, in these words.
fn styled(words: &str, said: &str) -> String {
    let said = said.trim();
    if words.contains(PLACE) {
        return words.replace(PLACE, said);
    }
    if said.is_empty() { words.to_owned() } else { format!("{said}, {words}") }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(value: Value) -> Map<String, Value> {
        let Value::Object(object) = value else { panic!("an object") };
        object
    }

    #[test]
    fn a_style_is_applied_as_others_apply_theirs() {
        let style = Style::read(object(json!({
            "prompt": "ink drawing of {prompt}, cross-hatched", "negative_prompt": "photo", "settings": {"steps": 20, "width": 64},
        })));
        let style = style.expect("a style");
        let mut request = object(json!({"prompt": "a heart", "width": 128}));
        style.apply(&mut request);
        let expected = json!({
            "prompt": "ink drawing of a heart, cross-hatched", "negative_prompt": "photo", "steps": 20, "width": 128,
        });
        assert_eq!(Value::Object(request), expected);
        let after =
            Style::read(object(json!({"prompt": "oil on canvas", "negative_prompt": "blurred"}))).expect("a style");
        let mut request = object(json!({"prompt": "a heart ", "negative_prompt": "text"}));
        after.apply(&mut request);
        assert_eq!(
            Value::Object(request),
            json!({"prompt": "a heart, oil on canvas", "negative_prompt": "text, blurred"})
        );
    }

    #[test]
    fn everything_that_is_wrong_is_said_at_once() {
        let wrong = json!({"prompt": " ", "colour": 1, "settings": {"steps": 0, "seed": 3}});
        let Err(Error::Invalid(errors)) = Style::read(object(wrong)) else { panic!("it is wrong") };
        let fields: Vec<_> = errors.iter().map(|error| error.field.as_str()).collect();
        assert_eq!(fields, ["prompt", "colour", "settings.steps", "settings.seed"]);
        for nothing in [json!({}), json!({"settings": {}}), json!({"settings": 3})] {
            assert!(Style::read(object(nothing)).is_err());
        }
    }
}
