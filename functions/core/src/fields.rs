//! Reads a JSON object field by field and gathers everything that is wrong with it.

use std::ops::RangeInclusive;

use serde_json::{Map, Value};

use crate::error::{Error, Result, WrongField};

/// Numbers below this, which DynamoDB cannot hold, are as good as zero.
const SMALLEST: f64 = 1e-100;

/// The fields of a JSON object that nobody has read yet, and what was wrong with those that were.
#[derive(Debug, Clone)]
pub struct Fields {
    unread: Map<String, Value>,
    known: Vec<&'static str>,
    wrong: Vec<WrongField>,
}

impl Fields {
    /// The fields of `body`; an empty body has none.
    ///
    /// # Errors
    /// [`Error::Malformed`] if the body is not a JSON object.
    pub fn parse(body: &[u8]) -> Result<Self> {
        if body.iter().all(u8::is_ascii_whitespace) {
            return Ok(Self::new(Map::new()));
        }
        match serde_json::from_slice(body) {
            Ok(Value::Object(fields)) => Ok(Self::new(fields)),
            Ok(other) => Err(Error::Malformed(format!("the body is {}, not a JSON object", kind(&other)))),
            Err(error) => Err(Error::Malformed(format!("the body is not JSON: {error}"))),
        }
    }

    /// Fields that were read before.
    #[must_use]
    pub fn new(fields: Map<String, Value>) -> Self {
        Self { unread: fields, known: Vec::new(), wrong: Vec::new() }
    }

    /// Takes the field; `null` and absent are the same.
    fn take(&mut self, name: &'static str) -> Option<Value> {
        self.known.push(name);
        self.unread.remove(name).filter(|value| !value.is_null())
    }

    /// Whether the field is there and says `null`.
    #[must_use]
    pub fn is_null(&self, name: &str) -> bool {
        self.unread.get(name).is_some_and(Value::is_null)
    }

    /// Notes that a field is wrong.
    pub fn refuse(&mut self, field: impl Into<String>, message: impl Into<String>) {
        self.wrong.push(WrongField::new(field, message));
    }

    /// Whether the field was found wrong.
    #[must_use]
    pub fn is_refused(&self, field: &str) -> bool {
        self.wrong.iter().any(|wrong| wrong.field == field)
    }

    /// A text of at most `limit` characters that is not blank.
    pub fn text(&mut self, name: &'static str, limit: usize) -> Option<String> {
        let text = self.any_text(name, limit)?;
        if text.trim().is_empty() {
            self.refuse(name, "is blank: say something or leave it out");
            return None;
        }
        Some(text)
    }

    /// A text of at most `limit` characters.
    pub fn any_text(&mut self, name: &'static str, limit: usize) -> Option<String> {
        let value = self.take(name)?;
        self.checked_text(name.to_owned(), value, limit)
    }

    fn checked_text(&mut self, field: String, value: Value, limit: usize) -> Option<String> {
        let Value::String(text) = value else {
            self.refuse(field, format!("is {}, not a text", kind(&value)));
            return None;
        };
        let length = text.chars().count();
        if length > limit {
            self.refuse(field, format!("has {length} characters, the limit is {limit}: shorten it"));
            return None;
        }
        if text.contains('\0') {
            self.refuse(field, "contains a zero character: take it out");
            return None;
        }
        Some(text)
    }

    /// A whole number within `range`.
    pub fn whole(&mut self, name: &'static str, range: RangeInclusive<u64>) -> Option<u64> {
        let value = self.take(name)?;
        // JSON has one kind of number: 20.0 is 20.
        let whole = value.as_u64().or_else(|| {
            value.as_f64().filter(|number| number.fract() == 0.0 && (0.0..=9e15).contains(number)).map(|n| n as u64)
        });
        match whole {
            Some(number) if range.contains(&number) => return Some(number),
            _ if value.is_number() => {
                self.refuse(name, format!("{value} is not a whole number from {} to {}", range.start(), range.end()));
            }
            _ => self.refuse(name, format!("is {}, not a whole number", kind(&value))),
        }
        None
    }

