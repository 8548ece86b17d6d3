//! What is wrong with a field.

use std::fmt;

/// What is wrong with one field of a JSON object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldError {
    /// Its name, or a path such as `tags[3]`.
    pub field: String,
    /// What is wrong with it and what would be right.
    pub message: String,
}

impl FieldError {
    /// An error of a field.
    pub fn new(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self { field: field.into(), message: message.into() }
    }
}

impl fmt::Display for FieldError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.field, self.message)
    }
}
