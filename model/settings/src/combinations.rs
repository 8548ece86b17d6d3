//! Settings that do not go together, or mean nothing without another one.

use serde_json::{Map, Value};

use crate::field_error::{FieldError, MAX_ERRORS};
use crate::table::{LONGEST_UNTILED, SIDES};

/// A setting that needs another one, and what to do without that.
const NEEDED: [(&str, &str, &str); 10] = [
    ("strength", "init_image", "upload an image to start from"),
    ("mask", "init_image", "upload the image that is painted over"),
    ("image_adapter", "image_prompts", "upload the images that it reads"),
    ("image_prompts", "image_adapter", "name an adapter that the service offers"),
    ("image_prompt_scale", "image_prompts", "upload the images that say what to generate"),
    ("upscale", "upscaler", "name one that the service offers, or lanczos"),
    ("hires_strength", "hires_scale", "say by how much the image grows"),
    ("hires_steps", "hires_scale", "say by how much the image grows"),
    ("hires_upscaler", "hires_scale", "say by how much the image grows"),
    ("tile_overlap", "tile_size", "say how large the tiles are"),
];

/// The side of an image whose size is left to the model.
const USUAL_SIDE: f64 = 1024.0;
const MEGA: f64 = 1024.0 * 1024.0;
/// Most megapixels, of all images together, of which cross-attention is kept: 210 MB each in 16 bits.
const MOST_KEPT: f64 = 8.0;

fn is_given(object: &Map<String, Value>, name: &str) -> bool {
    object.get(name).is_some_and(|value| !value.is_null())
}

/// The errors of settings that mean nothing without others.
pub(crate) fn useless(object: &Map<String, Value>) -> Vec<FieldError> {
    let alone = NEEDED.iter().filter(|(name, needs, _)| is_given(object, name) && !is_given(object, needs));
    let alone = alone.map(|(name, needs, advice)| {
        FieldError::new(name, format!("has no use without `{needs}`: {advice}, or leave it out"))
    });
    let controls = object.get("controls").and_then(Value::as_array);
    let empty = controls.into_iter().flatten().enumerate().filter_map(|(index, control)| {
        let number = |name: &str, default| control.get(name).and_then(Value::as_f64).unwrap_or(default);
        let (start, end) = (number("start", 0.0), number("end", 1.0));
        let message = format!("{end} is not after the start, {start}: give the start first, then an end above it");
        (start >= end).then(|| FieldError::new(format!("controls[{index}].end"), message))
    });
    // A list without bounds is refused as a whole.
    alone.chain(empty.take(MAX_ERRORS)).collect()
}

/// Takes away what would mean nothing, of settings of which some were taken back.
pub(crate) fn remove_useless(object: &mut Map<String, Value>) {
    // What one of them leaves may be what another needs.
    while let Some((name, ..)) =
        NEEDED.iter().find(|(name, needs, _)| object.contains_key(*name) && !is_given(object, needs))
    {
        object.remove(*name);
    }
}

/// The errors of sizes that do not go together.
pub(crate) fn sizes(object: &Map<String, Value>) -> Vec<FieldError> {
    let number = |name: &str| object.get(name).and_then(Value::as_f64);
    let most = if is_given(object, "tile_size") { *SIDES.end() } else { LONGEST_UNTILED };
    let mut errors = Vec::new();
    for name in ["width", "height"] {
        let Some(side) = number(name).filter(|side| *side <= f64::from(*SIDES.end())) else { continue };
        if side > f64::from(most) {
            errors.push(FieldError::new(name, too_long(side, most)));
        } else if let Some(scale) = number("hires_scale").filter(|scale| side * scale >= f64::from(most + 8)) {
            errors.push(FieldError::new(
                "hires_scale",
                format!("{scale} makes the {name} {}", too_long(side * scale, most)),
            ));
        }
    }
    if let (Some(size), Some(overlap)) = (number("tile_size"), number("tile_overlap"))
        && overlap > size / 2.0
    {
        let message = format!("{overlap} is more than half of a tile of {size}: use at most {}", size / 2.0);
        errors.push(FieldError::new("tile_overlap", message));
    }
    errors
}

