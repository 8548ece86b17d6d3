//! Reading one JSON configuration field by field, with bounds, so that every complaint names its field.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::path::Path;

use serde_json::{Map, Value};

use crate::error::{Error, Result};

/// The fields of one configuration. A field that is `null` counts as absent.
pub(super) struct ConfigFields<'a> {
    file: &'a Path,
    map: Map<String, Value>,
}

impl<'a> ConfigFields<'a> {
    pub(super) fn parse(text: &str, file: &'a Path) -> Result<Self> {
        match serde_json::from_str(text) {
            Ok(Value::Object(map)) => Ok(Self { file, map }),
            Ok(other) => Err(Error::Config {
                file: file.to_owned(),
                message: format!("holds {} where a JSON object of settings belongs", short(&other)),
            }),
            Err(error) => Err(Error::Config { file: file.to_owned(), message: format!("is not valid JSON: {error}") }),
        }
    }

    /// The error that `field` is not usable.
    pub(super) fn fault(&self, field: &str, message: impl Display) -> Error {
        Error::Config { file: self.file.to_owned(), message: format!("`{field}` {message}") }
    }

    fn get(&self, field: &str) -> Option<&Value> {
        self.map.get(field).filter(|value| !value.is_null())
    }

    fn required(&self, field: &str) -> Result<&Value> {
        self.get(field).ok_or_else(|| self.fault(field, "is missing"))
    }

    fn as_count(&self, field: &str, value: &Value, bounds: &RangeInclusive<usize>) -> Result<usize> {
        let count = value.as_u64().and_then(|count| usize::try_from(count).ok());
        count.filter(|count| bounds.contains(count)).ok_or_else(|| {
            let (low, high) = (bounds.start(), bounds.end());
            self.fault(field, format_args!("is {}, not a whole number from {low} to {high}", short(value)))
        })
    }

    /// A whole number within `bounds`.
    pub(super) fn count(&self, field: &str, bounds: RangeInclusive<usize>) -> Result<usize> {
        self.as_count(field, self.required(field)?, &bounds)
    }

    /// A whole number within `bounds`, or `default` if the field is absent.
    pub(super) fn count_or(&self, field: &str, default: usize, bounds: RangeInclusive<usize>) -> Result<usize> {
        self.get(field).map_or(Ok(default), |value| self.as_count(field, value, &bounds))
    }

    /// A list of whole numbers, as many as `lengths` allows.
    pub(super) fn counts(
        &self,
        field: &str,
        lengths: RangeInclusive<usize>,
        bounds: RangeInclusive<usize>,
    ) -> Result<Vec<usize>> {
        let list = self.list(field, self.required(field)?, &lengths)?;
        list.iter().map(|value| self.as_count(field, value, &bounds)).collect()
    }

    /// A list of whole numbers, as many as `lengths` allows, or `default` if the field is absent.
    pub(super) fn counts_or(
        &self,
        field: &str,
        default: &[usize],
        lengths: RangeInclusive<usize>,
        bounds: RangeInclusive<usize>,
    ) -> Result<Vec<usize>> {
        self.get(field).map_or_else(|| Ok(default.to_vec()), |_| self.counts(field, lengths, bounds))
    }

    /// One whole number for each of `length` blocks, written as a list or as one number for all of them.
    pub(super) fn count_per_block(
        &self,
        field: &str,
        default: usize,
        length: usize,
        bounds: RangeInclusive<usize>,
    ) -> Result<Vec<usize>> {
        match self.get(field) {
            Some(Value::Array(_)) => self.counts(field, length..=length, bounds),
            _ => Ok(vec![self.count_or(field, default, bounds)?; length]),
        }
    }

    /// A size written as one number, or as a height and a width that are the same.
    pub(super) fn side_or(&self, field: &str, default: usize, bounds: RangeInclusive<usize>) -> Result<usize> {
        let Some(value @ Value::Array(_)) = self.get(field) else { return self.count_or(field, default, bounds) };
        let sides = self.counts(field, 2..=2, bounds)?;
        if sides[0] == sides[1] {
            Ok(sides[0])
        } else {
            Err(self.fault(field, format_args!("is {}; only square native sizes are supported", short(value))))
        }
    }

