//! Random calls: whatever people do, and whatever the worker does meanwhile, a task stays on the legal graph, its
//! history leads to where it stands, and no image is lost.

use std::collections::BTreeSet;

use easel_domain::task::{Circumstances, Move, Status};
use easel_test_support::person::{ApiResponse, Person, hashes, send, status};
use easel_test_support::service::{Service, Who};
use easel_test_support::task_requests::{long, small, unique, with};
use rand_mt::Mt64;
use serde_json::{Value, json};

const SEQUENCES: u64 = 4;
const CALLS: u64 = 60;
const TASKS: usize = 4;

#[tokio::test]
async fn no_sequence_of_calls_leaves_the_graph_or_loses_anything() {
    let service = Service::shared();
    let first_seed = std::process::id().into();
    for seed in first_seed..first_seed + SEQUENCES {
        println!("seed {seed}");
        sequence(&service, seed).await;
    }
}

async fn sequence(service: &Service, seed: u64) {
    let mut random = Mt64::new(seed);
    let people = [service.person(Who::Creator), service.person(Who::Reviewer), service.person(Who::Admin)];
    let tag = unique("sequence");
    let mut ids = Vec::new();
    for _ in 0..TASKS {
        let count = 1 + random.next_u64() % 2;
        ids.push(people[0].create(with(small(&tag), json!({"count": count}))).await);
    }
    // One that is met while it is drawn.
    ids.push(people[0].create(long(&tag, 40, seed)).await);
    for number in 0..CALLS {
        let id = &ids[below(&mut random, ids.len())];
        let person = &people[below(&mut random, people.len())];
        let step = Move::BY_PEOPLE[below(&mut random, Move::BY_PEOPLE.len())];
        // Deleting is the end of a task: seldom enough that the others get their turn.
        let step = if step == Move::Delete && below(&mut random, 4) > 0 { Move::Retry } else { step };
        let seen = person.task(id).await;
        let answer = call(&mut random, person, id, step, &seen).await;
        println!("call {number}: {} {step} {id} ({}): {}", person.name, status(&seen), answer.status);
        check_answer(&answer, step);
        check_task(person, id).await;
    }
    let storage = service.storage();
    for id in &ids {
        let kept = BTreeSet::from_iter(storage.keys(&format!("images/{id}/")).await);
        for image in finished(&people[0].history(id).await) {
            for key in ["key", "thumbnail_key"] {
                assert!(kept.contains(image[key].as_str().expect("a key")), "{image:#} is gone: {kept:?}");
            }
        }
        // The worker has better things to do than what is left.
        people[2].delete(id).await;
    }
}

async fn call(random: &mut Mt64, person: &Person, id: &str, step: Move, seen: &Value) -> ApiResponse {
    let body = match step {
        Move::Reject | Move::Reopen => json!({"reason": format!("reason {}", random.next_u64())}),
        Move::Approve => json!({"note": "random"}),
        Move::Retry if below(random, 2) == 0 => json!({"seed": random.next_u64(), "steps": 2}),
        _ => json!({}),
    };
    let request = match step {
        Move::Delete => person.request("DELETE", &format!("/v1/tasks/{id}")),
        _ => person.request("POST", &format!("/v1/tasks/{id}/{step}")).json(&body),
    };
    let request = match below(random, 3) {
        0 => request.header("if-match", format!("\"{}\"", seen["version"])),
        _ => request,
    };
    send(request).await
}

/// A move that was made is a legal one; one that was not says what would be.
fn check_answer(answer: &ApiResponse, step: Move) {
    match answer.status {
        200 | 202 => {
            let reached = named(&answer.body["status"]);
            assert!(Status::ALL.into_iter().any(|from| may_lead(from, step, reached)), "{step}: {answer:#?}");
        }
        403 | 412 => {}
        // One attempt too many.
        409 if answer.body["type"] == "urn:easel:problem:conflict" => assert_eq!(step, Move::Retry, "{answer:#?}"),
        409 if answer.body["type"] == "urn:easel:problem:illegal-move" => {
            let stands = named(&answer.body["task_status"]);
            assert!(!Status::ALL.into_iter().any(|to| may_lead(stands, step, to)), "{answer:#?}");
            assert_eq!(answer.body["legal_moves"], serde_json::to_value(stands.next_moves()).expect("JSON"));
        }
        _ => panic!("{step}: {answer:#?}"),
    }
}

/// The task is what its history says.
async fn check_task(person: &Person, id: &str) {
    // The worker may move the task between the two reads.
    let (task, history) = loop {
        let (task, history) = (person.task(id).await, person.history(id).await);
        if task["version"] == history.len() {
            break (task, history);
        }
    };
    let mut stands = None;
    for (version, event) in (1_u64..).zip(&history) {
        assert_eq!(event["version"], version, "{history:#?}");
        let from = event["from"].as_str().map(|_| named(&event["from"]));
        assert_eq!(from, stands, "{history:#?}");
        let to = named(&event["to"]);
        if let Some(from) = from {
            let step = Move::named(event["change"].as_str().expect("a change")).expect("a move");
            assert!(may_lead(from, step, to), "{history:#?}");
        }
        stands = Some(to);
    }
    assert_eq!(stands, Some(named(&task["status"])));

    let attempts: Vec<_> =
        task["earlier_attempts"].as_array().expect("attempts").iter().chain([&task["attempt"]]).collect();
    let kept: Vec<_> = attempts.iter().flat_map(|attempt| hashes(attempt)).collect();
    let drawn: Vec<_> = finished(&history).map(|image| image["sha256"].as_str().expect("a hash")).collect();
    assert_eq!(kept, drawn, "{task:#}");
    let retries = history.iter().filter(|event| event["change"] == "retry").count();
    assert_eq!(attempts.len(), 1 + retries);
    let decided = history
        .iter()
        .rev()
        .find(|event| event["change"] == "approve" || event["from"] == "approved" && event["change"] == "reopen");
    assert_eq!(task["approval"].is_object(), decided.is_some_and(|event| event["change"] == "approve"));
    assert_ne!(task["status"], "failed", "{task:#}");
}

/// Whether the move leads from one state to the other, wherever a cancelled or deleted task stood before.
fn may_lead(from: Status, step: Move, to: Status) -> bool {
    let stood = Status::ALL.into_iter().map(|stood| Circumstances { stood, ..Circumstances::default() });
    stood.into_iter().any(|circumstances| from.after(step, circumstances) == Some(to))
}

/// Every image that the history says was drawn.
fn finished(history: &[Value]) -> impl Iterator<Item = &Value> {
    let finishes = history.iter().filter(|event| event["change"] == "finish");
    finishes.flat_map(|event| event["details"]["images"].as_array().expect("images"))
}

fn named(status: &Value) -> Status {
    Status::named(status.as_str().expect("a text")).expect("a status")
}

fn below(random: &mut Mt64, limit: usize) -> usize {
    usize::try_from(random.next_u64() % limit as u64).expect("small")
}
