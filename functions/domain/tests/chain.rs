//! Whatever is changed in a history, its chain says where.

use easel_domain::Labels;
use easel_domain::identity::{Identity, Role};
use easel_domain::task::{Change, Event, EventRecord, NewTask, Settings, Status, Task, verify};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use uuid::Uuid;

const ID: Uuid = Uuid::from_u128(7);

/// A task with some history.
fn history() -> (Task, Vec<Event>) {
    let at = Timestamp::from_second(1_700_000_000).expect("a time");
    let labels = Labels { title: Some("Heart".to_owned()), ..Labels::default() };
    let settings = Settings { guidance_scale: Some(7.123_456_789_012_345), ..Settings::new("a heart") };
    let new = NewTask { id: ID, owner: "carla".to_owned(), settings, labels, source: None, approvals_needed: 1 };
    let carla = Identity {
        token_id: Some("t1".to_owned()),
        request_id: Some("r1".to_owned()),
        ..Identity::new("carla", Role::Creator)
    };
    let robin = Identity::new("robin", Role::Reviewer);
    let (mut task, first) = Task::create(new, &carla, at);
    let mut events = vec![first];
    for (number, (change, by)) in [
        (Change::Pause, &carla),
        (Change::Resume, &carla),
        (Change::Fail { reason: "no memory".to_owned() }, &Identity::worker("w")),
        (Change::Retry { settings: Box::new(Settings::new("a smaller heart")) }, &robin),
        (Change::Cancel { reason: Some("late".to_owned()) }, &robin),
    ]
    .into_iter()
    .enumerate()
    {
        let at = at + SignedDuration::from_secs(i64::try_from(number).expect("few"));
        let (after, event) = task.after(change, by, at).expect("a legal move");
        task = after;
        events.push(event);
    }
    (task, events)
}

fn records(events: &[Event]) -> Vec<EventRecord> {
    events.iter().map(Event::record).collect()
}

fn newest(task: &Task) -> Option<(u64, &str)> {
    task.newest_event.as_deref().map(|hash| (task.version, hash))
}

#[test]
fn a_history_that_nobody_touched_is_whole_also_as_text() {
    let (task, events) = history();
    assert_eq!(verify(ID, &records(&events), newest(&task)), Ok(6));
    assert_eq!(Task::replay(&events).as_ref(), Some(&task));
    let text = serde_json::to_string(&records(&events)).expect("JSON");
    let read: Vec<EventRecord> = serde_json::from_str(&text).expect("records");
    assert_eq!(verify(ID, &read, newest(&task)), Ok(6));
    // A task that has moved since its newest hash was read has more events, not others.
    assert_eq!(verify(ID, &records(&events), Some((4, &events[3].link.as_ref().expect("a link").hash))), Ok(6));
}

#[test]
fn every_change_of_an_event_is_found_at_that_event() {
    let (task, events) = history();
    let tampered = |place: usize, change: &dyn Fn(&mut Value)| {
        let mut record = serde_json::to_value(events[place].record()).expect("JSON");
        change(&mut record);
        let mut all = records(&events);
        all[place] = serde_json::from_value(record).expect("a record");
        verify(ID, &all, newest(&task)).expect_err("it was changed").version
    };
    for (place, event) in events.iter().enumerate() {
        let version = event.version;
        for (field, value) in [
            ("at", json!("2020-01-01T00:00:00Z")),
            ("by", json!({"name": "mallory", "role": "reviewer"})),
            ("change", json!("approve")),
            ("from", json!("rejected")),
            ("to", json!("deleted")),
            ("details", json!({"prompt": "another"})),
            ("link", json!({"digest": "0", "hash": "0"})),
        ] {
            assert_eq!(tampered(place, &|record| record[field] = value.clone()), version, "{field}");
        }
        let forged = |record: &mut Value| record["by"] = json!({"name": "carla", "role": "creator", "token_id": "t2"});
        assert_eq!(tampered(place, &forged), version, "the token");
    }
    let prompt = |record: &mut Value| record["details"]["settings"]["prompt"] = json!("an arrow");
    assert_eq!(tampered(0, &prompt), 1);
}

#[test]
fn what_is_missing_swapped_or_of_another_task_is_found() {
    let (task, events) = history();
    let all = records(&events);
    for (place, event) in events.iter().enumerate() {
        let mut fewer = all.clone();
        fewer.remove(place);
        let broken = verify(ID, &fewer, newest(&task)).expect_err("one is missing");
        assert_eq!(broken.version, if place + 1 == all.len() { 6 } else { event.version });
    }
    let mut swapped = all.clone();
    swapped.swap(1, 2);
    assert_eq!(verify(ID, &swapped, newest(&task)).expect_err("swapped").version, 2);
    assert_eq!(verify(Uuid::from_u128(8), &all, None).expect_err("another task's").version, 1);
    assert_eq!(verify(ID, &[], newest(&task)).expect_err("nothing is left").version, 6);
    let mut cut = all.clone();
    cut[3].link = None;
    assert_eq!(verify(ID, &cut, newest(&task)).expect_err("a hash is missing").version, 4);
}

#[test]
fn erased_events_still_say_who_did_what_and_a_forged_erasure_is_found() {
    let (task, mut events) = history();
    for event in &mut events {
        event.change = event.change.erased();
    }
    assert_eq!(verify(ID, &records(&events), newest(&task)), Ok(6));
    assert_eq!(Task::replay(&events), None);
    let text = serde_json::to_string(&events).expect("JSON");
    for said in ["heart", "Heart", "no memory", "late"] {
        assert!(!text.contains(said), "{said}");
    }
    let read: Vec<Event> = serde_json::from_str(&text).expect("events");
    assert_eq!(read, events);
    let records = records(&read);
    let changes: Vec<_> = records.iter().map(|record| record.change.as_str()).collect();
    assert_eq!(changes, ["create", "pause", "resume", "fail", "retry", "cancel"]);
    assert!(records.iter().all(|record| record.erased && record.details == json!({})));
    assert_eq!(read[0].change.owner(), Some("carla"));

    let (_, mut forged) = history();
    forged[3].change = Change::Erased { was: Some(easel_domain::task::Move::Approve), owner: None };
    forged[3].to = Status::Approved;
    let forged: Vec<_> = forged.iter().map(Event::record).collect();
    assert_eq!(verify(ID, &forged, None).expect_err("it was a failure").version, 4);
}

#[test]
fn a_history_from_before_there_was_a_chain_begins_one_with_its_next_event() {
    let (task, mut events) = history();
    for event in &mut events {
        event.link = None;
    }
    let old = Task { newest_event: None, ..task };
    assert_eq!(Task::replay(&events).as_ref(), Some(&old));
    assert_eq!(verify(ID, &records(&events), None), Ok(0));
    let delete = Change::Delete { after: old.updated_at };
    let (task, event) = old.after(delete, &Identity::new("ada", Role::Admin), old.updated_at).expect("a legal move");
    events.push(event);
    assert_eq!(verify(ID, &records(&events), newest(&task)), Ok(1));
    assert_eq!(Task::replay(&events), Some(task));
}
