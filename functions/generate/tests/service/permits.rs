//! A message lets a worker draw what is next. Whichever messages come, however often, in whatever order: what decides
//! over a task is the task.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use easel_domain::TaskRequest;
use easel_domain::identity::{Identity, Role};
use easel_domain::task::{Change, MAX_HAND_ONS, Move, Progress, Status, Task};
use easel_storage::gallery::{DrawRequest, keys};
use easel_storage::workflow::Workflow;
use easel_test_support::embedded;
use easel_test_support::pausing::PausePoint;
use easel_worker::worker::{Deadline, Delivery, DeliveryOutcome, Worker, WorkerOptions};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::{TestServices, creator, delivery, engine, heart, slow_heart};

/// Longer than anything waits before it is asked for again.
const LATER: SignedDuration = SignedDuration::from_mins(10);

/// Where a task may stand when a message comes again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Moment {
    Waiting,
    Held,
    LeftByItsWorker,
    HandedOn,
    Paused,
    Resumed,
    Drawn,
    Cancelled,
    Deleted,
}

const MOMENTS: [Moment; 9] = [
    Moment::Waiting,
    Moment::Held,
    Moment::LeftByItsWorker,
    Moment::HandedOn,
    Moment::Paused,
    Moment::Resumed,
    Moment::Drawn,
    Moment::Cancelled,
    Moment::Deleted,
];

fn quick(seed: u64) -> Value {
    let mut order = heart(seed);
    (order["width"], order["height"], order["steps"]) = (json!(64), json!(64), json!(2));
    order
}

impl TestServices {
    async fn order_of(&self, owner: &str, order: &Value) -> Task {
        let Value::Object(object) = order.clone() else { panic!("an object") };
        let request = TaskRequest::read(object).expect("a request");
        self.workflow.create(request, &Identity::new(owner, Role::Creator), None).await.expect("created").task
    }

    /// The services as they are called through a point where calls wait.
    fn through(&self, point: &PausePoint) -> Workflow {
        let access = embedded::access().without_retries().through(point.http_client());
        embedded::workflow_of(&access, &self.dynamodb, &self.s3)
    }

    /// A claim by a worker that is not there, whose lease ends this many milliseconds from now.
    async fn claimed_elsewhere(&self, id: Uuid, lease: i64, error: Option<&str>) -> Task {
        let task = self.task(id).await;
        let (by, now) = (Identity::worker("elsewhere"), Timestamp::now());
        let claim = Change::Claim { worker: "elsewhere".to_owned(), step: 0, used: Vec::new() };
        let (claimed, event) = task.after(claim, &by, now).expect("a claim");
        let progress = Progress {
            fence: claimed.version,
            lease_until: now.as_millisecond() + lease,
            step: 0,
            total: 0,
            stage: "start".to_owned(),
            remaining_seconds: None,
            error: error.map(str::to_owned),
            at: now,
            preview: None,
        };
        self.workflow.store.save_claim(&claimed, &event, &progress).await.expect("saved");
        claimed
    }

    async fn moved(&self, id: Uuid, action: Move, change: Change) {
        self.workflow.move_task(id, action, &creator(), None, |_| Ok(change.clone())).await.expect("moved");
    }

    async fn handed_on_elsewhere(&self, id: Uuid) {
        let claimed = self.claimed_elsewhere(id, 60_000, None).await;
        let change = Change::HandOn { step: 0, reason: "no time".to_owned(), makes_way: false };
        let (moved, event) = claimed.after(change, &Identity::worker("elsewhere"), Timestamp::now()).expect("a move");
        let request = DrawRequest { task: id, version: moved.version };
        self.workflow.gallery.request_drawing(request).await.expect("written");
        self.workflow.store.save(&moved, &event).await.expect("saved");
    }

