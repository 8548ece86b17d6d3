//! Places in images, and what is said of images and places.
//!
//! A place is a point or a box, in fractions of the image's width and height from its top left corner.

use serde_json::{Map, Value, json};

use crate::described::described;
use crate::field_error::{FieldError, FieldErrors};
use crate::number::{number, whole};
use crate::text::text;

/// What is kept of a fraction: a ten-thousandth, so that whoever reads and writes it anew gets the same.
const KEPT: f64 = 10_000.0;
const PLACE: [&str; 4] = ["x", "y", "width", "height"];

/// The point or the box, as it is kept.
///
/// # Errors
/// Everything that is wrong with it.
pub(crate) fn area(field: &str, value: Value) -> Result<Value, Vec<FieldError>> {
    let Value::Object(mut object) = value else {
        let message = format!("must be an object with x and y, not {}", described(&value));
        return Err(vec![FieldError::new(field, message)]);
    };
    let place = take_place(field, &mut object);
    let mut errors = FieldErrors::default();
    errors.unknown(object.keys().map(String::as_str), "field", || format!("there are {}", PLACE.join(", ")));
    match place {
        Ok(place) => errors.or(Value::Object(place)),
        Err(wrong) => Err(wrong),
    }
}

/// Takes the point or the box out of an object.
fn take_place(field: &str, object: &mut Map<String, Value>) -> Result<Map<String, Value>, Vec<FieldError>> {
    let mut errors = FieldErrors::default();
    let mut place = Map::new();
    let mut numbers = [None; 4];
    for (name, kept) in PLACE.into_iter().zip(&mut numbers) {
        match object.remove(name).filter(|value| !value.is_null()) {
            Some(value) => match number(&value, 0.0, 1.0) {
                Ok(number) => {
                    let number = (number * KEPT).round() / KEPT;
                    *kept = Some(number);
                    place.insert(name.to_owned(), json!(number));
                }
                Err(message) => errors.push(FieldError::new(format!("{field}.{name}"), message)),
            },
            None if name == "x" || name == "y" => {
                errors.push(FieldError::new(format!("{field}.{name}"), "is missing"));
            }
            None => {}
        }
    }
    // As many ends as there are beginnings, and a hair more for what rounding adds.
    let within = |start: f64, length: f64| length > 0.0 && start + length <= 1.0 + 2.0 / KEPT;
    match numbers {
        [Some(x), Some(y), Some(width), Some(height)] if within(x, width) && within(y, height) => {}
        [_, _, None, None] => {}
        [Some(_), Some(_), _, _] => errors.push(FieldError::new(
            field,
            "is no box within the image: give a width and a height above 0, or neither for a point",
        )),
        _ => {}
    }
    errors.or(place)
}

/// What bounds a list of remarks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RemarkBounds {
    /// Most remarks.
    pub(crate) most: usize,
    /// How many images there are to choose from.
    pub(crate) of: u64,
    /// Most characters of a note.
    pub(crate) length: usize,
    /// Whether each is of a place, which needs no note; otherwise there is one for each image, which needs one.
    pub(crate) has_place: bool,
}

/// The remarks, as they are kept.
///
/// # Errors
/// Everything that is wrong with them.
pub(crate) fn remarks(field: &str, value: Value, bounds: RemarkBounds) -> Result<Value, Vec<FieldError>> {
    let refused = |message: String| Err(vec![FieldError::new(field, message)]);
    let Value::Array(values) = value else {
        return refused(format!("must be a list of objects with an image and a note, not {}", described(&value)));
    };
    if values.len() > bounds.most {
        return refused(format!("has {} entries, the limit is {}", values.len(), bounds.most));
    }
    let (mut kept, mut errors): (Vec<Value>, Vec<FieldError>) = (Vec::new(), Vec::new());
    for (index, value) in values.into_iter().enumerate() {
        let entry = format!("{field}[{index}]");
        match remark(&entry, value, bounds) {
            Ok(remark) if !bounds.has_place && kept.iter().any(|before| before["image"] == remark["image"]) => {
                errors.push(FieldError::new(entry, "is a second note to the same image: write one"));
            }
            Ok(remark) => kept.push(remark),
            Err(wrong) => errors.extend(wrong),
        }
    }
    if errors.is_empty() { Ok(Value::Array(kept)) } else { Err(errors) }
}

