//! From a person's move and its body to a change of the task.

use easel_domain::identity::Identity;
use easel_domain::task::{Change, GRACE_PERIOD, Move, Task};
use easel_domain::{Error, Result, read_changes};
use easel_settings::{FieldError, Missing};
use easel_storage::workflow::Workflow;
use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::fields::{SAME, of_move};

/// The change of `task` that `by` asks for.
///
/// # Errors
/// Returns [`Error::Invalid`] with everything that is wrong with `object`.
pub(super) fn read(action: Move, object: Map<String, Value>, task: &Task, by: &Identity) -> Result<Change> {
    if action == Move::Retry {
        if let Some(redrive) = redrive(&object)? {
            return Ok(redrive);
        }
        let object = object.into_iter().filter(|(name, _)| name != SAME.name).collect();
        return Ok(Change::Retry { settings: Box::new(read_changes(&task.attempt.settings, object)?) });
    }
    let mut values = easel_settings::read(of_move(action), object, Missing::Refused).map_err(Error::Invalid)?;
    match action {
        Move::Publish => Ok(Change::Publish { publication: Workflow::publication(task, by) }),
        Move::Delete => Ok(Change::Delete { after: Timestamp::now() + GRACE_PERIOD }),
        _ => {
            values.insert("kind".to_owned(), Value::from(action.as_str()));
            let change = serde_json::from_value(Value::Object(values));
            change.map_err(|error| Error::Invalid(vec![FieldError::new("body", error.to_string())]))
        }
    }
}

/// The change that makes the failed attempt once more as it was, if it is asked for.
fn redrive(object: &Map<String, Value>) -> Result<Option<Change>> {
    let wrong = |message: &str| Err(Error::Invalid(vec![FieldError::new(SAME.name, message)]));
    match object.get(SAME.name) {
        None | Some(Value::Null | Value::Bool(false)) => Ok(None),
        Some(Value::Bool(true)) if object.len() == 1 => Ok(Some(Change::Redrive)),
        Some(Value::Bool(true)) => wrong("stands alone: leave the settings out, or leave `same` out"),
        Some(_) => wrong("is neither true nor false"),
    }
}

#[cfg(test)]
mod tests {
    use easel_domain::Labels;
    use easel_domain::identity::Role;
    use easel_domain::task::{NewTask, Settings};
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
        };
        let (task, _) = Task::create(new, &by, Timestamp::UNIX_EPOCH);
        let Value::Object(object) = body else { panic!("an object") };
        read(action, object, &task, &by)
    }

    #[test]
    fn the_change_is_that_of_the_move() {
        for action in Move::BY_PEOPLE {
            let body = if action == Move::Reject { json!({"reason": "blurred"}) } else { json!({}) };
            assert_eq!(reading(action, body).expect("a change").action(), Some(action));
        }
        let reject = Change::Reject { reason: "blurred".to_owned() };
        assert_eq!(reading(Move::Reject, json!({"reason": "blurred"})), Ok(reject));
        assert_eq!(reading(Move::Approve, json!({"note": null})), Ok(Change::Approve { note: None }));
        assert_eq!(reading(Move::Retry, json!({"same": true})), Ok(Change::Redrive));
        assert!(matches!(reading(Move::Retry, json!({"same": false, "seed": 7})), Ok(Change::Retry { .. })));
        let cancel = Change::Cancel { reason: Some("late".to_owned()) };
        assert_eq!(reading(Move::Cancel, json!({"reason": "late"})), Ok(cancel));
    }

    #[test]
    fn what_a_move_does_not_take_is_refused() {
        for (action, body) in [
            (Move::Reject, json!({})),
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
