//! Random sequences of changes: whatever is tried, a task stays on the legal graph, its history gives the task, and
//! nothing that generation stored is lost.

use std::collections::{BTreeMap, HashSet};

use easel_domain::Labels;
use easel_domain::identity::{Identity, Role};
use easel_domain::task::{
    Area, Change, Circumstances, GRACE_PERIOD, GeneratedImage, GenerationReport, ImageNote, MAX_ATTEMPTS, MAX_EVENTS,
    Move, NewTask, Publication, Refusal, Region, Settings, Status, Task, UsedFile, UsedKind,
};
use easel_settings::LoraReference;
use jiff::{SignedDuration, Timestamp};
use rand_mt::Mt64;
use uuid::Uuid;

const SEQUENCES: u64 = 10_000;
const LENGTH: u64 = 40;

/// Where a task stood before it was cancelled or deleted.
const WHERE_IT_STOOD: &str = "where it stood";

/// The graph as the design draws it, apart from the code.
const LEGAL: &[(&str, &str, &str)] = &[
    ("pending", "claim", "in_progress"),
    ("in_progress", "claim", "in_progress"),
    ("in_progress", "hand_on", "pending"),
    ("in_progress", "finish", "awaiting_approval"),
    ("pending", "fail", "failed"),
    ("in_progress", "fail", "failed"),
    ("pending", "pause", "paused"),
    ("in_progress", "pause", "paused"),
    ("paused", "resume", "pending"),
    ("pending", "cancel", "cancelled"),
    ("in_progress", "cancel", "cancelled"),
    ("paused", "cancel", "cancelled"),
    ("awaiting_approval", "cancel", "cancelled"),
    ("rejected", "cancel", "cancelled"),
    ("failed", "cancel", "cancelled"),
    ("awaiting_approval", "approve", "approved"),
    ("awaiting_approval", "reject", "rejected"),
    ("approved", "publish", "published"),
    ("published", "unpublish", "approved"),
    ("rejected", "retry", "pending"),
    ("failed", "retry", "pending"),
    ("approved", "reopen", "awaiting_approval"),
    ("rejected", "reopen", "awaiting_approval"),
    ("cancelled", "reopen", WHERE_IT_STOOD),
    ("deleted", "reopen", WHERE_IT_STOOD),
    ("pending", "relabel", "pending"),
    ("in_progress", "relabel", "in_progress"),
    ("paused", "relabel", "paused"),
    ("awaiting_approval", "relabel", "awaiting_approval"),
    ("approved", "relabel", "approved"),
    ("published", "relabel", "published"),
    ("rejected", "relabel", "rejected"),
    ("failed", "relabel", "failed"),
    ("cancelled", "relabel", "cancelled"),
    ("pending", "delete", "deleted"),
    ("in_progress", "delete", "deleted"),
    ("paused", "delete", "deleted"),
    ("awaiting_approval", "delete", "deleted"),
    ("approved", "delete", "deleted"),
    ("published", "delete", "deleted"),
    ("rejected", "delete", "deleted"),
    ("failed", "delete", "deleted"),
    ("cancelled", "delete", "deleted"),
];

#[test]
fn the_moves_are_those_of_the_design() {
    for from in Status::ALL {
        for action in Move::ALL {
            let expected = LEGAL.iter().find(|(status, name, _)| *status == from.as_str() && *name == action.as_str());
            for stood in Status::ALL {
                let after = from.after(action, Circumstances { stood, is_enough: true }).map(Status::as_str);
                let to = expected.map(|(_, _, to)| if *to == WHERE_IT_STOOD { stood.as_str() } else { *to });
                assert_eq!(after, to, "{from} {action}");
            }
        }
    }
    let one_of_two = Circumstances { is_enough: false, ..Circumstances::default() };
    assert_eq!(Status::AwaitingApproval.after(Move::Approve, one_of_two), Some(Status::AwaitingApproval));
    for status in Status::ALL {
        assert_eq!(Status::named(status.as_str()), Some(status));
        assert_eq!(serde_json::to_value(status).expect("a name"), status.as_str());
    }
    for action in Move::ALL {
        assert_eq!(Move::named(action.as_str()), Some(action));
        assert_eq!(serde_json::to_value(action).expect("a name"), action.as_str());
    }
}

