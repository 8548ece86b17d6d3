//! From what a person says with a move to a change of the task.

use easel_domain::identity::Identity;
use easel_domain::task::{Change, GRACE_PERIOD, Move, Task};
use easel_domain::{Error, Relabelling, Result, read_changes};
use easel_settings::{FieldError, Missing, SETTINGS};
use easel_storage::workflow::Workflow;
use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::fields::{SAME, of_move};

/// A move and what is said with it, checked once, however many tasks it is made on.
#[derive(Debug, Clone)]
pub(super) struct Words {
    action: Move,
    values: Map<String, Value>,
}

impl Words {
    /// What `object` says with the move.
    ///
    /// # Errors
    /// Returns [`Error::Invalid`] with everything that is wrong whatever the task.
    pub(super) fn read(action: Move, object: Map<String, Value>) -> Result<Self> {
        let values = if action == Move::Relabel {
            Relabelling::read(object.clone())?;
            Ok(object)
        } else if action == Move::Retry {
            let same = asks_for_the_same(&object)?;
            let object: Map<_, _> = object.into_iter().filter(|(name, _)| same || name != SAME.name).collect();
            // What is null or left out means something only beside the task's own settings.
            let settings = object.clone().into_iter().filter(|(name, _)| name != SAME.name).collect();
            easel_settings::read(SETTINGS, settings, Missing::Filled).map(|_| object)
        } else {
            easel_settings::read(of_move(action), object, Missing::Refused)
        };
        Ok(Self { action, values: values.map_err(Error::Invalid)? })
    }

    /// The move.
    pub(super) fn action(&self) -> Move {
        self.action
    }

    /// The change of `task` that `by` asks for.
    ///
    /// # Errors
    /// Returns [`Error::Invalid`] with everything that is wrong for this task.
    pub(super) fn change(&self, task: &Task, by: &Identity) -> Result<Change> {
        let mut values = self.values.clone();
        match self.action {
            Move::Retry if values.contains_key(SAME.name) => Ok(Change::Redrive),
            Move::Retry => Ok(Change::Retry { settings: Box::new(read_changes(&task.attempt.settings, values)?) }),
            Move::Relabel => Relabelling::read(values)?.change(task),
            Move::Publish => Ok(Change::Publish { publication: Workflow::publication(task, by) }),
            Move::Delete => Ok(Change::Delete { after: Timestamp::now() + GRACE_PERIOD }),
            action => {
                values.insert("kind".to_owned(), Value::from(action.as_str()));
                let change = serde_json::from_value(Value::Object(values));
                change.map_err(|error| Error::Invalid(vec![FieldError::new("body", error.to_string())]))
            }
        }
    }
}

/// Whether the attempt that failed is to be made once more as it was.
fn asks_for_the_same(object: &Map<String, Value>) -> Result<bool> {
    let wrong = |message: &str| Err(Error::Invalid(vec![FieldError::new(SAME.name, message)]));
    match object.get(SAME.name) {
        None | Some(Value::Null | Value::Bool(false)) => Ok(false),
        Some(Value::Bool(true)) if object.len() == 1 => Ok(true),
        Some(Value::Bool(true)) => wrong("stands alone: leave the settings out, or leave `same` out"),
        Some(_) => wrong("is neither true nor false"),
    }
}

#[cfg(test)]
mod tests {
    use easel_domain::Labels;
    use easel_domain::identity::Role;
    use easel_domain::task::{Area, ImageNote, NewTask, Region, Settings};
    use serde_json::json;
    use uuid::Uuid;

    use super::*;

    fn reading(action: Move, body: Value) -> Result<Change> {
        let by = Identity::new("ada", Role::Reviewer);
        let new = NewTask {
            id: Uuid::nil(),
            owner: by.name.clone(),
            settings: Settings::new("a heart"),
            labels: Labels::default(),
            source: None,
            approvals_needed: 1,
        };
        let (task, _) = Task::create(new, &by, Timestamp::UNIX_EPOCH);
        let Value::Object(object) = body else { panic!("an object") };
        Words::read(action, object)?.change(&task, &by)
    }

    #[test]
    fn the_change_is_that_of_the_move() {
        for action in Move::BY_PEOPLE {
            let needs_reason = matches!(action, Move::Reject | Move::Reopen);
            let body = if needs_reason { json!({"reason": "blurred"}) } else { json!({}) };
            assert_eq!(reading(action, body).expect("a change").action(), Some(action));
        }
        let reject = Change::Reject { reason: "blurred".to_owned(), notes: Vec::new(), regions: Vec::new() };
        assert_eq!(reading(Move::Reject, json!({"reason": "blurred"})), Ok(reject));
        assert_eq!(
            reading(Move::Approve, json!({"note": null})),
            Ok(Change::Approve { note: None, images: None, notes: Vec::new() })
        );
        assert_eq!(reading(Move::Retry, json!({"same": true})), Ok(Change::Redrive));
        assert!(matches!(reading(Move::Retry, json!({"same": false, "seed": 7})), Ok(Change::Retry { .. })));
        let body = json!({
            "reason": "hands",
            "notes": [{"image": 1, "note": "six fingers"}],
            "regions": [{"image": 1, "x": 0.25, "y": 1}],
        });
        let area = Area { x: 0.25, y: 1.0, width: None, height: None };
        let notes = vec![ImageNote { image: 1, note: "six fingers".to_owned() }];
        let regions = vec![Region { image: 1, area, note: None }];
        assert_eq!(reading(Move::Reject, body), Ok(Change::Reject { reason: "hands".to_owned(), notes, regions }));
        let cancel = Change::Cancel { reason: Some("late".to_owned()) };
        assert_eq!(reading(Move::Cancel, json!({"reason": "late"})), Ok(cancel));
    }

    #[test]
    fn what_a_move_does_not_take_is_refused() {
        for (action, body) in [
            (Move::Reject, json!({})),
            (Move::Reopen, json!({})),
            (Move::Reject, json!({"reason": "hands", "regions": [{"image": 0, "x": 2, "y": 0}]})),
            (Move::Reject, json!({"reason": "hands", "notes": [{"image": 0}]})),
            (Move::Approve, json!({"regions": [{"image": 0, "x": 0.5, "y": 0.5}]})),
            (Move::Approve, json!({"kind": "delete"})),
            (Move::Cancel, json!({"note": "late"})),
            (Move::Publish, json!({"publication": {}})),
            (Move::Delete, json!({"after": "2026-01-01T00:00:00Z"})),
            (Move::Retry, json!({"title": "another"})),
            (Move::Retry, json!({"same": true, "seed": 7})),
            (Move::Retry, json!({"same": "yes"})),
            (Move::Claim, json!({})),
        ] {
            assert!(matches!(reading(action, body), Err(Error::Invalid(_))), "{action}");
        }
    }
}
