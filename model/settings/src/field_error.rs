//! What is wrong with fields.

use std::fmt;

use crate::text::shortened;

/// Most errors that are listed one by one; the others are counted.
pub const MAX_ERRORS: usize = 20;
/// Most characters of a field's name in an error.
const MAX_FIELD: usize = 100;
/// Most characters of a message: a list of every setting fits in.
const MAX_MESSAGE: usize = 1_200;

/// What is wrong with one field of a JSON object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldError {
    /// Its name, or a path such as `tags[3]`.
    pub field: String,
    /// What is wrong with it and what would be right.
    pub message: String,
}

impl FieldError {
    /// An error of a field. What is longer than people read is cut: both parts may quote what somebody sent.
    pub fn new(field: impl AsRef<str>, message: impl AsRef<str>) -> Self {
        Self {
            field: shortened(field.as_ref(), MAX_FIELD).into_owned(),
            message: shortened(message.as_ref(), MAX_MESSAGE).into_owned(),
        }
    }
}

impl fmt::Display for FieldError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.field, self.message)
    }
}

/// Everything that is wrong with one request: the first errors one by one, the others as a number, so that what is said is
/// never much longer than what was sent.
#[derive(Debug, Clone, Default)]
pub struct FieldErrors {
    listed: Vec<FieldError>,
    more: usize,
}

impl FieldErrors {
    /// Adds what further fields have; what is not listed is not kept.
    pub fn extend<I: IntoIterator<Item = FieldError>>(&mut self, errors: I) {
        let mut errors = errors.into_iter();
        let room = MAX_ERRORS.saturating_sub(self.listed.len());
        self.listed.extend(errors.by_ref().take(room));
        self.more += errors.count();
    }

    /// Adds one error for each of these names of unknown fields; only the first says which names there are.
    pub fn unknown<'a>(
        &mut self,
        names: impl ExactSizeIterator<Item = &'a str>,
        what: &str,
        known: impl FnOnce() -> String,
    ) {
        let (room, all) = (MAX_ERRORS.saturating_sub(self.listed.len()), names.len());
        let mut advice = (all > 0).then(known);
        let listed = names.take(room).map(|name| match advice.take() {
            Some(known) => FieldError::new(name, format!("is not a {what}; {known}")),
            None => FieldError::new(name, format!("is not a {what}")),
        });
        self.listed.extend(listed);
        self.more += all.saturating_sub(room);
    }

    /// Adds an error.
    pub fn push(&mut self, error: FieldError) {
        self.extend([error]);
    }

    /// `value` if nothing is wrong.
    ///
    /// # Errors
    /// What is wrong; the last one says how many are not listed.
    pub fn or<T>(mut self, value: T) -> Result<T, Vec<FieldError>> {
        if self.listed.is_empty() {
            return Ok(value);
        }
        if self.more > 0 {
            let message = format!("{} are not listed: mend these first", self.more);
            self.listed.push(FieldError::new("more errors", message));
        }
        Err(self.listed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_listed_is_counted() {
        let names: Vec<_> = (0..9_000).map(|number| format!("field{number}")).collect();
        let mut errors = FieldErrors::default();
        errors.push(FieldError::new("steps", "is missing"));
        errors.unknown(names.iter().map(String::as_str), "field", || "there are steps, seed".to_owned());
        errors.push(FieldError::new("seed", "is missing"));
        let errors: Vec<_> = errors.or(()).expect_err("wrong").iter().map(ToString::to_string).collect();
        assert_eq!(errors.len(), MAX_ERRORS + 1);
        assert_eq!(errors[1], "field0: is not a field; there are steps, seed");
        assert_eq!(errors[2], "field1: is not a field");
        assert_eq!(errors[MAX_ERRORS], "more errors: 8982 are not listed: mend these first");
        assert!(FieldErrors::default().or(()).is_ok());
    }

    #[test]
    fn what_somebody_sent_is_quoted_in_part() {
        let error = FieldError::new("ä".repeat(60_000), "x".repeat(60_000));
        assert_eq!(error.field.chars().count(), MAX_FIELD);
        assert!(error.field.ends_with('…') && error.message.len() <= MAX_MESSAGE + 2, "{error}");
        assert_eq!(FieldError::new("a\u{1b}]0;b\n", "").field, "a\u{fffd}]0;b\u{fffd}");
    }
}
