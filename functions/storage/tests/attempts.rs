//! Earlier attempts: in rows of their own, and part of the task for whoever reads it as a whole.

use easel_domain::task::{Change, Status, Task};
use easel_storage::store::Saved;
use jiff::Timestamp;

use crate::support::{TestServices, reviewer};

#[tokio::test(flavor = "multi_thread")]
async fn a_task_with_many_attempts_is_read_whole_and_is_what_its_history_makes() {
    let services = TestServices::start().await;
    let (store, robin) = (&services.workflow.store, reviewer("robin"));
    let mut task = services.pending("carla").await;
    for number in 1..=4 {
        task = services.drawn(&task, 2).await;
        task = services
            .change(
                &task,
                Change::Reject { reason: format!("not number {number}"), notes: Vec::new(), regions: Vec::new() },
                &robin,
            )
            .await;
        let mut settings = task.attempt.settings.clone();
        settings.seed += 1;
        services.change(&task, Change::Retry { settings: Box::new(settings) }, &robin).await;
        // As the API reads it before each move: without the attempts before the current one.
        task = store.task(task.id).await.expect("it is there");
        assert_eq!((task.attempt.number, task.earlier_attempts.len()), (number + 1, 0));
    }

    let (whole, _) = store.task_and_progress(task.id).await.expect("it is there");
    let history = store.history(task.id).await.expect("a history");
    assert_eq!(Task::replay(&history).as_ref(), Some(&whole));
    let numbers: Vec<_> = whole.attempts().map(|attempt| attempt.number).collect();
    assert_eq!(numbers, [1, 2, 3, 4, 5]);
    assert_eq!(store.with_earlier_attempts(task).await.expect("rows"), whole);

    store.remove(&whole).await.expect("removed");
    assert!(store.with_earlier_attempts(whole.clone()).await.expect("rows").earlier_attempts.is_empty());
    assert!(store.find(whole.id).await.expect("DynamoDB answers").is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn attempts_inside_a_row_from_before_get_rows_of_their_own_with_the_next_move() {
    let services = TestServices::start().await;
    let (store, robin) = (&services.workflow.store, reviewer("robin"));
    let drawn = services.drawn(&services.pending("carla").await, 1).await;
    let rejected = services
        .change(&drawn, Change::Reject { reason: "no".to_owned(), notes: Vec::new(), regions: Vec::new() }, &robin)
        .await;
    let retry = Change::Retry { settings: Box::new(rejected.attempt.settings.clone()) };
    let (retried, _) = rejected.after(retry, &robin, Timestamp::now()).expect("a legal move");
    services.overwrite_as_before(&retried).await;

    let read = store.task(retried.id).await.expect("it is readable");
    assert_eq!((read.status, &read.earlier_attempts), (Status::Pending, &retried.earlier_attempts));
    assert_eq!(store.task_and_progress(retried.id).await.expect("it is readable").0, read);
    let (cancelled, event) =
        read.after(Change::Cancel { reason: None }, &robin, Timestamp::now()).expect("a legal move");
    assert_eq!(store.save(&cancelled, &event).await.expect("saved"), Saved::Done);
    assert!(store.task(retried.id).await.expect("it is there").earlier_attempts.is_empty());
    let (whole, _) = store.task_and_progress(retried.id).await.expect("it is there");
    assert_eq!(whole.earlier_attempts, retried.earlier_attempts);
}