fn remark(entry: &str, value: Value, bounds: RemarkBounds) -> Result<Value, Vec<FieldError>> {
    let Value::Object(mut object) = value else {
        return Err(vec![FieldError::new(entry, format!("must be an object, not {}", described(&value)))]);
    };
    let mut errors = FieldErrors::default();
    let mut kept = Map::new();
    let image = object.remove("image").unwrap_or_default();
    match whole(&image, 0, bounds.of - 1, 1) {
        Ok(image) => drop(kept.insert("image".to_owned(), json!(image))),
        Err(message) => errors.push(FieldError::new(format!("{entry}.image"), message)),
    }
    if bounds.has_place {
        match take_place(entry, &mut object) {
            Ok(place) => kept.extend(place),
            Err(wrong) => errors.extend(wrong),
        }
    }
    match object.remove("note").filter(|note| !note.is_null()) {
        Some(note) => match text(&note, bounds.length, false) {
            Ok(note) => drop(kept.insert("note".to_owned(), Value::from(note))),
            Err(message) => errors.push(FieldError::new(format!("{entry}.note"), message)),
        },
        None if bounds.has_place => {}
        None => errors.push(FieldError::new(format!("{entry}.note"), "is missing")),
    }
    errors.unknown(object.keys().map(String::as_str), "field", || {
        let place = if bounds.has_place { ", x, y, width, height" } else { "" };
        format!("there are image, note{place}")
    });
    errors.or(Value::Object(kept))
}

/// The schema of a place.
pub(crate) fn area_schema() -> Value {
    let fraction = json!({"type": "number", "minimum": 0, "maximum": 1});
    let properties: Map<_, _> = PLACE.map(|name| (name.to_owned(), fraction.clone())).into_iter().collect();
    json!({"type": "object", "properties": properties, "required": ["x", "y"], "additionalProperties": false})
}

/// The schema of a list of remarks.
pub(crate) fn remarks_schema(bounds: RemarkBounds) -> Value {
    let mut item = if bounds.has_place { area_schema() } else { json!({"type": "object", "properties": {}}) };
    item["properties"]["image"] = json!({"type": "integer", "minimum": 0, "maximum": bounds.of - 1});
    item["properties"]["note"] = json!({"type": "string", "minLength": 1, "maxLength": bounds.length});
    item["required"] = if bounds.has_place { json!(["image", "x", "y"]) } else { json!(["image", "note"]) };
    item["additionalProperties"] = json!(false);
    json!({"type": "array", "items": item, "maxItems": bounds.most})
}

/// The place that somebody typed: `X,Y`, or `X,Y,WIDTH,HEIGHT` for a box.
///
/// # Errors
/// It is neither.
pub(crate) fn parse_area(typed: &str) -> Result<Value, String> {
    let wrong = || format!("`{typed}` is not X,Y such as 0.5,0.25, or X,Y,WIDTH,HEIGHT for a box");
    let numbers: Option<Vec<f64>> = typed.split(',').map(|number| number.trim().parse().ok()).collect();
    let numbers = numbers.filter(|numbers| [2, 4].contains(&numbers.len())).ok_or_else(wrong)?;
    Ok(Value::Object(PLACE.iter().map(|name| (*name).to_owned()).zip(numbers.into_iter().map(Value::from)).collect()))
}