    /// Handles every message until none is left, each once.
    async fn handle_all(&self, worker: &str) {
        let worker = self.worker(worker);
        while !self.is_quiet().await {
            assert_eq!(worker.handle(&delivery(self.message().await)).await, DeliveryOutcome::Done);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_seen_three_times_and_given_up_at_every_moment_fails_nothing() {
    let services = TestServices::start().await;
    for moment in MOMENTS {
        let id = services.order(&quick(1)).await.id;
        let message = services.message().await;
        match moment {
            Moment::Waiting => {}
            Moment::Held => drop(services.claimed_elsewhere(id, 3_600_000, None).await),
            Moment::LeftByItsWorker => drop(services.claimed_elsewhere(id, -1, None).await),
            Moment::HandedOn => services.handed_on_elsewhere(id).await,
            Moment::Paused => services.moved(id, Move::Pause, Change::Pause).await,
            Moment::Resumed => {
                services.moved(id, Move::Pause, Change::Pause).await;
                services.moved(id, Move::Resume, Change::Resume).await;
            }
            Moment::Drawn => services.handle_all_of(&message).await,
            Moment::Cancelled => services.moved(id, Move::Cancel, Change::Cancel { reason: None }).await,
            Moment::Deleted => services.moved(id, Move::Delete, Change::Delete { after: Timestamp::now() }).await,
        }
        let before = services.task(id).await;
        // Given up before any worker saw it …
        let worker = services.worker("one");
        assert_eq!(worker.dead_letter(&delivery(message.clone())).await, DeliveryOutcome::Done, "{moment:?}");
        assert_eq!(services.task(id).await, before, "{moment:?}");
        // … seen three times …
        for count in 1..=3 {
            let again = Delivery { count, ..delivery(message.clone()) };
            let outcome = worker.handle(&again).await;
            assert!(outcome == DeliveryOutcome::Done || (moment, count < 3) == (Moment::Held, true), "{moment:?}");
        }
        // … and given up after that.
        assert_eq!(worker.dead_letter(&delivery(message.clone())).await, DeliveryOutcome::Done, "{moment:?}");
        let expected = match moment {
            Moment::Held => Status::InProgress,
            Moment::Paused => Status::Paused,
            Moment::Cancelled => Status::Cancelled,
            Moment::Deleted => Status::Deleted,
            _ => Status::AwaitingApproval,
        };
        assert_eq!(services.task(id).await.status, expected, "{moment:?}");
        let moves = services.moves(id).await;
        assert!(!moves.contains(&"fail"), "{moment:?}: {moves:?}");
        assert!(moves.iter().filter(|action| **action == "finish").count() <= 1, "{moment:?}: {moves:?}");
        services.drain_messages().await;
    }
    // The one that was held waits for its lease alone.
    assert_eq!(services.all(Status::InProgress).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hand_over_that_was_interrupted_between_its_two_writes_loses_nothing() {
    let services = TestServices::start().await;
    let id = services.order(&quick(1)).await.id;
    let first = services.message().await;
    let claimed = services.claimed_elsewhere(id, -1, None).await;
    // The request for the move that was never made.
    let request = DrawRequest { task: id, version: claimed.version + 1 };
    services.workflow.gallery.request_drawing(request).await.expect("written");
    let second = services.message().await;
    assert_eq!(services.worker("one").handle(&delivery(second)).await, DeliveryOutcome::Done);
    assert_eq!(services.moves(id).await, ["create", "claim", "claim", "finish"]);
    assert_eq!(services.worker("one").handle(&delivery(first)).await, DeliveryOutcome::Done);
    assert_eq!(services.moves(id).await.len(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_without_a_message_is_asked_for_again() {
    let services = TestServices::start().await;
    let (waiting, left) = (services.order(&quick(1)).await.id, services.order(&quick(2)).await.id);
    let message = services.message().await;
    services.message().await;
    // Lost with its object: a message that names it lets it be drawn all the same.
    services.claimed_elsewhere(left, -1, None).await;
    services.workflow.gallery.remove(&keys::request(waiting)).await.expect("removed");
    assert_eq!(services.worker("one").handle(&delivery(message)).await, DeliveryOutcome::Done);
    assert_eq!(services.task(waiting).await.status, Status::AwaitingApproval);

    let waiting = services.order(&quick(3)).await.id;
    services.message().await;
    let early = services.workflow.reconcile(Timestamp::now()).await.expect("reconciled");
    assert_eq!(early.requested, 0, "nothing has waited for long");
    let found = services.workflow.reconcile(Timestamp::now() + LATER).await.expect("reconciled");
    assert_eq!(found.requested, 2);
    assert!(found.oldest >= Duration::from_secs(600), "{found:?}");
    services.handle_all("one").await;
    for id in [waiting, left] {
        assert_eq!(services.task(id).await.status, Status::AwaitingApproval);
    }
    let after = services.workflow.reconcile(Timestamp::now() + LATER).await.expect("reconciled");
    assert_eq!((after.requested, after.oldest), (0, Duration::ZERO));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_orders_much_does_not_keep_others_waiting() {
    let services = TestServices::start().await;
    let (mut messages, mut many) = (Vec::new(), Vec::new());
    for seed in 0..20 {
        many.push(services.order_of("carla", &quick(seed)).await.id);
        messages.push(services.message().await);
    }
    let single = services.order_of("bob", &quick(99)).await.id;
    let worker = services.worker("one");
    let mut drawn = 0;
    for message in messages {
        if services.task(single).await.status == Status::AwaitingApproval {
            break;
        }
        assert_eq!(worker.handle(&delivery(message)).await, DeliveryOutcome::Done);
        drawn += 1;
    }
    assert!(drawn <= 3, "{drawn}");
    // Of one owner's, those that waited longest come first.
    let mut first: Vec<_> = services.all(Status::AwaitingApproval).await.iter().map(|task| task.id).collect();
    first.retain(|id| *id != single);
    assert!(first.iter().all(|id| many[..first.len()].contains(id)), "{first:?}");
    let owners = services.workflow.store.owners().await.expect("owners");
    let waiting: Vec<_> = owners.iter().map(|owner| (owner.name.as_str(), owner.waiting)).collect();
    assert_eq!(waiting, [("bob", 0), ("carla", 20 - i64::try_from(first.len()).expect("small"))]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_order_makes_way_and_goes_on_where_it_was() {
    let services = TestServices::start().await;
    let expected = services.undisturbed(&slow_heart(5)).await;
    let long = services.order_of("carla", &slow_heart(5)).await.id;
    let message = delivery(services.message().await);
    let options = WorkerOptions { time_slice: Some(Duration::from_millis(1)), ..WorkerOptions::new("one") };
    let worker = services.worker_with(options);
    let work = {
        let (worker, message) = (worker.clone(), message.clone());
        tokio::spawn(async move { worker.handle(&message).await })
    };
    services.until_begun(long).await;
    let short = services.order_of("bob", &quick(1)).await.id;
    assert_eq!(work.await.expect("no panic"), DeliveryOutcome::Done);
    assert_eq!(services.moves(long).await, ["create", "claim", "hand_on"]);
    assert_eq!(services.task(long).await.attempt.hand_ons, 0, "making way is not counted");
    while !services.is_quiet().await {
        assert_eq!(worker.handle(&delivery(services.message().await)).await, DeliveryOutcome::Done);
    }
    let (long, short) = (services.task(long).await, services.task(short).await);
    assert_eq!((long.status, short.status), (Status::AwaitingApproval, Status::AwaitingApproval));
    assert!(short.updated_at < long.updated_at);
    assert!(long.attempt.claim.as_ref().is_some_and(|claim| claim.step > 0));
    assert_eq!(services.images(&long).await, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn several_images_are_decoded_by_as_many_workers_as_it_takes() {
    let services = TestServices::start().await;
    let mut order = quick(7);
    order["count"] = json!(4);
    let expected = services.undisturbed(&order).await;
    let id = services.order(&order).await.id;
    let mut workers = 0;
    while services.task(id).await.status != Status::AwaitingApproval {
        let options = WorkerOptions { margin: Duration::from_secs(7200), ..WorkerOptions::new(format!("{workers}")) };
        let deadline = Deadline::at(SystemTime::now() + Duration::from_secs(3600));
        let message = Delivery { deadline, ..delivery(services.message().await) };
        assert_eq!(services.worker_with(options).handle(&message).await, DeliveryOutcome::Done);
        workers += 1;
    }
    let history = services.workflow.store.history(id).await.expect("a history");
    let decoding = history.iter().filter(|event| matches!(event.change, Change::HandOn { step: 2, .. })).count();
    assert_eq!(decoding, 4, "once before the first image and once between two");
    let task = services.task(id).await;
    assert_eq!(services.images(&task).await, expected);
    for image in &task.attempt.images {
        assert_eq!((image.width, image.height), (64, 64));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_comes_before_its_task_draws_it_whenever_the_task_comes() {
    let services = Arc::new(TestServices::start().await);
    for call in 1..=8 {
        let creating = PausePoint::new(|_, name| name == "TransactWriteItems");
        let workflow = services.through(&creating);
        let order = tokio::spawn(async move {
            let Value::Object(object) = quick(8) else { panic!("an object") };
            let request = TaskRequest::read(object).expect("a request");
            workflow.create(request, &creator(), None).await.expect("created").task.id
        });
        creating.reached().await;
        let message = delivery(services.message().await);

        let looking = PausePoint::new(move |number, _| number == call);
        let worker = Worker::new(services.through(&looking), engine(), WorkerOptions::new("early"));
        let handling = tokio::spawn(async move { worker.handle(&message).await });
        looking.reached().await;
        creating.go_on();
        let id = order.await.expect("it is created");
        looking.go_on();
        assert_eq!(handling.await.expect("it is handled"), DeliveryOutcome::Done);
        assert_eq!(services.task(id).await.status, Status::AwaitingApproval, "it came before call {call}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_task_is_handed_on_for_ever() {
    let services = TestServices::start().await;
    let id = services.order(&heart(1)).await.id;
    for _ in 0..MAX_HAND_ONS {
        services.handed_on_elsewhere(id).await;
    }
    let options = WorkerOptions { margin: Duration::from_secs(7200), ..WorkerOptions::new("one") };
    let deadline = Deadline::at(SystemTime::now() + Duration::from_secs(3600));
    let message = Delivery { deadline, ..delivery(services.message().await) };
    assert_eq!(services.worker_with(options).handle(&message).await, DeliveryOutcome::Done);
    let reason = services.task(id).await.attempt.failure.expect("a reason").reason;
    assert!(reason.contains("200 times") && reason.contains("fewer"), "{reason}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redrive_gives_the_task_back_as_it_was() {
    let services = TestServices::start().await;
    let expected = services.undisturbed(&quick(8)).await;
    let id = services.order(&quick(8)).await.id;
    for _ in 0..5 {
        services.claimed_elsewhere(id, -1, Some("no memory is left")).await;
    }
    services.handle_all("one").await;
    let failed = services.task(id).await;
    let reason = failed.attempt.failure.as_ref().expect("a reason").reason.clone();
    assert!(reason.contains("5 workers stopped at step 0") && reason.contains("no memory is left"), "{reason}");
    services.moved(id, Move::Retry, Change::Redrive).await;
    services.handle_all("one").await;
    let task = services.task(id).await;
    assert_eq!((task.status, task.attempt.number), (Status::AwaitingApproval, 1));
    assert_eq!(task.attempt.settings, failed.attempt.settings);
    assert_eq!(services.images(&task).await, expected);
}

impl TestServices {
    async fn handle_all_of(&self, message: &str) {
        let outcome = self.worker("before").handle(&delivery(message.to_owned())).await;
        assert_eq!(outcome, DeliveryOutcome::Done);
    }

    /// Takes the messages that were sent meanwhile.
    async fn drain_messages(&self) {
        while !self.is_quiet().await {
            self.message().await;
        }
    }
}
