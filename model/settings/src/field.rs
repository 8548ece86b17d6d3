//! A field of a JSON object, described once.

use crate::kind::Kind;

/// A field: what it is called, what it may hold, and what it means.
#[derive(Debug, Clone, Copy)]
pub struct Field {
    /// Its name in JSON, in snake case.
    pub name: &'static str,
    /// What it may hold.
    pub kind: Kind,
    /// Whether it has to be there.
    pub presence: Presence,
    /// What holds where it is left out, for people.
    pub default: &'static str,
    /// What it means, for people: one or two sentences.
    pub help: &'static str,
}

/// Whether a field has to be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// It has to be.
    Required,
    /// It may be left out.
    Optional,
}