    /// A finite number above 0 and up to `highest`, or `default` if the field is absent.
    pub(super) fn positive_or(&self, field: &str, default: f64, highest: f64) -> Result<f64> {
        let Some(value) = self.get(field) else { return Ok(default) };
        value.as_f64().filter(|number| *number > 0.0 && *number <= highest).ok_or_else(|| {
            self.fault(field, format_args!("is {}, not a number above 0 and up to {highest}", short(value)))
        })
    }

    /// A list of `length` finite numbers, if the field is there.
    pub(super) fn numbers(&self, field: &str, length: usize) -> Result<Option<Vec<f32>>> {
        let Some(value) = self.get(field) else { return Ok(None) };
        let number = |value: &Value| {
            let number = value.as_f64().map(|number| number as f32).filter(|number| number.is_finite());
            number.ok_or_else(|| self.fault(field, format_args!("holds {}, not a number", short(value))))
        };
        self.list(field, value, &(length..=length))?.iter().map(number).collect::<Result<_>>().map(Some)
    }

    /// True or false, or `default` if the field is absent.
    pub(super) fn flag_or(&self, field: &str, default: bool) -> Result<bool> {
        let Some(value) = self.get(field) else { return Ok(default) };
        value.as_bool().ok_or_else(|| self.fault(field, format_args!("is {}, not true or false", short(value))))
    }

    /// One of the named `choices`, or `default` if the field is absent.
    pub(super) fn choice_or<T: Copy>(&self, field: &str, default: T, choices: &[(&str, T)]) -> Result<T> {
        self.get(field).map_or(Ok(default), |value| self.choose(field, value, choices))
    }

    /// A list of `length` of the named `choices`.
    pub(super) fn choices<T: Copy>(&self, field: &str, length: usize, choices: &[(&str, T)]) -> Result<Vec<T>> {
        let list = self.list(field, self.required(field)?, &(length..=length))?;
        list.iter().map(|value| self.choose(field, value, choices)).collect()
    }

    fn choose<T: Copy>(&self, field: &str, value: &Value, choices: &[(&str, T)]) -> Result<T> {
        let found = value.as_str().and_then(|text| choices.iter().find(|(name, _)| *name == text));
        found.map(|(_, choice)| *choice).ok_or_else(|| {
            let names: Vec<_> = choices.iter().map(|(name, _)| format!("`{name}`")).collect();
            self.fault(field, format_args!("is {}; supported: {}", short(value), names.join(", ")))
        })
    }

    /// Refuses settings that this crate computes in one way only: each must be absent or have its one value.
    pub(super) fn require_fixed(&self, settings: &[(&'static str, Value)]) -> Result<()> {
        for (field, only) in settings {
            if let Some(value) = self.map.get(*field)
                && !same(value, only)
            {
                return Err(self.fault(field, format_args!("is {}; only {only} is supported", short(value))));
            }
        }
        Ok(())
    }

    fn list<'v>(&self, field: &str, value: &'v Value, lengths: &RangeInclusive<usize>) -> Result<&'v [Value]> {
        let list = value.as_array().filter(|list| lengths.contains(&list.len()));
        list.map(Vec::as_slice).ok_or_else(|| {
            let (low, high) = (lengths.start(), lengths.end());
            let expected = if low == high { low.to_string() } else { format!("{low} to {high}") };
            self.fault(field, format_args!("is {}, not a list of {expected} values", short(value)))
        })
    }
}

/// Whether two settings mean the same; `1` and `1.0` do.
fn same(left: &Value, right: &Value) -> bool {
    left == right || left.as_f64().is_some_and(|number| right.as_f64() == Some(number))
}

/// A value for a message: whole if short, else its beginning.
fn short(value: &Value) -> String {
    let text = value.to_string();
    if text.chars().count() <= 60 { text } else { text.chars().take(57).chain("...".chars()).collect() }
}
