//! How large rows become at the limits that are declared for what they hold.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::AttributeValue;
use easel_domain::identity::{Identity, Role};
use easel_domain::task::{
    Area, Change, GRACE_PERIOD, GeneratedImage, GenerationReport, ImageNote, MAX_APPROVALS_NEEDED, MAX_ATTEMPTS,
    MAX_NAME, MAX_NOTE, MAX_REGIONS, MAX_REMARK, Move, NewTask, Publication, Region, Task, UsedFile, UsedKind,
};
use easel_domain::{Labels, TaskRequest};
use easel_settings::{Kind, SchedulerName};
use jiff::Timestamp;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::Store;
use super::indexes::{BY_OWNER, BY_STATUS, LISTED, SHARDS};
use super::rows::{self, Row};
use crate::gallery::keys;

/// DynamoDB's limit.
pub(super) const LIMIT: usize = 400 * 1024;
/// Write units a second that `DynamoDB` takes for one key of an index.
const UNITS: usize = 1_000;
/// The largest identity that a token can bring.
const MAX_SUBJECT: usize = 255;
/// Most images of an attempt.
const MOST_IMAGES: u32 = 8;

/// A text of the characters that take most bytes.
fn text(characters: usize) -> String {
    "𝄞".repeat(characters)
}

/// The largest value that a field may hold.
fn largest(kind: Kind) -> Value {
    match kind {
        Kind::Text { most, .. } => json!(text(most)),
        Kind::Whole { least, most, multiple_of } => json!((most / multiple_of * multiple_of).max(least)),
        Kind::Number { least, most } => json!(least + (most - least) * 0.123_456_789_012_345_6),
        Kind::Flag => json!(true),
        Kind::Choice(names) => json!(names.iter().max_by_key(|name| name.len())),
        Kind::Scheduler => json!(SchedulerName::all().map(|name| name.to_string()).max_by_key(String::len)),
        Kind::Interval => json!([0.123_456_789_012_345_6, 0.923_456_789_012_345_6]),
        Kind::Size | Kind::Offset => json!([65_536, 65_536]),
        Kind::Texts { most, length } => (0..most).map(|place| json!(numbered(place, length))).collect(),
        Kind::Indexes { of } => json!((0..of).collect::<Vec<_>>()),
        Kind::Area => json!({"x": 0.1234, "y": 0.1234, "width": 0.1234, "height": 0.1234}),
        Kind::ImageNotes { of, length } => (0..of).map(|image| json!({"image": image, "note": text(length)})).collect(),
        Kind::Regions { most, of, length } => {
            let entry = json!({"image": of - 1, "x": 0.1234, "y": 0.1234, "width": 0.1234, "height": 0.1234, "note": text(length)});
            json!(vec![entry; most])
        }
        Kind::WeightedNames { most, length, bound } => {
            let entry = |place| json!({"name": numbered(place, length), "weight": -bound * 0.123_456_789_012_345_6});
            (0..most).map(entry).collect()
        }
        Kind::Image => json!(text(120)),
        Kind::Images { most } => (0..most).map(|place| json!(numbered(place, 120))).collect(),
        Kind::Records { most, parts } => {
            let record: Map<_, _> = parts.iter().map(|part| (part.name.to_owned(), largest(part.kind))).collect();
            // Control images begin before they end.
            let record =
                Map::from_iter(record.into_iter().chain([("start".to_owned(), json!(0.012_345_678_901_234_56))]));
            (0..most).map(|_| Value::Object(record.clone())).collect()
        }
        Kind::Table { most, length } => {
            let entries = (0..most).map(|place| (numbered(place, 100), json!(text(length))));
            Value::Object(entries.collect())
        }
    }
}

/// A largest text of its own.
fn numbered(place: usize, characters: usize) -> String {
    format!("{place:02}{}", text(characters - 2))
}

/// The largest request that is accepted.
fn request() -> TaskRequest {
    let fields = TaskRequest::fields();
    let object = fields.iter().map(|field| (field.name.to_owned(), largest(field.kind)));
    // The second pass is larger, and has the same limit.
    let first_pass = [("width".to_owned(), json!(2744)), ("height".to_owned(), json!(2744))];
    let mut object: Map<_, _> = object.chain(first_pass).collect();
    // Tiles keep no attention.
    object.remove("attention_gate");
    TaskRequest::read(object).expect("it is within all limits")
}

