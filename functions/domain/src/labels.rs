//! What people label their tasks with.

use std::collections::BTreeMap;

use easel_settings::{Field, Kind, Presence};
use serde::Deserialize;

/// What a task is labelled with.
pub const LABELS: &[Field] = &[
    Field {
        name: "title",
        kind: Kind::text(200),
        presence: Presence::Optional,
        default: "none",
        help: "A human-readable title.",
    },
    Field {
        name: "tags",
        kind: Kind::Texts { most: 20, length: 50 },
        presence: Presence::Optional,
        default: "none",
        help: "Tags to find the task by.",
    },
    Field {
        name: "metadata",
        kind: Kind::Table { most: 20, length: 500 },
        presence: Presence::Optional,
        default: "none",
        help: "Whatever the client wants to keep with the task.",
    },
];

/// Labels of a task.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default)]
pub struct Labels {
    /// A title for people.
    pub title: Option<String>,
    /// Tags to find the task by.
    pub tags: Vec<String>,
    /// Whatever the client wants to keep with the task.
    pub metadata: BTreeMap<String, String>,
}
