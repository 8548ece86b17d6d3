//! A control image as somebody asks for it: with the name of the model that looks at it.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::preprocessor::Preprocessor;

/// A control image and what looks at it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ControlReference {
    /// The name that the service offers the control model by.
    pub model: String,
    /// The key of the uploaded image.
    pub image: String,
    /// How strongly it steers; 1 is as the model was trained.
    #[serde(default = "whole")]
    pub scale: f64,
    /// The share of the schedule before it begins.
    #[serde(default)]
    pub start: f64,
    /// The share of the schedule at which it ends.
    #[serde(default = "whole")]
    pub end: f64,
    /// What kind of control image it is, by name or number, where the model is for several.
    #[serde(rename = "type", default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// How the control image is made from the image; it is one already where nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preprocess: Option<Preprocessor>,
}

/// All of it.
fn whole() -> f64 {
    1.0
}

impl FromStr for ControlReference {
    type Err = String;

    /// Reads `[PREPROCESSOR@]MODEL[#TYPE]=IMAGE[:SCALE[:START:END]]`. What follows a colon and is no number belongs to the image's name.
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "`{text}` is not [PREPROCESSOR@]MODEL[#TYPE]=IMAGE[:SCALE[:START:END]] such as depth=room.png:0.8 or \
                 canny@lines=photo.png"
            )
        };
        let (model, rest) = text.split_once('=').ok_or_else(wrong)?;
        let (preprocess, model) = match model.split_once('@') {
            Some((name, model)) => (Some(name.parse()?), model),
            None => (None, model),
        };
        let (model, kind) = model.split_once('#').map_or((model, None), |(model, kind)| (model, Some(kind.to_owned())));
        let (mut image, mut numbers) = (rest, Vec::new());
        while numbers.len() < 3
            && let Some((before, number)) = image.rsplit_once(':')
            && let Ok(number) = number.trim().parse::<f64>()
        {
            numbers.insert(0, number);
            image = before;
        }
        if model.is_empty() || image.is_empty() || !numbers.iter().all(|number| number.is_finite()) {
            return Err(wrong());
        }
        let (scale, start, end) = match numbers[..] {
            [] => (1.0, 0.0, 1.0),
            [scale] => (scale, 0.0, 1.0),
            [scale, start, end] => (scale, start, end),
            _ => return Err(wrong()),
        };
        Ok(Self { model: model.to_owned(), image: image.to_owned(), scale, start, end, kind, preprocess })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_typed_ends_in_numbers() {
        let read = |text: &str| text.parse::<ControlReference>();
        let control = |kind: Option<&str>, image: &str, scale, start, end| ControlReference {
            model: "m".to_owned(),
            image: image.to_owned(),
            scale,
            start,
            end,
            kind: kind.map(str::to_owned),
            preprocess: None,
        };
        let of_photo =
            ControlReference { preprocess: Some(Preprocessor::Canny), ..control(None, "a.png", 0.5, 0.0, 1.0) };
        assert_eq!(read("canny@m=a.png:0.5"), Ok(of_photo));
        assert!(read("sketch@m=a.png").expect_err("refused").contains("no preprocessor"));
        for (text, expected) in [
            ("m=a.png", control(None, "a.png", 1.0, 0.0, 1.0)),
            ("m#canny=a.png:0.5", control(Some("canny"), "a.png", 0.5, 0.0, 1.0)),
            ("m#3=a.png:1:0.1:0.6", control(Some("3"), "a.png", 1.0, 0.1, 0.6)),
            ("m=C:a=b.png:1", control(None, "C:a=b.png", 1.0, 0.0, 1.0)),
            (
                "m=task:0193e4e0-1111-7222-8333-444455556666/0",
                control(None, "task:0193e4e0-1111-7222-8333-444455556666/0", 1.0, 0.0, 1.0),
            ),
        ] {
            assert_eq!(read(text), Ok(expected), "{text}");
        }
        for text in ["m", "=a.png", "m=", "m=:1", "m=a.png:1:0.5", "m=a.png:inf", "m=a.png:NaN"] {
            assert!(read(text).is_err(), "{text}");
        }
    }
}
