//! Other labels for a task that is there: another title, other tags.

use easel_settings::{Field, FieldError, Kind, Missing, Presence};
use serde_json::{Map, Value};

use crate::error::{Error, Result};
use crate::task::{Change, Task};

/// Most tags of a task, and most characters of one.
const TAGS: Kind = Kind::Texts { most: MAX_TAGS, length: 50 };
const MAX_TAGS: usize = 20;

/// What can be said of the labels of a task that is there.
pub const RELABELLING: &[Field] = &[
    Field {
        name: "title",
        kind: Kind::text(200),
        presence: Presence::Optional,
        default: "as before",
        help: "A human-readable title; null takes it away.",
    },
    Field {
        name: "tags",
        kind: TAGS,
        presence: Presence::Optional,
        default: "as before",
        help: "All tags, in the place of those that are there.",
    },
    Field {
        name: "add_tags",
        kind: TAGS,
        presence: Presence::Optional,
        default: "none",
        help: "Tags beside those that are there.",
    },
    Field {
        name: "remove_tags",
        kind: TAGS,
        presence: Presence::Optional,
        default: "none",
        help: "Tags to take away, where they are there.",
    },
];

/// What somebody wants of a task's labels, checked once, however many tasks it is for.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Relabelling {
    /// The title; `Some(None)` takes it away.
    title: Option<Option<String>>,
    tags: Option<Vec<String>>,
    add: Vec<String>,
    remove: Vec<String>,
}

impl Relabelling {
    /// Reads what is to change.
    ///
    /// # Errors
    /// Returns [`Error::Invalid`] with everything that is wrong; nothing at all is wrong, too.
    pub fn read(object: Map<String, Value>) -> Result<Self> {
        let takes_title_away = object.get("title").is_some_and(Value::is_null);
        let values = easel_settings::read(RELABELLING, object, Missing::Refused).map_err(Error::Invalid)?;
        let texts = |name: &str| {
            let texts = values.get(name).and_then(Value::as_array)?;
            Some(texts.iter().filter_map(Value::as_str).map(str::to_owned).collect::<Vec<_>>())
        };
        let title = values.get("title").and_then(Value::as_str).map(|title| Some(title.to_owned()));
        let relabelling = Self {
            title: if takes_title_away { Some(None) } else { title },
            tags: texts("tags"),
            add: texts("add_tags").unwrap_or_default(),
            remove: texts("remove_tags").unwrap_or_default(),
        };
        let wrong = |field, message| Err(Error::Invalid(vec![FieldError::new(field, message)]));
        if relabelling == Self::default() {
            return wrong("title", "says nothing: name a title, tags, add_tags or remove_tags");
        }
        if relabelling.tags.is_some() && !(relabelling.add.is_empty() && relabelling.remove.is_empty()) {
            return wrong("tags", "are all tags: leave add_tags and remove_tags out, or leave this out");
        }
        Ok(relabelling)
    }

    /// The change of `task` that this is; how many reviewers the tags ask for, the service knows.
    ///
    /// # Errors
    /// Returns [`Error::Invalid`] if the task would have too many tags.
    pub fn change(&self, task: &Task) -> Result<Change> {
        let mut tags = self.tags.clone().unwrap_or_else(|| task.tags.clone());
        tags.retain(|tag| !self.remove.contains(tag));
        for tag in &self.add {
            if !tags.contains(tag) {
                tags.push(tag.clone());
            }
        }
        if tags.len() > MAX_TAGS {
            let message =
                format!("the task would have {} tags, the limit is {MAX_TAGS}: remove some first", tags.len());
            return Err(Error::Invalid(vec![FieldError::new("add_tags", message)]));
        }
        let title = self.title.clone().unwrap_or_else(|| task.title.clone());
        Ok(Change::Relabel { title, tags, approvals_needed: 0 })
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use serde_json::json;
    use uuid::Uuid;

    use super::*;
    use crate::Labels;
    use crate::identity::{Identity, Role};
    use crate::task::{NewTask, Settings};

    fn read(value: Value) -> Result<Relabelling> {
        let Value::Object(object) = value else { panic!("an object") };
        Relabelling::read(object)
    }

    fn labelled(title: &str, tags: &[&str]) -> Task {
        let tags = tags.iter().map(|tag| (*tag).to_owned()).collect();
        let new = NewTask {
            id: Uuid::nil(),
            owner: "carla".to_owned(),
            settings: Settings::new("a heart"),
            labels: Labels { title: Some(title.to_owned()), tags, ..Labels::default() },
            source: None,
            approvals_needed: 1,
        };
        Task::create(new, &Identity::new("carla", Role::Creator), Timestamp::UNIX_EPOCH).0
    }

    #[test]
    fn what_is_not_named_stays() {
        let task = labelled("Heart", &["red", "old"]);
        for (asked, title, tags) in [
            (json!({"title": "Hearts"}), Some("Hearts"), &["red", "old"][..]),
            (json!({"title": null}), None, &["red", "old"]),
            (json!({"tags": ["new"]}), Some("Heart"), &["new"]),
            (json!({"tags": []}), Some("Heart"), &[]),
            (json!({"add_tags": ["red", "new"], "remove_tags": ["old", "gone"]}), Some("Heart"), &["red", "new"]),
        ] {
            let Ok(Change::Relabel { title: new_title, tags: new_tags, .. }) =
                read(asked.clone()).expect("valid").change(&task)
            else {
                panic!("{asked}")
            };
            assert_eq!(
                (new_title.as_deref(), new_tags.as_slice()),
                (title, &tags.iter().map(|tag| (*tag).to_owned()).collect::<Vec<_>>()[..]),
                "{asked}"
            );
        }
    }

    #[test]
    fn what_says_nothing_or_two_things_or_too_much_is_refused() {
        for asked in [
            json!({}),
            json!({"add_tags": []}),
            json!({"tags": ["a"], "add_tags": ["b"]}),
            json!({"title": " "}),
            json!({"owner": "bob"}),
            json!({"tags": vec!["a"; 21]}),
        ] {
            assert!(matches!(read(asked.clone()), Err(Error::Invalid(_))), "{asked}");
        }
        let tags: Vec<_> = (0..20).map(|number| format!("tag {number}")).collect();
        let full = labelled("Heart", &tags.iter().map(String::as_str).collect::<Vec<_>>());
        assert!(matches!(read(json!({"add_tags": ["new"]})).expect("valid").change(&full), Err(Error::Invalid(_))));
        assert!(read(json!({"add_tags": ["new"], "remove_tags": ["tag 3"]})).expect("valid").change(&full).is_ok());
    }
}