#[test]
fn no_sequence_of_changes_leaves_the_graph_or_loses_anything() {
    let mut reached = HashSet::new();
    for seed in 0..SEQUENCES {
        let mut random = Mt64::new(seed);
        let mut at = Timestamp::from_second(1_700_000_000).expect("a time");
        let (mut task, event) = Task::create(new_task(&mut random), &somebody(&mut random), at);
        let mut events = vec![event];
        let mut drawn: Vec<GeneratedImage> = Vec::new();
        let mut expected = Expected::default();
        for _ in 0..random.next_u64() % LENGTH {
            at += SignedDuration::from_millis(i64::try_from(random.next_u64() % 5_000).expect("small"));
            let (change, by) = (any_change(&mut random), somebody(&mut random));
            let action = change.action().expect("not a creation");
            let legal = LEGAL.iter().find(|(from, name, _)| *from == task.status.as_str() && *name == action.as_str());
            match (task.after(change.clone(), &by, at), legal) {
                (Ok((after, event)), Some((_, _, to))) => {
                    let to = expected.after(&task, &change, &by, to);
                    assert_eq!(after.status.as_str(), to, "sequence {seed}");
                    assert_eq!((after.version, event.version), (task.version + 1, task.version + 1));
                    assert_eq!((event.from, event.to, &event.by), (Some(task.status), after.status, &by));
                    match change {
                        Change::Finish { images, .. } => drawn.extend(images),
                        Change::Relabel { title, tags, .. } => {
                            assert_eq!((&after.title, &after.tags), (&title, &tags));
                        }
                        _ => assert_eq!((&after.title, &after.tags), (&task.title, &task.tags)),
                    }
                    task = after;
                    events.push(event);
                }
                (Err(Refusal::TooManyAttempts), Some(_)) => assert_eq!(task.attempt.number, MAX_ATTEMPTS),
                (Err(Refusal::NoSuchImages { count: 2 }), Some(_)) => {
                    let Change::Approve { images: Some(images), .. } = &change else { panic!("{change:?}") };
                    assert!(images.is_empty() || images.contains(&2), "{images:?}");
                }
                (Err(Refusal::NoSuchImage { count: 2, .. }), Some(_)) => assert!(names_a_third(&change), "{change:?}"),
                (Err(Refusal::NothingInCommon { .. }), Some(_)) => {
                    let Change::Approve { images: Some(images), .. } = &change else { panic!("{change:?}") };
                    assert!(!expected.agreed_without(&by.name).iter().any(|index| images.contains(index)));
                }
                (Err(Refusal::NotFailed), Some(_)) => assert_eq!(task.status, Status::Rejected),
                (Err(Refusal::Illegal { status, action: tried }), None) => {
                    assert_eq!((status, tried), (task.status, action));
                }
                (result, legal) => panic!("{} by {action}: {result:?}, the graph says {legal:?}", task.status),
            }
            reached.insert(task.status);
        }

        assert_eq!(Task::replay(&events).as_ref(), Some(&task), "sequence {seed}");
        let kept: Vec<_> = task.attempts().flat_map(|attempt| &attempt.images).collect();
        assert_eq!(kept, drawn.iter().collect::<Vec<_>>(), "sequence {seed}");
        let approved: Vec<_> = task.approved_images().map(|image| image.index).collect();
        if task.approval.is_some() {
            assert_eq!(expected.approvals.len(), usize::try_from(task.attempt.approvals_needed).expect("small"));
            assert_eq!(approved, expected.agreed_without(""), "sequence {seed}");
            assert!(!approved.is_empty(), "sequence {seed}");
        } else {
            let by: HashSet<_> = task.attempt.approvals.iter().map(|approval| approval.decision.by.clone()).collect();
            assert_eq!(by.len(), task.attempt.approvals.len(), "a reviewer counts once");
            assert_eq!(by, expected.approvals.keys().cloned().collect::<HashSet<_>>(), "sequence {seed}");
        }
        assert!(task.cancellation.is_none() || matches!(task.status, Status::Cancelled | Status::Deleted));
        assert_eq!(task.deletion.is_some(), task.status == Status::Deleted, "sequence {seed}");
        let is_rejected = task.attempt.rejection.is_some();
        assert!(!is_rejected || matches!(task.status, Status::Rejected | Status::Cancelled | Status::Deleted));
        assert_eq!(task.publication.is_some(), task.status == Status::Published, "sequence {seed}");
        let numbers: Vec<_> = task.attempts().map(|attempt| attempt.number).collect();
        assert_eq!(numbers, (1..=task.attempt.number).collect::<Vec<_>>(), "sequence {seed}");
        let json = serde_json::to_string(&events).expect("events are JSON");
        let read: Vec<_> = serde_json::from_str(&json).expect("events are read back");
        assert_eq!(events, read, "sequence {seed}");
    }
    assert_eq!(reached.len(), Status::ALL.len(), "{reached:?}");
}

