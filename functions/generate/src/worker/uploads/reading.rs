//! From a dropped file's content to an order.

use std::collections::HashMap;

use easel_core::fields::Fields;
use easel_core::gallery::keys;
use easel_core::order::{Order, Reading};
use serde_json::{Map, Value};

/// Fields of an order that are texts; the others are numbers, flags and lists.
const TEXTS: [&str; 4] = ["prompt", "negative_prompt", "scheduler", "title"];
/// Fields of an order that a picture's metadata may give.
const VALUES: [&str; 10] = [
    "width",
    "height",
    "steps",
    "guidance_scale",
    "guidance_interval",
    "seed",
    "count",
    "use_refiner",
    "high_noise_frac",
    "strength",
];

/// The order of a text that is the prompt.
pub(super) fn prompt(bytes: &[u8]) -> Result<Reading, String> {
    let text = std::str::from_utf8(bytes).map_err(|_| "the file is not UTF-8 text: save it as UTF-8".to_owned())?;
    let prompt = text.trim_start_matches('\u{FEFF}').trim();
    read(Map::from_iter([("prompt".to_owned(), prompt.into())]))
}

/// The order that a `.json` file is. It may start from a picture that was uploaded for it, or lies with its owner.
pub(super) fn order(bytes: &[u8], owner: &str) -> Result<Reading, String> {
    let reading = read(object(bytes)?)?;
    let own = format!("{}{owner}/", keys::UPLOADS);
    match &reading.settings.init_image {
        Some(key) if !key.starts_with(keys::INPUTS) && !key.starts_with(&own) => Err(format!(
            "init_image: `{key}` is neither the key of an upload that `POST /v1/uploads` gave nor under {own}"
        )),
        _ => Ok(reading),
    }
}

/// The order that a picture's sidecar is.
pub(super) fn sidecar(bytes: &[u8], picture: &str) -> Result<Reading, String> {
    let mut fields = object(bytes)?;
    if fields.contains_key("init_image") {
        return Err("init_image: is the picture beside this file: leave it out".to_owned());
    }
    fields.insert("init_image".to_owned(), picture.into());
    read(fields)
}

/// The order in a picture's metadata; `None` if it holds no prompt. What else is in it is somebody else's.
pub(super) fn metadata(metadata: &HashMap<String, String>, picture: &str) -> Option<Result<Reading, String>> {
    let named = |name: &str| {
        let same = |key: &&String| key.to_ascii_lowercase().replace('-', "_") == name;
        metadata.keys().find(same).and_then(|key| metadata.get(key))
    };
    named("prompt")?;
    let mut fields = Map::from_iter([("init_image".to_owned(), Value::from(picture))]);
    for name in TEXTS {
        fields.extend(named(name).map(|text| (name.to_owned(), Value::from(text.as_str()))));
    }
    for name in VALUES {
        let value = |text: &String| serde_json::from_str(text).unwrap_or_else(|_| Value::from(text.as_str()));
        fields.extend(named(name).map(|text| (name.to_owned(), value(text))));
    }
    Some(read(fields))
}

fn object(bytes: &[u8]) -> Result<Map<String, Value>, String> {
    let bytes = bytes.strip_prefix("\u{FEFF}".as_bytes()).unwrap_or(bytes);
    // For what it says about bodies that are no objects.
    Fields::parse(bytes).map_err(|error| error.to_string().replace("the body", "the file"))?;
    Ok(serde_json::from_slice(bytes).unwrap_or_default())
}

fn read(fields: Map<String, Value>) -> Result<Reading, String> {
    Order::read(Fields::new(fields)).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_a_prompt() {
        let read = prompt("\u{FEFF} a large red heart \r\n".as_bytes()).expect("a prompt");
        assert_eq!(read.settings.prompt, "a large red heart");
        assert_eq!(read.settings.count, 1);
        for (bytes, word) in [(&b"\xFF\xFE"[..], "UTF-8"), (b" \n", "blank"), (&[b'a'; 2001], "2001")] {
            let refused = prompt(bytes).expect_err("refused");
            assert!(refused.contains(word), "{refused}");
        }
    }

    #[test]
    fn every_wrong_field_of_an_order_is_told() {
        let refused = order(br#"{"prompt": 3, "steps": 0, "heart": 1}"#, "alice").expect_err("refused");
        for word in ["prompt", "steps", "heart"] {
            assert!(refused.contains(word), "{refused}");
        }
        let refused = order(b"[1]", "alice").expect_err("refused");
        assert!(refused.contains("the file is a list"), "{refused}");
    }

    #[test]
    fn an_order_starts_from_no_picture_of_others() {
        let with = |key: &str| order(format!(r#"{{"prompt": "a", "init_image": "{key}"}}"#).as_bytes(), "alice");
        assert!(with("inputs/1.png").is_ok() && with("uploads/alice/a.png").is_ok());
        for key in ["images/1/1-0.png", "uploads/bob/a.png", "uploads/alicea/a.png"] {
            assert!(with(key).is_err(), "{key}");
        }
    }

    #[test]
    fn a_pictures_metadata_may_be_an_order() {
        let of = |pairs: &[(&str, &str)]| {
            let pairs = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
            metadata(&pairs.collect(), "uploads/a.png")
        };
        assert!(of(&[("mtime", "1")]).is_none());
        let read = of(&[("prompt", "2"), ("negative-prompt", "b"), ("strength", "0.5"), ("seed", "7"), ("mtime", "1")]);
        let settings = read.expect("a prompt").expect("an order").settings;
        assert_eq!((settings.prompt.as_str(), settings.negative_prompt.as_deref()), ("2", Some("b")));
        assert_eq!((settings.strength, settings.seed), (Some(0.5), 7));
        assert_eq!(settings.init_image.as_deref(), Some("uploads/a.png"));
        assert!(of(&[("prompt", "a"), ("steps", "many")]).expect("a prompt").expect_err("refused").contains("steps"));
        assert!(sidecar(br#"{"prompt": "a", "init_image": "inputs/1.png"}"#, "uploads/a.png").is_err());
    }
}