/// The remark that somebody typed: `IMAGE:NOTE`, or `IMAGE:PLACE` and, if it has one, `:NOTE`.
///
/// # Errors
/// It is neither.
pub(crate) fn parse_remark(typed: &str, has_place: bool) -> Result<Value, String> {
    let form = if has_place {
        "IMAGE:X,Y,WIDTH,HEIGHT:NOTE such as 0:0.5,0.25,0.1,0.1:six fingers"
    } else {
        "IMAGE:NOTE such as 0:too dark"
    };
    let wrong = || format!("`{typed}` is not {form}");
    let (image, rest) = typed.split_once(':').ok_or_else(wrong)?;
    let image: u64 = image.trim().parse().map_err(|_| wrong())?;
    if !has_place {
        return Ok(json!([{"image": image, "note": rest}]));
    }
    let (place, note) = rest.split_once(':').map_or((rest, None), |(place, note)| (place, Some(note)));
    let mut remark = parse_area(place)?;
    remark["image"] = json!(image);
    if let Some(note) = note {
        remark["note"] = json!(note);
    }
    Ok(json!([remark]))
}

#[cfg(test)]
mod tests {
    use super::*;

    const REGIONS: RemarkBounds = RemarkBounds { most: 3, of: 8, length: 10, has_place: true };
    const NOTES: RemarkBounds = RemarkBounds { has_place: false, ..REGIONS };

    #[test]
    fn a_place_is_a_point_or_a_box_within_the_image() {
        let kept = area("region", json!({"x": 1.0 / 3.0, "y": 1})).expect("a point");
        assert_eq!(kept, json!({"x": 0.3333, "y": 1.0}));
        let whole = json!({"x": 0.0, "y": 0.0, "width": 1.0, "height": 1.0});
        assert_eq!(area("region", whole.clone()), Ok(whole));
        for wrong in [
            json!({"x": -0.1, "y": 0}),
            json!({"x": 0}),
            json!({"x": 0.5, "y": 0.5, "width": 0.6, "height": 0.1}),
            json!({"x": 0.5, "y": 0.5, "width": 0.1}),
            json!({"x": 0.5, "y": 0.5, "width": 0.1, "height": 0}),
            json!({"x": 0.5, "y": 0.5, "z": 1}),
            json!([0.5, 0.5]),
        ] {
            assert!(area("region", wrong.clone()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn remarks_say_what_is_wrong_with_each() {
        let region = json!({"image": 7, "x": 0.1, "y": 0.2, "note": "blurred"});
        assert_eq!(remarks("regions", json!([region]), REGIONS), Ok(json!([region])));
        let errors = remarks("notes", json!([{"image": 8}, {"note": "x", "x": 0}, 3]), NOTES).expect_err("wrong");
        let fields: Vec<_> = errors.iter().map(|error| error.field.as_str()).collect();
        assert_eq!(fields, ["notes[0].image", "notes[0].note", "notes[1].image", "x", "notes[2]"]);
        let twice = json!([{"image": 1, "note": "a"}, {"image": 1, "note": "b"}]);
        assert!(remarks("notes", twice, NOTES).is_err());
        assert!(remarks("regions", json!([region, region, region, region]), REGIONS).is_err());
    }

    #[test]
    fn what_is_typed_is_read() {
        assert_eq!(parse_area("0.5,0.25"), Ok(json!({"x": 0.5, "y": 0.25})));
        assert_eq!(parse_remark("0:too: dark", false), Ok(json!([{"image": 0, "note": "too: dark"}])));
        let region = json!([{"image": 1, "x": 0.5, "y": 0.25, "width": 0.1, "height": 0.2, "note": "six fingers"}]);
        assert_eq!(parse_remark("1:0.5,0.25,0.1,0.2:six fingers", true), Ok(region));
        for wrong in ["", "1", "x:0.1,0.2", "1:0.1", "1:0.1,0.2,0.3"] {
            assert!(parse_remark(wrong, true).is_err(), "{wrong}");
        }
    }
}
