//! Reading the request in a dropped file.

use std::collections::HashMap;

use easel_domain::{LABELS, TaskRequest};
use easel_settings::{Kind, SETTINGS, parse_object, quoted};
use serde_json::{Map, Value};

use crate::gallery::keys;

/// The request of a text file, which is the prompt.
pub(super) fn prompt(bytes: &[u8]) -> Result<TaskRequest, String> {
    let text = std::str::from_utf8(bytes).map_err(|_| "the file is not UTF-8 text: save it as UTF-8".to_owned())?;
    let prompt = text.trim_start_matches('\u{FEFF}').trim();
    read(Map::from_iter([("prompt".to_owned(), prompt.into())]))
}

/// The request in a `.json` file. It may start from an image that was uploaded for it or is in its owner's folder.
pub(super) fn request(bytes: &[u8], owner: &str) -> Result<TaskRequest, String> {
    let request = read(object(bytes)?)?;
    let own = format!("{}{owner}/", keys::UPLOADS);
    match &request.settings.init_image {
        Some(key) if !key.starts_with(&keys::inputs_of(owner)) && !key.starts_with(&own) => Err(format!(
            "init_image: `{}` is neither the key of an upload that `POST /v1/uploads` gave {owner} nor under {own}",
            quoted(key)
        )),
        _ => Ok(request),
    }
}

/// The request in an image's sidecar.
pub(super) fn sidecar(bytes: &[u8], image: &str) -> Result<TaskRequest, String> {
    let mut fields = object(bytes)?;
    if fields.contains_key("init_image") {
        return Err("init_image: is the image beside this file: leave it out".to_owned());
    }
    fields.insert("init_image".to_owned(), image.into());
    read(fields)
}

/// The request in an image's metadata; `None` if there is no prompt in it. Other metadata is ignored.
pub(super) fn metadata(metadata: &HashMap<String, String>, image: &str) -> Option<Result<TaskRequest, String>> {
    let named = |name: &str| {
        let same = |key: &&String| key.to_ascii_lowercase().replace('-', "_") == name;
        metadata.keys().find(same).and_then(|key| metadata.get(key))
    };
    named("prompt")?;
    let mut fields = Map::from_iter([("init_image".to_owned(), Value::from(image))]);
    for field in SETTINGS.iter().chain(LABELS).filter(|field| field.name != "init_image") {
        let Some(text) = named(field.name) else { continue };
        // Metadata is text: values that are neither texts nor choices are written as in JSON.
        let value = match field.kind {
            Kind::Text { .. } | Kind::Choice(_) | Kind::Scheduler => Value::from(text.as_str()),
            _ => serde_json::from_str(text).unwrap_or_else(|_| Value::from(text.as_str())),
        };
        fields.insert(field.name.to_owned(), value);
    }
    Some(read(fields))
}

fn object(bytes: &[u8]) -> Result<Map<String, Value>, String> {
    let bytes = bytes.strip_prefix("\u{FEFF}".as_bytes()).unwrap_or(bytes);
    parse_object(bytes).map_err(|reason| format!("the file {reason}"))
}

fn read(fields: Map<String, Value>) -> Result<TaskRequest, String> {
    TaskRequest::read(fields).map_err(|error| error.to_string())
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
    fn every_wrong_field_of_a_request_is_reported() {
        let refused = request(br#"{"prompt": 3, "steps": 0, "heart": 1}"#, "alice").expect_err("refused");
        for word in ["prompt", "steps", "heart"] {
            assert!(refused.contains(word), "{refused}");
        }
        let refused = request(b"[1]", "alice").expect_err("refused");
        assert!(refused.contains("the file is a list"), "{refused}");
    }

    #[test]
    fn of_thousands_of_wrong_fields_some_are_named() {
        let fields: Vec<_> = (0..5_000).map(|number| format!("\"field{number}\": 1")).collect();
        let refused = request(format!("{{\"prompt\": \"a\", {}}}", fields.join(", ")).as_bytes(), "alice");
        let refused = refused.expect_err("refused");
        assert!(refused.contains("field0: is not a field") && refused.contains("4980 are not listed"), "{refused}");
        assert!(refused.len() < 4_000, "{refused}");
    }

    #[test]
    fn a_request_starts_from_no_image_of_others() {
        let with = |key: &str| request(format!(r#"{{"prompt": "a", "init_image": "{key}"}}"#).as_bytes(), "alice");
        let (own, others) = (keys::inputs_of("alice"), keys::inputs_of("bob"));
        assert!(with(&format!("{own}1.png")).is_ok() && with("uploads/alice/a.png").is_ok());
        let others = format!("{others}1.png");
        for key in ["images/1/1-0.png", "uploads/bob/a.png", "uploads/alicea/a.png", "inputs/1.png", &others] {
            assert!(with(key).is_err(), "{key}");
        }
    }

    #[test]
    fn an_images_metadata_may_be_a_request() {
        let of = |pairs: &[(&str, &str)]| {
            let pairs = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
            metadata(&pairs.collect(), "uploads/a.png")
        };
        assert!(of(&[("mtime", "1")]).is_none());
        let read = of(&[("prompt", "2"), ("negative-prompt", "b"), ("strength", "0.5"), ("seed", "7"), ("mtime", "1")]);
        let settings = read.expect("a prompt").expect("a request").settings;
        assert_eq!((settings.prompt.as_str(), settings.negative_prompt.as_deref()), ("2", Some("b")));
        assert_eq!((settings.strength, settings.seed), (Some(0.5), 7));
        assert_eq!(settings.init_image.as_deref(), Some("uploads/a.png"));
        assert!(of(&[("prompt", "a"), ("steps", "many")]).expect("a prompt").expect_err("refused").contains("steps"));
        assert!(sidecar(br#"{"prompt": "a", "init_image": "inputs/1.png"}"#, "uploads/a.png").is_err());
    }
}