fn person() -> Identity {
    Identity {
        token_id: Some(text(MAX_NAME)),
        request_id: Some(text(MAX_NAME)),
        ..Identity::new(text(MAX_SUBJECT), Role::Admin)
    }
}

fn created() -> (Task, easel_domain::task::Event) {
    let TaskRequest { settings, labels } = request();
    let new = NewTask {
        id: Uuid::max(),
        owner: text(MAX_SUBJECT),
        settings,
        labels,
        source: Some(text(256)),
        approvals_needed: MAX_APPROVALS_NEEDED,
    };
    Task::create(new, &person(), Timestamp::now())
}

/// Every change, as large as it may be; what workers say is larger than that, because they may say anything.
fn changes(task: &Task) -> Vec<Change> {
    let publication = Publication {
        by: text(MAX_SUBJECT),
        at: Timestamp::now(),
        keys: (0..MOST_IMAGES).map(|index| keys::published(task.id, u64::MAX, index)).collect(),
    };
    let note = || Some(text(MAX_NOTE));
    let notes = || (0..MOST_IMAGES).map(|image| ImageNote { image, note: text(MAX_REMARK) }).collect();
    let area = Area { x: 0.1234, y: 0.1234, width: Some(0.1234), height: Some(0.1234) };
    let region = Region { image: 0, area, note: Some(text(MAX_REMARK)) };
    let long = || text(100_000);
    let changes = vec![
        Change::Claim {
            worker: text(MAX_SUBJECT),
            step: 1,
            used: vec![UsedFile { kind: UsedKind::Embedding, name: text(10_000), digest: text(10_000) }; 1_000],
        },
        Change::HandOn { step: 1, reason: long(), makes_way: false },
        Change::Finish { images: (0..MOST_IMAGES).map(|index| image(task.id, index)).collect(), generation: report() },
        Change::Fail { reason: long() },
        Change::Pause,
        Change::Resume,
        Change::Cancel { reason: note() },
        Change::Approve { note: note(), images: Some((0..8).collect()), notes: notes() },
        Change::Reject { reason: text(MAX_NOTE), notes: notes(), regions: vec![region; MAX_REGIONS] },
        Change::Publish { publication },
        Change::Unpublish { reason: note() },
        Change::Retry { settings: Box::new(request().settings) },
        Change::Reopen { reason: text(MAX_NOTE) },
        Change::Relabel {
            title: Some(text(200)),
            tags: (0..20).map(|place| numbered(place, 50)).collect(),
            approvals_needed: 4,
        },
        Change::Delete { after: Timestamp::now() + GRACE_PERIOD },
    ];
    let moves: Vec<_> = changes.iter().filter_map(Change::action).collect();
    assert_eq!(moves, Move::ALL, "each move is measured");
    changes
}

fn image(task: Uuid, index: u32) -> GeneratedImage {
    GeneratedImage {
        index,
        key: keys::image(task, MAX_ATTEMPTS, index),
        thumbnail_key: keys::thumbnail(task, MAX_ATTEMPTS, index),
        width: 2048,
        height: 2048,
        bytes: u64::MAX,
        seed: u64::MAX,
        sha256: "f".repeat(64),
    }
}

fn report() -> Box<GenerationReport> {
    Box::new(GenerationReport {
        model: text(10_000),
        device: text(10_000),
        device_name: text(10_000),
        precision: "int8".to_owned(),
        width: 2048,
        height: 2048,
        steps: 150,
        guidance_scale: 0.123_456_789_012_345_6,
        scheduler: "dpmpp_2m_sde_karras".to_owned(),
        refined: true,
        queue_seconds: 0.123_456_789_012_345_6,
        drawing_seconds: 0.123_456_789_012_345_6,
        step_seconds: 0.123_456_789_012_345_6,
        dollars_per_image: Some(0.123_456_789_012_345_6),
        warnings: vec![text(100_000); 1000],
    })
}

/// The bytes that DynamoDB counts, with the most that a number takes.
pub(super) fn size(row: &Row) -> usize {
    row.iter().map(|(name, value)| name.len() + value_size(value)).sum()
}

fn value_size(value: &AttributeValue) -> usize {
    match value {
        AttributeValue::S(text) => text.len(),
        AttributeValue::N(_) => 21,
        AttributeValue::B(bytes) => bytes.as_ref().len(),
        AttributeValue::L(values) => 3 + values.iter().map(|value| 1 + value_size(value)).sum::<usize>(),
        AttributeValue::M(values) => {
            3 + values.iter().map(|(name, value)| 1 + name.len() + value_size(value)).sum::<usize>()
        }
        _ => 1,
    }
}

