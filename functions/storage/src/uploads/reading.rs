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

/// The request in a `.json` file. Its images were uploaded for it or are in its owner's folder.
pub(super) fn request(bytes: &[u8], owner: &str) -> Result<TaskRequest, String> {
    of_own_images(read(object(bytes)?)?, owner, None)
}

/// The request, if each of its images was uploaded by its owner, is in their folder, or is the `dropped` one.
fn of_own_images(request: TaskRequest, owner: &str, dropped: Option<&str>) -> Result<TaskRequest, String> {
    let (inputs, own) = (keys::inputs_of(owner), keys::uploads_of(owner));
    let is_own = |key: &str| key.starts_with(&inputs) || key.starts_with(&own) || Some(key) == dropped;
    let is_others = |(_, key): &(String, &str)| !is_own(key);
    match request.settings.images().into_iter().find(is_others) {
        Some((field, key)) => Err(format!(
            "{field}: `{}` is neither the key of an upload that `POST /v1/uploads` gave {owner} nor under {own}",
            quoted(key)
        )),
        None => Ok(request),
    }
}

/// The request in an image's sidecar.
pub(super) fn sidecar(bytes: &[u8], image: &str, owner: &str) -> Result<TaskRequest, String> {
    let mut fields = object(bytes)?;
    if fields.contains_key("init_image") {
        return Err("init_image: is the image beside this file: leave it out".to_owned());
    }
    fields.insert("init_image".to_owned(), image.into());
    of_own_images(read(fields)?, owner, Some(image))
}

/// The request in an image's metadata; `None` if there is no prompt in it. Other metadata is ignored.
pub(super) fn metadata(
    metadata: &HashMap<String, String>,
    image: &str,
    owner: &str,
) -> Option<Result<TaskRequest, String>> {
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
            Kind::Text { .. } | Kind::Image | Kind::Choice(_) | Kind::Scheduler => Value::from(text.as_str()),
            _ => serde_json::from_str(text).unwrap_or_else(|_| Value::from(text.as_str())),
        };
        fields.insert(field.name.to_owned(), value);
    }
    Some(read(fields).and_then(|request| of_own_images(request, owner, Some(image))))
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
        // Whatever it is an image for: nobody looks at another's by dropping a file.
        let with = |field: &str, value: &str| {
            let own = r#""prompt": "a", "init_image": "uploads/alice/a.png", "image_adapter": "plus""#;
            request(
                format!(r#"{{{own}, "image_prompts": ["uploads/alice/a.png"], "{field}": {value}}}"#).as_bytes(),
                "alice",
            )
        };
        let (mine, theirs) = (format!("\"{own}2.png\""), format!("\"{others}\""));
        for (field, path, value) in [
            ("mask", "mask", "KEY"),
            ("controls", "controls[0].image", r#"[{"model": "depth", "image": KEY}]"#),
            ("image_prompts", "image_prompts[0]", "[KEY]"),
        ] {
            let value = |key: &str| value.replace("KEY", key);
            assert!(with(field, &value(&mine)).is_ok(), "{field}");
            for key in [theirs.as_str(), "\"task:0193e4e0-1111-7222-8333-444455556666/0\""] {
                let refused = with(field, &value(key)).expect_err("refused");
                assert!(refused.starts_with(&format!("{path}: ")), "{refused}");
            }
        }
        let mask = format!(r#"{{"prompt": "a", "mask": {theirs}}}"#);
        assert!(sidecar(mask.as_bytes(), "uploads/alice/a.png", "alice").expect_err("refused").starts_with("mask: "));
    }

    #[test]
    fn an_images_metadata_may_be_a_request() {
        let of = |pairs: &[(&str, &str)]| {
            let pairs = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
            metadata(&pairs.collect(), "uploads/alice/a.png", "alice")
        };
        assert!(of(&[("mtime", "1")]).is_none());
        let read = of(&[("prompt", "2"), ("negative-prompt", "b"), ("strength", "0.5"), ("seed", "7"), ("mtime", "1")]);
        let settings = read.expect("a prompt").expect("a request").settings;
        assert_eq!((settings.prompt.as_str(), settings.negative_prompt.as_deref()), ("2", Some("b")));
        assert_eq!((settings.strength, settings.seed), (Some(0.5), 7));
        assert_eq!(settings.init_image.as_deref(), Some("uploads/alice/a.png"));
        assert!(of(&[("prompt", "a"), ("steps", "many")]).expect("a prompt").expect_err("refused").contains("steps"));
        assert!(sidecar(br#"{"prompt": "a", "init_image": "inputs/1.png"}"#, "uploads/alice/a.png", "alice").is_err());
    }
}