/// The errors of an attention gate that would keep too much.
pub(crate) fn kept_attention(object: &Map<String, Value>) -> Vec<FieldError> {
    if !is_given(object, "attention_gate") {
        return Vec::new();
    }
    let number = |name: &str| object.get(name).and_then(Value::as_f64);
    let sides =
        ["width", "height"].map(|name| number(name).unwrap_or(USUAL_SIDE) * number("hires_scale").unwrap_or(1.0));
    let megapixels = sides[0] * sides[1] * number("count").unwrap_or(1.0) / MEGA;
    let message = if is_given(object, "tile_size") {
        "cannot be used with `tile_size`, for what is kept of every tile would take too much memory: leave out one of them"
            .to_owned()
    } else if megapixels > MOST_KEPT {
        format!(
            "keeps something of every image, which takes too much memory for {megapixels:.1} megapixels, the limit is \
             {MOST_KEPT:.1}: ask for fewer or smaller images, or leave it out"
        )
    } else {
        return Vec::new();
    };
    vec![FieldError::new("attention_gate", message)]
}

/// What is said of a side that is too long.
pub(crate) fn too_long(side: f64, most: u32) -> String {
    let tiles = if most < *SIDES.end() {
        format!("; for up to {}, draw in tiles (`tile_size`, such as 1024)", SIDES.end())
    } else {
        String::new()
    };
    format!("{side} pixels long: use at most {most}{tiles}")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn faults(settings: Value) -> Vec<String> {
        let Value::Object(object) = settings else { panic!("an object") };
        [useless(&object), sizes(&object), kept_attention(&object)].concat().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn attention_is_kept_of_no_more_than_there_is_room_for() {
        for settings in [
            json!({"tile_size": null, "attention_gate": 0.4}),
            json!({"tile_size": 512, "attention_gate": null}),
            json!({"count": 8, "attention_gate": 0.4}),
            json!({"width": 2048, "height": 2048, "count": 2, "attention_gate": 0.4}),
            json!({"hires_scale": 2, "count": 2, "attention_gate": 0.4}),
        ] {
            assert_eq!(faults(settings.clone()), Vec::<String>::new(), "{settings}");
        }
        for (settings, part) in [
            (json!({"tile_size": 512, "attention_gate": 0.4}), "cannot be used with `tile_size`"),
            (json!({"width": 1152, "count": 8, "attention_gate": 0.4}), "for 9.0 megapixels, the limit is 8.0"),
            (json!({"hires_scale": 2, "count": 3, "attention_gate": 0.4}), "for 12.0 megapixels"),
        ] {
            let faults = faults(settings);
            assert!(
                faults.len() == 1 && faults[0].starts_with("attention_gate") && faults[0].contains(part),
                "{faults:?}"
            );
        }
    }

    #[test]
    fn large_images_need_tiles() {
        assert!(faults(json!({"width": 2048, "height": 2048})).is_empty());
        assert!(faults(json!({"width": 4096, "height": 4096, "tile_size": 1024})).is_empty());
        assert!(faults(json!({"width": 1024, "hires_scale": 2})).is_empty());
        assert!(faults(json!({"width": 2048, "hires_scale": 2, "tile_size": 1024, "hires_steps": 9})).is_empty());
        for (settings, field, part) in [
            (json!({"width": 2056}), "width", "use at most 2048; for up to 4096, draw in tiles (`tile_size`"),
            (json!({"height": 4096, "tile_size": null}), "height", "2048"),
            (json!({"height": 1024, "hires_scale": 2.5}), "hires_scale", "makes the height 2560 pixels long"),
            (json!({"height": 2048, "hires_scale": 2.5, "tile_size": 512}), "hires_scale", "use at most 4096"),
            (json!({"tile_size": 512, "tile_overlap": 264}), "tile_overlap", "at most 256"),
            (json!({"tile_overlap": 264}), "tile_overlap", "no use without `tile_size`"),
            (json!({"hires_steps": 9}), "hires_steps", "no use without `hires_scale`"),
        ] {
            let faults = faults(settings);
            assert!(faults.len() == 1 && faults[0].starts_with(field) && faults[0].contains(part), "{faults:?}");
        }
    }
}