/// The task's row as an index has it.
fn listed(task: &Task) -> Row {
    let row = rows::task(task).expect("a row").into_iter();
    let keys = ["PK", "SK", "id", BY_STATUS.key, BY_OWNER.key];
    row.filter(|(name, _)| LISTED.contains(&name.as_str()) || keys.contains(&name.as_str())).collect()
}

/// Makes every legal move from every state that can be reached, with the largest of everything.
#[test]
fn no_row_reaches_the_limit() {
    let (task, event) = created();
    let mut largest = BTreeMap::new();
    let mut measure = |kind: &'static str, row: &Row| {
        let largest = largest.entry(kind).or_insert(0);
        *largest = size(row).max(*largest);
    };
    let event_row = |event: &easel_domain::task::Event| {
        rows::write(&rows::task_partition(event.task), &rows::event_sort_key(event.version), event).expect("a row")
    };
    measure("task", &rows::task(&task).expect("a row"));
    measure("listed", &listed(&task));
    measure("event", &event_row(&event));
    let mut seen = Vec::new();
    let mut reached = vec![task];
    while let Some(task) = reached.pop() {
        for change in changes(&task) {
            // Each approval is somebody else's.
            let approvals = task.attempt.approvals.len();
            let by = Identity { name: numbered(approvals, MAX_SUBJECT), ..person() };
            let Ok((after, event)) = task.after(change, &by, Timestamp::now()) else { continue };
            measure("task", &rows::task(&after).expect("a row"));
            measure("listed", &listed(&after));
            measure("event", &event_row(&event));
            for attempt in after.attempts() {
                measure("attempt", &rows::attempt(after.id, attempt).expect("a row"));
            }
            let decided = (
                after.approval.is_some(),
                after.cancellation.is_some(),
                after.attempt.images.is_empty(),
                after.attempt.rejection.is_some(),
                after.attempt.approvals.len(),
            );
            let place = (after.status, after.attempt.number, decided, after.attempt.failure.is_some());
            if !seen.contains(&place) {
                seen.push(place);
                reached.push(after);
            }
        }
    }
    eprintln!("{largest:?}");
    assert_eq!(largest.keys().copied().collect::<Vec<_>>(), ["attempt", "event", "listed", "task"]);
    // One person makes 10 of the largest tasks a second, each of which is claimed and finished. In the index by owner, each
    // of the three moves is a write; in that by status, a task comes to a state and leaves it again.
    let units = largest["listed"].div_ceil(1024);
    for writes in [3, 2] {
        let needed = 10 * writes * units / usize::from(SHARDS);
        assert!(needed < UNITS, "one key of an index takes {needed} write units a second");
    }
    for (kind, size) in largest {
        assert!(size < LIMIT, "a row of a {kind} has {size} bytes");
    }
    assert!(seen.iter().any(|(_, attempt, ..)| *attempt == MAX_ATTEMPTS), "a task has had all its attempts");
}

#[test]
fn labels_are_measured_at_their_limits() {
    let Labels { title, tags, metadata } = request().labels;
    assert_eq!((title.map_or(0, |title| title.chars().count()), tags.len(), metadata.len()), (200, 20, 20));
}

/// `DynamoDB` takes 100 writes in one transaction.
#[test]
fn a_task_with_everything_is_made_and_relabelled_in_one_transaction() {
    let configuration = aws_sdk_dynamodb::Config::builder().behavior_version_latest().build();
    let store = Store::new(aws_sdk_dynamodb::Client::from_conf(configuration), "tasks");
    let (task, event) = created();
    let tags = store.tagged(&task).expect("rows").len();
    assert_eq!(tags, 40, "each tag is among everybody's tasks and among its owner's");
    let images = store.references(&task).expect("rows").len();
    let counted = store.counted(task.id, None, Some(task.status)).expect("a counter").len();
    let waiting = store.waiting(&task, &event).expect("rows").writes.len();
    let (task_and_event, key) = (2, 1);
    assert!(task_and_event + key + tags + images + counted + waiting <= 100);
    assert!(task_and_event + 2 * tags <= 100, "all tags in the place of all others");
}
