//! Lists and tables of texts, numbers and names.

use serde_json::{Value, json};

use crate::described::described;
use crate::field_error::{FieldError, FieldErrors};
use crate::lora_reference::LoraReference;
use crate::number::{number, whole};
use crate::text::{quoted, text};

/// Most characters of a name in an object of texts.
const MAX_NAME: usize = 100;

/// Texts that are not blank.
pub(crate) fn texts(field: &str, value: Value, most: usize, length: usize) -> Result<Value, Vec<FieldError>> {
    let Value::Array(values) = value else {
        return Err(vec![FieldError::new(field, format!("must be a list of texts, not {}", described(&value)))]);
    };
    if values.len() > most {
        return Err(vec![FieldError::new(field, format!("has {} entries, the limit is {most}", values.len()))]);
    }
    let mut errors = Vec::new();
    for (index, value) in values.iter().enumerate() {
        if let Err(message) = text(value, length, false) {
            errors.push(FieldError::new(format!("{field}[{index}]"), message));
        }
    }
    if errors.is_empty() { Ok(Value::Array(values)) } else { Err(errors) }
}

/// The numbers in order.
pub(crate) fn indexes(value: &Value, of: u64) -> Result<Vec<u64>, String> {
    let Value::Array(values) = value else {
        return Err(format!("must be a list of numbers, not {}", described(value)));
    };
    let mut numbers = values.iter().map(|value| whole(value, 0, of - 1, 1)).collect::<Result<Vec<_>, _>>()?;
    numbers.sort_unstable();
    match numbers.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => Err(format!("names {} twice", pair[0])),
        None if numbers.is_empty() => Err("is empty: name at least one, or leave it out".to_owned()),
        None => Ok(numbers),
    }
}

/// Names with weights, each once.
pub(crate) fn weighted_names(
    field: &str,
    value: Value,
    most: usize,
    length: usize,
    bound: f64,
) -> Result<Value, Vec<FieldError>> {
    let refused = |message: String| Err(vec![FieldError::new(field, message)]);
    let Value::Array(values) = value else {
        return refused(format!("must be a list of objects with a name and a weight, not {}", described(&value)));
    };
    if values.len() > most {
        return refused(format!("has {} entries, the limit is {most}", values.len()));
    }
    let (mut kept, mut errors): (Vec<Value>, Vec<FieldError>) = (Vec::new(), Vec::new());
    for (index, value) in values.into_iter().enumerate() {
        let entry = format!("{field}[{index}]");
        match weighted_name(&entry, value, length, bound) {
            Ok((name, _)) if kept.iter().any(|before| before["name"] == name.as_str()) => {
                errors.push(FieldError::new(entry, format!("`{}` is listed before: list it once", quoted(&name))));
            }
            Ok((name, weight)) => kept.push(json!({"name": name, "weight": weight})),
            Err(wrong) => errors.extend(wrong),
        }
    }
    if errors.is_empty() { Ok(Value::Array(kept)) } else { Err(errors) }
}

/// A name and its weight, which is 1 where none is given.
fn weighted_name(entry: &str, value: Value, length: usize, bound: f64) -> Result<(String, f64), Vec<FieldError>> {
    let Value::Object(mut object) = value else {
        let message = format!("must be an object with a name and a weight, not {}", described(&value));
        return Err(vec![FieldError::new(entry, message)]);
    };
    let mut errors = FieldErrors::default();
    let mut wrong = |part: &str, message: String| errors.push(FieldError::new(format!("{entry}.{part}"), message));
    let (name, weight) = (object.remove("name"), object.remove("weight").filter(|weight| !weight.is_null()));
    let name = text(&name.unwrap_or_default(), length, false).map_err(|message| wrong("name", message));
    let weight = weight.map_or(Ok(LoraReference::WHOLE), |weight| number(&weight, -bound, bound));
    let weight = weight.map_err(|message| wrong("weight", message));
    for unknown in object.keys() {
        wrong(unknown, "is not a field; there are name, weight".to_owned());
    }
    let read = name.ok().zip(weight.ok()).unwrap_or_default();
    errors.or(read)
}

/// An object of texts.
pub(crate) fn table(field: &str, value: Value, most: usize, length: usize) -> Result<Value, Vec<FieldError>> {
    let Value::Object(values) = value else {
        return Err(vec![FieldError::new(field, format!("must be an object of texts, not {}", described(&value)))]);
    };
    if values.len() > most {
        return Err(vec![FieldError::new(field, format!("has {} entries, the limit is {most}", values.len()))]);
    }
    let mut errors = Vec::new();
    for (name, value) in &values {
        let entry = format!("{field}.{}", quoted(name));
        if name.is_empty() || name.chars().count() > MAX_NAME {
            errors
                .push(FieldError::new(entry, format!("has a name that is empty or longer than {MAX_NAME} characters")));
        } else if let Err(message) = text(value, length, true) {
            errors.push(FieldError::new(entry, message));
        }
    }
    if errors.is_empty() { Ok(Value::Object(values)) } else { Err(errors) }
}
