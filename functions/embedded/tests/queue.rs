//! The queue behaves as SQS does.

use std::time::Duration;

use easel_embedded::queue::{NotInFlight, Queue, QueueOptions, Redrive};
use tokio::time::{Instant, timeout};

const VISIBILITY: Duration = Duration::from_secs(1);
/// Longer than any test runs.
const LONG: Duration = Duration::from_secs(3600);

fn queue(redrive: Option<Redrive>) -> Queue {
    Queue::new(QueueOptions { visibility_timeout: VISIBILITY, redrive })
}

#[tokio::test]
async fn a_message_that_is_not_deleted_comes_again_after_the_visibility_timeout() {
    let queue = queue(None);
    let sent = queue.send("work");

    let first = queue.receive().await;
    assert_eq!((first.message_id, first.body.as_str(), first.receive_count), (sent, "work", 1));
    let received = Instant::now();
    let second = queue.receive().await;

    assert!(received.elapsed() >= VISIBILITY);
    assert_eq!((second.message_id, second.receive_count, second.sent_timestamp), (sent, 2, first.sent_timestamp));
    assert!(!queue.delete(first.receipt_handle), "the first receipt is no longer valid");
    assert!(queue.delete(second.receipt_handle));
    assert!(queue.is_empty());
}

#[tokio::test]
async fn a_receiver_that_found_nothing_gets_the_message_that_another_one_lost() {
    let queue = queue(None);
    let waiting: Vec<_> = (0..2)
        .map(|_| {
            let queue = queue.clone();
            tokio::spawn(async move { queue.receive().await })
        })
        .collect();
    tokio::task::yield_now().await;

    queue.send("work");

    let mut counts = Vec::new();
    for receiver in waiting {
        counts.push(receiver.await.expect("receives").receive_count);
    }
    counts.sort_unstable();
    assert_eq!(counts, [1, 2]);
}

#[tokio::test]
async fn the_visibility_of_a_message_can_be_extended_and_ended() {
    let queue = queue(None);
    queue.send("work");
    let message = queue.receive().await;

    queue.change_visibility(message.receipt_handle, LONG).expect("in flight");
    timeout(2 * VISIBILITY, queue.receive()).await.expect_err("still hidden");

    queue.change_visibility(message.receipt_handle, Duration::ZERO).expect("in flight");
    let again = queue.receive().await;
    assert_eq!(queue.change_visibility(message.receipt_handle, LONG), Err(NotInFlight));
    queue.change_visibility(again.receipt_handle, LONG).expect("in flight");
}

#[tokio::test]
async fn a_message_that_was_received_too_often_goes_to_the_dead_letters() {
    let dead_letters = queue(None);
    let queue = queue(Some(Redrive { maximal_receive_count: 3, dead_letters: dead_letters.clone() }));
    let poison = queue.send("poison");
    for count in 1..=3 {
        assert_eq!(queue.receive().await.receive_count, count);
    }

    timeout(2 * VISIBILITY, queue.receive()).await.expect_err("received often enough");

    assert!(queue.is_empty());
    let dead = dead_letters.receive().await;
    assert_eq!((dead.message_id, dead.body.as_str()), (poison, "poison"));
}

#[tokio::test]
async fn a_receiver_that_gives_up_loses_nothing() {
    let queue = queue(None);
    timeout(Duration::from_millis(10), queue.receive()).await.expect_err("nothing there");
    queue.send("work");
    assert_eq!(queue.receive().await.receive_count, 1);
}