/// What the moves should lead to, worked out from the moves alone.
#[derive(Debug, Default)]
struct Expected {
    cancelled_from: Option<&'static str>,
    deleted_from: Option<&'static str>,
    /// Who approves the current attempt, and which of two images.
    approvals: BTreeMap<String, Vec<u32>>,
}

impl Expected {
    /// Where the legal `change` of `task` leads, which the graph says leads `to`.
    fn after(&mut self, task: &Task, change: &Change, by: &Identity, to: &'static str) -> &'static str {
        let stood = match task.status {
            Status::InProgress => "pending",
            Status::Published => "approved",
            other => other.as_str(),
        };
        match change {
            Change::Cancel { .. } => self.cancelled_from = Some(stood),
            Change::Delete { .. } => self.deleted_from = Some(stood),
            Change::Reopen { .. } if task.status == Status::Deleted => {
                return self.deleted_from.expect("it was deleted");
            }
            Change::Reopen { .. } if task.status == Status::Cancelled => {
                return self.cancelled_from.expect("it was cancelled");
            }
            Change::Reopen { .. } | Change::Reject { .. } | Change::Retry { .. } => self.approvals.clear(),
            Change::Approve { images, .. } => {
                self.approvals.insert(by.name.clone(), images.clone().unwrap_or_else(|| vec![0, 1]));
                if self.approvals.len() < usize::try_from(task.attempt.approvals_needed).expect("small") {
                    return "awaiting_approval";
                }
            }
            _ => {}
        }
        to
    }

    /// Which of two images everybody but one approves.
    fn agreed_without(&self, name: &str) -> Vec<u32> {
        let others = self.approvals.iter().filter(|(by, _)| *by != name);
        let mut agreed = vec![0, 1];
        others.for_each(|(_, images)| agreed.retain(|index| images.contains(index)));
        agreed
    }
}

/// Whether a note or a region is of a third image.
fn names_a_third(change: &Change) -> bool {
    match change {
        Change::Approve { notes, .. } => notes.iter().any(|note| note.image == 2),
        Change::Reject { notes, regions, .. } => {
            notes.iter().any(|note| note.image == 2) || regions.iter().any(|region| region.image == 2)
        }
        _ => false,
    }
}

#[test]
fn a_deleted_task_is_restored_within_its_grace_period_alone() {
    let (by, at) = (Identity::new("carla", Role::Creator), Timestamp::from_second(1_700_000_000).expect("a time"));
    let (task, first) = Task::create(new_task(&mut Mt64::new(1)), &by, at);
    let (paused, second) = task.after(Change::Pause, &by, at).expect("a legal move");
    let (cancelled, third) = paused.after(Change::Cancel { reason: None }, &by, at).expect("a legal move");
    let after = at + GRACE_PERIOD;
    let (deleted, fourth) = cancelled.after(Change::Delete { after }, &by, at).expect("a legal move");
    let reopen = || Change::Reopen { reason: "a mistake".to_owned() };
    assert_eq!(deleted.after(reopen(), &by, after), Err(Refusal::GraceIsOver { after }));
    let last = after - SignedDuration::from_secs(1);
    let (restored, fifth) = deleted.after(reopen(), &by, last).expect("a legal move");
    assert_eq!((restored.status, &restored.cancellation), (Status::Cancelled, &cancelled.cancellation));
    let (again, sixth) = restored.after(reopen(), &by, last).expect("a legal move");
    assert_eq!((again.status, &again.attempt, &again.cancellation), (Status::Paused, &paused.attempt, &None));
    assert_eq!(Task::replay(&[first, second, third, fourth, fifth, sixth]), Some(again));
}

#[test]
fn two_reviewers_agree_on_images_and_a_rejection_ends_it() {
    let (worker, at) = (Identity::worker("w"), Timestamp::from_second(1_700_000_000).expect("a time"));
    let (robin, rosa) = (Identity::new("robin", Role::Reviewer), Identity::new("rosa", Role::Reviewer));
    let mut random = Mt64::new(1);
    let (task, _) = Task::create(NewTask { approvals_needed: 2, ..new_task(&mut random) }, &robin, at);
    let claim = Change::Claim { worker: "w".to_owned(), step: 0, used: Vec::new() };
    let (task, _) = task.after(claim, &worker, at).expect("a legal move");
    let images = vec![image(0, &mut random), image(1, &mut random), image(2, &mut random)];
    let finish = Change::Finish { images, generation: Box::new(report(&mut random)) };
    let (drawn, _) = task.after(finish, &worker, at).expect("a legal move");
    let approve = |images: &[u32]| Change::Approve { note: None, images: Some(images.to_vec()), notes: Vec::new() };

    let (one, _) = drawn.after(approve(&[0, 1]), &robin, at).expect("a legal move");
    assert_eq!((one.status, one.attempt.approvals.len(), &one.approval), (Status::AwaitingApproval, 1, &None));
    assert_eq!(one.approved_images().count(), 0);
    let (same, _) = one.after(approve(&[1, 2]), &robin, at).expect("a reviewer thinks again");
    assert_eq!((same.status, same.attempt.approvals.len()), (Status::AwaitingApproval, 1));
    let nothing = Refusal::NothingInCommon { by: "robin".to_owned(), images: vec![1, 2] };
    assert_eq!(same.after(approve(&[0]), &rosa, at), Err(nothing));
    let (both, _) = same.after(approve(&[0, 1]), &rosa, at).expect("a legal move");
    assert_eq!(both.status, Status::Approved);
    assert_eq!(both.approval.as_ref().and_then(|approval| approval.images.clone()), Some(vec![1]));
    let (reopened, _) = both.after(Change::Reopen { reason: "wait".to_owned() }, &robin, at).expect("a legal move");
    assert_eq!((reopened.status, &reopened.attempt), (Status::AwaitingApproval, &drawn.attempt));
    let reject = Change::Reject { reason: "blurred".to_owned(), notes: Vec::new(), regions: Vec::new() };
    let (rejected, _) = same.after(reject, &rosa, at).expect("a legal move");
    assert_eq!((rejected.status, rejected.attempt.approvals.len()), (Status::Rejected, 0));
    let (again, _) = rejected.after(Change::Retry { settings: Box::default() }, &robin, at).expect("a legal move");
    assert_eq!(again.attempt.approvals_needed, 2);
}

#[test]
fn a_failed_attempt_is_made_once_more_as_it_was_and_counts_once() {
    let (by, at) = (Identity::worker("w"), Timestamp::from_second(1_700_000_000).expect("a time"));
    let (mut task, _) = Task::create(new_task(&mut Mt64::new(1)), &by, at);
    let settings = task.attempt.settings.clone();
    for _ in 0..3 * MAX_ATTEMPTS {
        for change in [
            Change::Claim { worker: "w".to_owned(), step: 0, used: Vec::new() },
            Change::HandOn { step: 1, reason: "no time".to_owned(), makes_way: false },
            Change::HandOn { step: 1, reason: "others wait".to_owned(), makes_way: true },
            Change::Fail { reason: "no memory".to_owned() },
        ] {
            if matches!(change, Change::HandOn { makes_way: true, .. }) {
                let again = Change::Claim { worker: "w".to_owned(), step: 1, used: Vec::new() };
                task = task.after(again, &by, at).expect("a legal move").0;
            }
            task = task.after(change, &by, at).expect("a legal move").0;
        }
        assert_eq!(task.attempt.hand_ons, 1);
        task = task.after(Change::Redrive, &by, at).expect("a legal move").0;
        assert_eq!((task.status, task.attempt.number), (Status::Pending, 1));
        assert_eq!((&task.attempt.settings, &task.attempt.failure, &task.attempt.claim), (&settings, &None, &None));
        assert_eq!((task.attempt.hand_ons, task.earlier_attempts.len()), (0, 0));
    }
}

#[test]
fn an_attempt_keeps_the_files_of_its_first_claim_and_a_retry_those_that_it_names() {
    let (by, at) = (Identity::worker("w"), Timestamp::from_second(1_700_000_000).expect("a time"));
    let file = |kind, name: &str| UsedFile { kind, name: name.to_owned(), digest: format!("digest of {name}") };
    let used = vec![file(UsedKind::Model, "base"), file(UsedKind::Lora, "ink"), file(UsedKind::Lora, "paper")];
    let lora = |name: &str| LoraReference { name: name.to_owned(), weight: 1.0 };
    let settings = Settings { loras: Some(vec![lora("ink"), lora("paper")]), ..Settings::new("a heart") };
    let new = NewTask { settings: settings.clone(), ..new_task(&mut Mt64::new(1)) };
    let (mut task, first) = Task::create(new, &by, at);
    let mut events = vec![first];
    let mut step = |task: &mut Task, change: Change| {
        let (after, event) = task.after(change, &by, at).expect("a legal move");
        events.push(event);
        *task = after;
    };
    let claim = |used: &[UsedFile]| Change::Claim { worker: "w".to_owned(), step: 0, used: used.to_vec() };
    step(&mut task, claim(&used));
    assert_eq!(task.attempt.used, used);
    step(&mut task, Change::HandOn { step: 1, reason: "no time".to_owned(), makes_way: false });
    step(&mut task, claim(&[]));
    assert_eq!(task.attempt.used, used, "a worker that does not say changes nothing");
    step(&mut task, Change::Fail { reason: "no memory".to_owned() });
    step(&mut task, Change::Redrive);
    assert_eq!(task.attempt.used, used[1..], "nobody named the model");
    step(&mut task, Change::Fail { reason: "no memory".to_owned() });
    let fewer = Settings { loras: Some(vec![lora("paper"), lora("new")]), ..settings };
    step(&mut task, Change::Retry { settings: Box::new(fewer) });
    assert_eq!(task.attempt.used, used[2..]);
    assert_eq!(task.earlier_attempts[0].used, used[1..]);
    assert_eq!(Task::replay(&events), Some(task));
}

#[test]
fn a_history_with_a_gap_or_a_changed_event_is_no_history() {
    let (by, at) = (Identity::worker("w"), Timestamp::from_second(1_700_000_000).expect("a time"));
    let (task, first) = Task::create(new_task(&mut Mt64::new(1)), &by, at);
    let (task, second) =
        task.after(Change::Claim { worker: "w".to_owned(), step: 0, used: Vec::new() }, &by, at).expect("a legal move");
    let (task, third) = task.after(Change::Cancel { reason: None }, &by, at).expect("a legal move");
    let whole = [first, second, third];
    assert_eq!(Task::replay(&whole), Some(task));
    assert_eq!(Task::replay(&whole[1..]), None);
    assert_eq!(Task::replay(&[whole[0].clone(), whole[2].clone()]), None);
    assert_eq!(Task::replay(&[]), None);
}

#[test]
fn a_history_ends_but_the_task_can_still_be_finished_or_deleted() {
    let at = Timestamp::from_second(1_700_000_000).expect("a time");
    let by = Identity::new("carla", Role::Creator);
    let (mut task, first) = Task::create(new_task(&mut Mt64::new(1)), &by, at);
    let mut events = vec![first];
    let refusal = loop {
        let change = if task.status == Status::Pending { Change::Pause } else { Change::Resume };
        match task.after(change, &by, at) {
            Ok((after, event)) => {
                task = after;
                events.push(event);
            }
            Err(refusal) => break refusal,
        }
    };
    assert_eq!((refusal, task.status), (Refusal::TooManyEvents, Status::Pending));
    assert!((MAX_EVENTS..MAX_EVENTS + 2).contains(&task.version), "{}", task.version);
    for change in [Change::Claim { worker: "w".to_owned(), step: 0, used: Vec::new() }, Change::Cancel { reason: None }]
    {
        let (after, event) = task.after(change, &by, at).expect("it leads to an end");
        assert!(after.after(Change::Delete { after: at }, &by, at).is_ok());
        let whole: Vec<_> = events.iter().cloned().chain([event]).collect();
        assert_eq!(Task::replay(&whole), Some(after));
    }
}

#[test]
fn a_workers_reason_is_cut_and_the_history_still_gives_the_task() {
    let (by, at) = (Identity::worker("w"), Timestamp::from_second(1_700_000_000).expect("a time"));
    let (task, first) = Task::create(new_task(&mut Mt64::new(1)), &by, at);
    let (failed, last) = task.after(Change::Fail { reason: "wrong\n".repeat(70_000) }, &by, at).expect("a legal move");
    let reason = &failed.attempt.failure.as_ref().expect("a failure").reason;
    assert_eq!(reason.chars().count(), 2_000);
    assert_eq!(Task::replay(&[first, last]), Some(failed));
}

fn somebody(random: &mut Mt64) -> Identity {
    let role = [Role::Creator, Role::Reviewer, Role::Admin, Role::Worker][index(random, 4)];
    Identity::new(format!("person-{}", index(random, 5)), role)
}

fn index(random: &mut Mt64, below: u64) -> usize {
    usize::try_from(random.next_u64() % below).expect("small")
}

fn text(random: &mut Mt64) -> String {
    format!("text {}", random.next_u64())
}

fn settings(random: &mut Mt64) -> Settings {
    Settings { prompt: text(random), seed: random.next_u64(), count: 1, ..Settings::default() }
}

fn new_task(random: &mut Mt64) -> NewTask {
    NewTask {
        id: Uuid::from_u128(u128::from(random.next_u64())),
        owner: text(random),
        settings: settings(random),
        labels: Labels {
            title: None,
            tags: vec![text(random)],
            metadata: BTreeMap::from([(text(random), text(random))]),
        },
        source: None,
        approvals_needed: 1 + u32::try_from(index(random, 3)).expect("small"),
    }
}

fn any_change(random: &mut Mt64) -> Change {
    let at = Timestamp::from_second(1_800_000_000).expect("a time");
    match Move::ALL[index(random, Move::ALL.len() as u64)] {
        Move::Claim => Change::Claim {
            worker: text(random),
            step: u32::try_from(index(random, 3)).expect("small"),
            used: used(random),
        },
        Move::HandOn => Change::HandOn { step: 3, reason: text(random), makes_way: index(random, 2) == 0 },
        Move::Finish => {
            Change::Finish { images: vec![image(0, random), image(1, random)], generation: Box::new(report(random)) }
        }
        Move::Fail => Change::Fail { reason: text(random) },
        Move::Pause => Change::Pause,
        Move::Resume => Change::Resume,
        Move::Cancel => Change::Cancel { reason: Some(text(random)) },
        Move::Approve => {
            Change::Approve { note: Some(text(random)), images: any_images(random), notes: any_notes(random) }
        }
        Move::Reject => Change::Reject {
            reason: text(random),
            notes: any_notes(random),
            regions: any_notes(random)
                .into_iter()
                .map(|ImageNote { image, note }| region(image, note, random))
                .collect(),
        },
        Move::Reopen => Change::Reopen { reason: text(random) },
        Move::Publish => {
            Change::Publish { publication: Publication { by: text(random), at, keys: vec![text(random)] } }
        }
        Move::Unpublish => Change::Unpublish { reason: Some(text(random)) },
        Move::Retry if index(random, 3) == 0 => Change::Redrive,
        Move::Retry => Change::Retry { settings: Box::new(settings(random)) },
        Move::Relabel => Change::Relabel {
            title: [None, Some(text(random))][index(random, 2)].clone(),
            tags: (0..index(random, 3)).map(|_| text(random)).collect(),
            approvals_needed: 0,
        },
        Move::Delete => Change::Delete { after: at },
    }
}

/// One or both of two images, none, or one that is not there.
fn any_images(random: &mut Mt64) -> Option<Vec<u32>> {
    [None, Some(vec![0]), Some(vec![1]), Some(vec![0, 1]), Some(vec![]), Some(vec![0, 2])][index(random, 6)].clone()
}

/// Notes to images that are there, or seldom to one that is not.
fn any_notes(random: &mut Mt64) -> Vec<ImageNote> {
    let images: &[u32] = [&[][..], &[], &[0], &[0, 1], &[1], &[0, 2]][index(random, 6)];
    images.iter().map(|image| ImageNote { image: *image, note: text(random) }).collect()
}

fn region(image: u32, note: String, random: &mut Mt64) -> Region {
    let y = f64::from(u32::try_from(index(random, 60)).expect("small")) / 100.0;
    let size = (index(random, 2) == 0).then_some(0.3333);
    Region { image, area: Area { x: 0.25, y, width: size, height: size }, note: Some(note) }
}

fn used(random: &mut Mt64) -> Vec<UsedFile> {
    let kinds = [UsedKind::Model, UsedKind::Lora, UsedKind::Embedding];
    (0..index(random, 3))
        .map(|place| UsedFile { kind: kinds[place], name: text(random), digest: text(random) })
        .collect()
}

fn image(index: u32, random: &mut Mt64) -> GeneratedImage {
    GeneratedImage {
        index,
        key: text(random),
        thumbnail_key: text(random),
        width: 128,
        height: 128,
        bytes: random.next_u64(),
        seed: random.next_u64(),
        sha256: text(random),
    }
}

fn report(random: &mut Mt64) -> GenerationReport {
    GenerationReport {
        model: text(random),
        device: "cpu".to_owned(),
        device_name: text(random),
        precision: "f32".to_owned(),
        width: 128,
        height: 128,
        steps: 20,
        guidance_scale: 5.0,
        scheduler: "euler".to_owned(),
        refined: true,
        queue_seconds: 0.5,
        drawing_seconds: 1.5,
        step_seconds: 0.07,
        dollars_per_image: None,
        warnings: vec![text(random)],
    }
}
