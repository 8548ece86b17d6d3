//! Many people at one task: one of them moves it.

use easel_test_support::person::{changes, hashes, id, status};
use easel_test_support::service::Service;
use easel_test_support::task_requests::{small, unique};
use serde_json::json;
use tokio::task::JoinSet;

#[tokio::test]
async fn of_a_hundred_decisions_one_counts() {
    let service = Service::shared();
    let (creator, reviewer) = service.people();
    let drawn = creator.draw(small(&unique("race"))).await;
    let id = id(&drawn);
    let mut calls = JoinSet::new();
    for number in 0..100 {
        let (reviewer, id) = (reviewer.clone(), id.clone());
        calls.spawn(async move {
            match number % 2 {
                0 => reviewer.make("approve", &id, json!({"note": format!("{number}")})).await,
                _ => reviewer.make("reject", &id, json!({"reason": format!("{number}")})).await,
            }
        });
    }
    let (winners, losers): (Vec<_>, Vec<_>) =
        calls.join_all().await.into_iter().partition(|answer| answer.status == 200);
    assert_eq!((winners.len(), losers.len()), (1, 99), "{winners:#?}");
    for loser in losers {
        let problem = loser.expect_problem(409, "illegal-move");
        assert!(problem["legal_moves"].is_array());
    }
    let winner = &winners[0].body;
    let task = creator.task(&id).await;
    assert_eq!((status(&task), &task["version"]), (status(winner), &winner["version"]));
    assert_eq!(hashes(&task["attempt"]), hashes(&drawn["attempt"]), "a decision drops nothing of what was drawn");
    let history = creator.history(&id).await;
    assert_eq!(changes(&history)[..3], ["create", "claim", "finish"]);
    assert_eq!(history.len(), 4);
    let said = &task["approval"]["note"].as_str().or(task["attempt"]["rejection"]["note"].as_str());
    assert_eq!(*said, history[3]["reason"].as_str(), "the task and its history name the same decision");
    assert_eq!(service.storage().event_rows(&id).await.len(), 4);
}

#[tokio::test]
async fn pausing_resuming_and_cancelling_at_once_keep_one_history() {
    let service = Service::without_worker();
    let (creator, reviewer) = service.people();
    let id = creator.create(small(&unique("tangle"))).await;
    let mut calls = JoinSet::new();
    for number in 0..90 {
        let (person, id) = (if number % 2 == 0 { creator.clone() } else { reviewer.clone() }, id.clone());
        let step = match number {
            29 | 59 | 89 => "cancel",
            _ if number % 2 == 0 => "pause",
            _ => "resume",
        };
        calls.spawn(async move { person.make(step, &id, json!({})).await });
    }
    let answers = calls.join_all().await;
    let moved = answers.iter().filter(|answer| answer.status == 200).count();
    for answer in answers.into_iter().filter(|answer| answer.status != 200) {
        answer.expect_problem(409, "illegal-move");
    }
    let history = creator.history(&id).await;
    let by_people = history.iter().filter(|event| event["by"]["role"] != "worker").count();
    assert_eq!(by_people, 1 + moved, "every move that was answered is in the history, and no other");
    let task = creator.task(&id).await;
    assert_eq!(status(&task), "cancelled");
    assert_eq!(task["version"], history.len());
}
