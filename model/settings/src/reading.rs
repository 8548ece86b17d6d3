//! Reading a JSON object by its fields, with everything that is wrong at once.

use serde_json::{Map, Value};

use crate::described::described;
use crate::field::{Field, Presence};
use crate::field_error::{FieldError, FieldErrors};

/// What to do about a required field that is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    /// It is an error.
    Refused,
    /// It is filled in from elsewhere, such as the settings of an earlier attempt.
    Filled,
}

/// The values of `object` as they are kept. `null` and absent are the same.
///
/// # Errors
/// Every wrong, missing and unknown field, as far as [`FieldErrors`] lists them.
pub fn read(
    fields: &[Field],
    mut object: Map<String, Value>,
    missing: Missing,
) -> Result<Map<String, Value>, Vec<FieldError>> {
    let mut values = Map::new();
    let mut errors = FieldErrors::default();
    for field in fields {
        match object.remove(field.name).filter(|value| !value.is_null()) {
            Some(value) => match field.kind.check(field.name, value) {
                Ok(value) => {
                    values.insert(field.name.to_owned(), value);
                }
                Err(wrong) => errors.extend(wrong),
            },
            None if field.presence == Presence::Required && missing == Missing::Refused => {
                errors.push(FieldError::new(field.name, format!("is missing: {}", clause(field.help))));
            }
            None => {}
        }
    }
    errors.unknown(object.keys().map(String::as_str), "field", || {
        let known = fields.iter().map(|field| field.name).collect::<Vec<_>>().join(", ");
        if known.is_empty() { "there are none here".to_owned() } else { format!("there are {known}") }
    });
    errors.or(values)
}

/// The JSON object in `bytes`; nothing at all is one without fields.
///
/// # Errors
/// What `bytes` are instead, as the rest of a sentence.
pub fn parse_object(bytes: &[u8]) -> Result<Map<String, Value>, String> {
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Ok(Map::new());
    }
    match serde_json::from_slice(bytes) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(other) => Err(format!("is {}, not a JSON object", described(&other))),
        Err(error) => Err(format!("is not JSON: {error}")),
    }
}

/// A sentence as the rest of another one.
fn clause(text: &str) -> String {
    let mut letters = text.trim_end_matches('.').chars();
    letters.next().map_or_else(String::new, |first| first.to_lowercase().chain(letters).collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::kind::Kind;

    const FIELDS: [Field; 3] = [
        Field {
            name: "reason",
            kind: Kind::text(5),
            presence: Presence::Required,
            default: "",
            help: "Why, for the next attempt.",
        },
        Field { name: "count", kind: Kind::whole(1, 8), presence: Presence::Optional, default: "1", help: "How many" },
        Field {
            name: "tags",
            kind: Kind::Texts { most: 2, length: 3 },
            presence: Presence::Optional,
            default: "none",
            help: "Tags",
        },
    ];

    fn reading(object: Value, missing: Missing) -> Result<Value, Vec<String>> {
        let Value::Object(object) = object else { panic!("an object") };
        let read = read(&FIELDS, object, missing).map(Value::Object);
        read.map_err(|errors| errors.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn everything_that_is_wrong_is_reported_at_once() {
        let errors = reading(json!({"count": 9, "tags": ["ab", " ", "abcd", 1], "other": 1}), Missing::Refused);
        assert_eq!(
            errors.expect_err("wrong"),
            [
                "reason: is missing: why, for the next attempt",
                "count: 9 is out of bounds: use 1 to 8",
                "tags: has 4 entries, the limit is 2",
                "other: is not a field; there are reason, count, tags",
            ]
        );
        let errors = reading(json!({"reason": "longer", "count": 1.5, "tags": [" ", "abcd"]}), Missing::Refused);
        assert_eq!(
            errors.expect_err("wrong"),
            [
                "reason: has 6 characters, the limit is 5: shorten it",
                "count: 1.5 is not a whole number from 1 to 8",
                "tags[0]: must not be blank",
                "tags[1]: has 4 characters, the limit is 3: shorten it",
            ]
        );
    }

    #[test]
    fn what_is_absent_stays_so_and_whole_numbers_may_have_a_point() {
        assert_eq!(reading(json!({"count": 2.0, "tags": null}), Missing::Filled), Ok(json!({"count": 2})));
        assert_eq!(reading(json!({"reason": "why"}), Missing::Refused), Ok(json!({"reason": "why"})));
    }
}
