//! Lists, and moves of many tasks.

use serde_json::{Value, json};

use crate::orders::{small, unique, with};
use crate::person::id;
use crate::service::{Service, Who};

#[tokio::test]
async fn pages_hold_every_task_once_newest_first() {
    let service = Service::without_worker();
    let (creator, reviewer) = service.people();
    let other = service.person(Who::OtherCreator);
    let (tag, even) = (unique("pages"), unique("even"));
    let (mut all, mut mine, mut evens, mut cancelled) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for number in 0..24 {
        let person = if number % 3 == 0 { &other } else { &creator };
        let tags = if number % 2 == 0 { json!([tag, even]) } else { json!([tag]) };
        let id = person.create(with(small(&tag), json!({"tags": tags}))).await;
        if number % 4 == 0 {
            person.make("cancel", &id, json!({})).await.expect(200);
            cancelled.insert(0, id.clone());
        }
        if number % 3 != 0 {
            mine.insert(0, id.clone());
        }
        if number % 2 == 0 {
            evens.insert(0, id.clone());
        }
        all.insert(0, id);
    }
    let here = format!("tag={tag}");
    for limit in [1, 5, 7, 24, 100] {
        assert_eq!(reviewer.list(&here, limit).await, all, "limit {limit}");
    }
    for limit in [2, 7] {
        assert_eq!(reviewer.list(&format!("tag={even}"), limit).await, evens);
        assert_eq!(reviewer.list(&format!("{here}&status=cancelled"), limit).await, cancelled);
        assert_eq!(reviewer.list(&format!("{here}&owner={}", creator.name), limit).await, mine);
        let both = format!("tag={even}&status=cancelled&owner={}", creator.name);
        let expected: Vec<_> = cancelled.iter().filter(|id| mine.contains(id)).cloned().collect();
        assert_eq!(reviewer.list(&both, limit).await, expected);
        // A creator sees their own, whatever they ask for.
        assert_eq!(creator.list(&here, limit).await, mine);
        assert_eq!(creator.list(&format!("{here}&owner={}", creator.name), limit).await, mine);
        assert_eq!(creator.list(&format!("{here}&owner={}", other.name), limit).await, [""; 0]);
    }
    assert_eq!(reviewer.list("tag=nobody-says-this", 100).await, [""; 0]);

    // Tasks that come while somebody turns the pages do not shift them.
    let first = reviewer.get(&format!("/v1/tasks?{here}&limit=10")).await.expect(200);
    creator.create(small(&tag)).await;
    let cursor = first["next_cursor"].as_str().expect("there is more");
    let rest = reviewer.get(&format!("/v1/tasks?{here}&limit=100&cursor={cursor}")).await.expect(200);
    let shown = [&first, &rest].into_iter().flat_map(|page| page["tasks"].as_array().expect("tasks"));
    assert_eq!(shown.map(id).collect::<Vec<_>>(), all);
}

#[tokio::test]
async fn without_a_filter_the_newest_come_first() {
    let service = Service::without_worker();
    let creator = service.person(Who::Creator);
    let tag = unique("newest");
    let older = creator.create(small(&tag)).await;
    let newer = creator.create(small(&tag)).await;
    // Other tests make tasks too.
    for person in [creator, service.person(Who::Reviewer)] {
        let ids = person.list("", 100).await;
        let place = |id: &String| ids.iter().position(|listed| listed == id).expect("it is listed");
        assert!(place(&newer) < place(&older));
        assert!(ids.is_sorted_by(|one, next| one > next), "{ids:?}");
    }
}

#[tokio::test]
async fn a_hundred_tasks_are_moved_at_once_with_an_answer_each() {
    let service = Service::without_worker();
    let creator = service.person(Who::Creator);
    let other = service.person(Who::OtherCreator);
    let tag = unique("bulk");
    let (mut ids, mut expected) = (Vec::new(), Vec::new());
    for number in 0..100 {
        let (id, status) = match number % 10 {
            7 => (other.create(small(&tag)).await, 404),
            8 => (format!("01890000-0000-7000-8000-{number:012}"), 404),
            9 => (format!("heart {number}"), 404),
            6 => {
                let id = creator.create(small(&tag)).await;
                creator.make("cancel", &id, json!({})).await.expect(200);
                (id, 409)
            }
            _ => (creator.create(small(&tag)).await, 200),
        };
        ids.push(id);
        expected.push(status);
    }
    let body = json!({"ids": ids, "move": "cancel", "reason": "the campaign is over"});
    let answer = creator.post("/v1/tasks/bulk", &body).await.expect(200);
    let results = answer["results"].as_array().expect("results");
    let order: Vec<_> = results.iter().filter_map(|result| result["id"].as_str()).collect();
    assert_eq!(order, ids);
    for (result, status) in results.iter().zip(expected) {
        assert_eq!(result["status"], status, "{result:#}");
        if status == 200 {
            assert_eq!((&result["task_status"], &result["problem"]), (&json!("cancelled"), &json!(null)));
            let task = creator.task(result["id"].as_str().expect("an id")).await;
            assert_eq!(task["cancellation"]["note"], "the campaign is over");
            assert_eq!(task["version"], result["version"]);
        } else {
            assert_eq!(result["problem"]["status"], status, "{result:#}");
            assert_eq!(result["problem"]["legal_moves"], if status == 409 { json!(["delete"]) } else { Value::Null });
        }
    }
    let refused = creator.post("/v1/tasks/bulk", &json!({"ids": ids[..2], "move": "approve"})).await.expect(200);
    for result in refused["results"].as_array().expect("results") {
        assert_eq!(result["status"], 403, "{result:#}");
    }
}