    /// A number within `range`.
    pub fn number(&mut self, name: &'static str, range: RangeInclusive<f64>) -> Option<f64> {
        let value = self.take(name)?;
        self.checked_number(name, &value, &range)
    }

    /// A list of two numbers within `range`.
    pub fn pair(&mut self, name: &'static str, range: RangeInclusive<f64>) -> Option<(f64, f64)> {
        let value = self.take(name)?;
        let Some([first, second]) = value.as_array().map(Vec::as_slice) else {
            self.refuse(name, format!("is {}, not a list of two numbers", kind(&value)));
            return None;
        };
        Some((self.checked_number(name, first, &range)?, self.checked_number(name, second, &range)?))
    }

    fn checked_number(&mut self, name: &'static str, value: &Value, range: &RangeInclusive<f64>) -> Option<f64> {
        match value.as_f64() {
            Some(number) if range.contains(&number) && number.abs() < SMALLEST => return Some(0.0),
            Some(number) if range.contains(&number) => return Some(number),
            Some(number) => {
                self.refuse(name, format!("{number} is out of bounds: use {} to {}", range.start(), range.end()));
            }
            None => self.refuse(name, format!("is {}, not a number", kind(value))),
        }
        None
    }

    /// True or false.
    pub fn flag(&mut self, name: &'static str) -> Option<bool> {
        let value = self.take(name)?;
        if !value.is_boolean() {
            self.refuse(name, format!("is {}, not true or false", kind(&value)));
        }
        value.as_bool()
    }

    /// One of `names`.
    pub fn choice(&mut self, name: &'static str, names: &[&str]) -> Option<String> {
        let text = self.any_text(name, 100)?;
        if names.contains(&text.as_str()) {
            return Some(text);
        }
        self.refuse(name, format!("`{text}` is none of {}", names.join(", ")));
        None
    }

    /// A list of texts that are not blank.
    pub fn texts(&mut self, name: &'static str, most: usize, limit: usize) -> Option<Vec<String>> {
        let value = self.take(name)?;
        let Value::Array(values) = value else {
            self.refuse(name, format!("is {}, not a list of texts", kind(&value)));
            return None;
        };
        if values.len() > most {
            self.refuse(name, format!("has {} entries, the limit is {most}", values.len()));
            return None;
        }
        let mut texts = Vec::new();
        for (index, value) in values.into_iter().enumerate() {
            let field = format!("{name}[{index}]");
            match self.checked_text(field.clone(), value, limit) {
                Some(text) if text.trim().is_empty() => self.refuse(field, "is blank: take it out"),
                Some(text) => texts.push(text),
                None => {}
            }
        }
        Some(texts)
    }

    /// An object whose values are texts.
    pub fn table(&mut self, name: &'static str, most: usize, limit: usize) -> Option<Vec<(String, String)>> {
        let value = self.take(name)?;
        let Value::Object(values) = value else {
            self.refuse(name, format!("is {}, not an object of texts", kind(&value)));
            return None;
        };
        if values.len() > most {
            self.refuse(name, format!("has {} entries, the limit is {most}", values.len()));
            return None;
        }
        let mut table = Vec::new();
        for (key, value) in values {
            let field = format!("{name}.{key}");
            if key.is_empty() || key.chars().count() > 100 {
                self.refuse(field, "has a name that is empty or longer than 100 characters");
            } else if let Some(text) = self.checked_text(field, value, limit) {
                table.push((key, text));
            }
        }
        Some(table)
    }

    /// What was wrong so far, for a reading that goes on elsewhere.
    pub fn take_wrong(&mut self) -> Vec<WrongField> {
        std::mem::take(&mut self.wrong)
    }

    /// Ends the reading.
    ///
    /// # Errors
    /// [`Error::Invalid`] with every wrong field, those that nobody asked for among them.
    pub fn finish(mut self) -> Result<()> {
        let known = self.known.join(", ");
        let advice = if known.is_empty() { "there are none here".to_owned() } else { format!("there are {known}") };
        let unknown: Vec<_> = self.unread.keys().cloned().collect();
        for name in unknown {
            self.refuse(name, format!("is not a field; {advice}"));
        }
        if self.wrong.is_empty() { Ok(()) } else { Err(Error::Invalid(self.wrong)) }
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}
