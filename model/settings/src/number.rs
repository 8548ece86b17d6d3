//! Numbers within bounds.

use serde_json::Value;

use crate::described::described;

/// Numbers below this, which DynamoDB cannot hold, are as good as zero.
const SMALLEST: f64 = 1e-100;

/// A number from `least` to `most`.
pub(crate) fn number(value: &Value, least: f64, most: f64) -> Result<f64, String> {
    match value.as_f64() {
        Some(number) if !(least..=most).contains(&number) => {
            Err(format!("{number} is out of bounds: use {least} to {most}"))
        }
        Some(number) if number.abs() < SMALLEST => Ok(0.0),
        Some(number) => Ok(number),
        None => Err(format!("must be a number, not {}", described(value))),
    }
}

/// A whole number from `least` to `most`.
pub(crate) fn whole(value: &Value, least: u64, most: u64, multiple_of: u64) -> Result<u64, String> {
    // JSON has one kind of number: 20.0 is 20.
    let whole = value.as_u64().or_else(|| {
        value.as_f64().filter(|number| number.fract() == 0.0 && (0.0..=9e15).contains(number)).map(|n| n as u64)
    });
    match whole {
        Some(number) if !(least..=most).contains(&number) => {
            Err(format!("{number} is out of bounds: use {least} to {most}"))
        }
        Some(number) if !number.is_multiple_of(multiple_of) => {
            let lower = number / multiple_of * multiple_of;
            Err(format!("{number} is not a multiple of {multiple_of}: use {lower} or {}", lower + multiple_of))
        }
        Some(number) => Ok(number),
        None if value.is_number() => Err(format!("{value} is not a whole number from {least} to {most}")),
        None => Err(format!("must be a whole number, not {}", described(value))),
    }
}

/// A list of two values, each as `check` keeps it.
pub(crate) fn pair<T>(value: &Value, check: impl Fn(&Value) -> Result<T, String>) -> Result<(T, T), String> {
    match value.as_array().map(Vec::as_slice) {
        Some([first, second]) => Ok((check(first)?, check(second)?)),
        Some(_) => Err("must have two numbers".to_owned()),
        None => Err(format!("must be a list of two numbers, not {}", described(value))),
    }
}

/// A list of two whole numbers from `least` to `most`.
pub(crate) fn whole_pair(value: &Value, least: u64, most: u64) -> Result<Value, String> {
    let (first, second) = pair(value, |value| whole(value, least, most, 1))?;
    Ok(Value::from(vec![first, second]))
}
