//! Tasks by the beginning of their ids.

use easel_domain::task::Status;
use jiff::Timestamp;
use serde_json::Value;

use super::Client;
use crate::command_error::CommandError;

/// Least hexadecimal digits that name a task: those that say in which minute it was asked for.
const LEAST: usize = 8;
/// Hexadecimal digits of an id, and those of its time in milliseconds.
const DIGITS: usize = 32;
const OF_TIME: usize = 12;
/// Most tasks among which the one that is meant is looked for.
const MOST: usize = 100;

/// The id of the task that `given` names: all of its id, or so much of its beginning that no other begins like it.
///
/// # Errors
/// None begins like this, or several; the service's.
pub(super) fn task_id(client: &Client, given: &str) -> Result<String, CommandError> {
    let digits: String = given.chars().filter(|letter| *letter != '-').collect::<String>().to_lowercase();
    let is_beginning = (LEAST..DIGITS).contains(&digits.len()) && digits.chars().all(|digit| digit.is_ascii_hexdigit());
    // The service says what is wrong with what is no id.
    let Some((after, before)) = (if is_beginning { times(&digits) } else { None }) else { return Ok(given.to_owned()) };
    let statuses = Status::ALL.map(Status::as_str).join(",");
    let parameters = [
        ("status", statuses),
        ("created_after", after.to_string()),
        ("created_before", before.to_string()),
        ("limit", MOST.to_string()),
    ];
    let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(parameters).finish();
    let page = client.get(&format!("/v1/tasks?{query}"))?;
    let tasks = page["tasks"].as_array().map(Vec::as_slice).unwrap_or_default();
    let ids = tasks.iter().filter_map(|task| task["id"].as_str());
    let found: Vec<_> = ids.filter(|id| id.replace('-', "").starts_with(&digits)).collect();
    match found.as_slice() {
        [id] if page["next_cursor"] == Value::Null => Ok((*id).to_owned()),
        [] => Err(CommandError::wrong_use(format!(
            "there is no task whose id begins with {given}: `easel list` shows ids"
        ))),
        _ => Err(CommandError::wrong_use(format!("several tasks have ids that begin with {given}: give more of it"))),
    }
}

/// The first and the last millisecond, the latter not included, of ids that begin with these digits.
fn times(digits: &str) -> Option<(Timestamp, Timestamp)> {
    let time = |fill: &str| {
        let all = digits.chars().chain(fill.repeat(DIGITS - digits.len()).chars()).take(OF_TIME).collect::<String>();
        i64::from_str_radix(&all, 16).ok()
    };
    let at = |milliseconds| Timestamp::from_millisecond(milliseconds).ok();
    Some((at(time("0")?)?, at(time("f")? + 1)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_beginning_of_an_id_is_a_time() {
        let id = uuid::Uuid::from_u128(1_700_000_000_123_u128 << 80 | 7).simple().to_string();
        let exact = Timestamp::from_millisecond(1_700_000_000_123).expect("a time");
        let next = Timestamp::from_millisecond(1_700_000_000_124).expect("a time");
        for length in [12, 20, 31] {
            assert_eq!(times(&id[..length]), Some((exact, next)), "{length}");
        }
        let (first, last) = times(&id[..8]).expect("times");
        assert!(first <= exact && exact < last);
        assert_eq!(last.as_millisecond() - first.as_millisecond(), 1 << 16);
    }
}
