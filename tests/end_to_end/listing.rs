//! Lists, and moves of many tasks.

use easel_test_support::person::{Person, id};
use easel_test_support::service::{Service, Who};
use easel_test_support::task_requests::{small, unique, with};
use serde_json::{Value, json};

#[tokio::test]
async fn pages_hold_every_task_once_in_order() {
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
        expect(&reviewer, &here, limit, &all).await;
    }
    for limit in [2, 7] {
        expect(&reviewer, &format!("tag={even}"), limit, &evens).await;
        expect(&reviewer, &format!("{here}&status=cancelled"), limit, &cancelled).await;
        expect(&reviewer, &format!("{here}&owner={}", creator.name), limit, &mine).await;
        let both = format!("tag={even}&status=cancelled&owner={}", creator.name);
        let expected: Vec<_> = cancelled.iter().filter(|id| mine.contains(id)).cloned().collect();
        expect(&reviewer, &both, limit, &expected).await;
        // A creator sees their own, whatever they ask for.
        expect(&creator, &here, limit, &mine).await;
        expect(&creator, &format!("{here}&owner={}", creator.name), limit, &mine).await;
        expect(&creator, &format!("{here}&owner={}", other.name), limit, &[]).await;
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

/// Lists these tasks, newest first, and the other way round if asked to.
async fn expect(person: &Person, filter: &str, limit: usize, newest_first: &[String]) {
    let oldest_first: Vec<_> = newest_first.iter().rev().cloned().collect();
    for (order, expected) in [("", newest_first), ("&order=newest", newest_first), ("&order=oldest", &oldest_first)] {
        assert_eq!(person.list(&format!("{filter}{order}"), limit).await, expected, "{filter}{order}, limit {limit}");
    }
}

#[tokio::test]
async fn tasks_are_found_by_a_part_of_their_prompt_or_title() {
    let service = Service::without_worker();
    let (creator, reviewer) = service.people();
    let word = unique("Ölbild");
    let prompts = [format!("Ein {word} am HAFEN"), "a heart".to_owned(), format!("zwei {}", word.to_uppercase())];
    let mut found = Vec::new();
    for (prompt, title) in prompts.iter().zip([None, Some(format!("Das {word}")), Some("İstanbul".to_owned())]) {
        let order = with(small(&word), json!({"prompt": prompt, "title": title}));
        found.insert(0, creator.create(order).await);
    }
    creator.create(small(&word)).await;
    let [with_title, heart, harbour] = found.as_slice() else { panic!("three") };
    creator.make("cancel", harbour, json!({})).await.expect(200);
    for limit in [1, 10] {
        for text in [word.clone(), word.to_lowercase(), word.to_uppercase()] {
            expect(&reviewer, &format!("text={text}"), limit, &found).await;
        }
        for (text, expected) in [("am hafen", harbour), ("das öLB", heart), ("A HEART", heart), ("İst", with_title)] {
            expect(&creator, &format!("tag={word}&text={text}"), limit, std::slice::from_ref(expected)).await;
        }
        expect(&creator, &format!("text={word}&owner={}", creator.name), limit, &found).await;
        expect(&service.person(Who::OtherCreator), &format!("text={word}"), limit, &[]).await;
        let cancelled = std::slice::from_ref(harbour);
        expect(&reviewer, &format!("text={word}&status=cancelled&owner={}", creator.name), limit, cancelled).await;
        expect(&reviewer, &format!("text={word}&status=rejected"), limit, &[]).await;
        expect(&reviewer, &format!("text={word}-nobody-says-this"), limit, &[]).await;
    }
    let listed = reviewer.get(&format!("/v1/tasks?text={word}")).await.expect(200);
    assert_eq!(listed["tasks"][0]["title"], "İstanbul", "as it was written");
}

#[tokio::test]
async fn a_task_is_found_by_the_prompt_that_it_has_now() {
    let service = Service::shared();
    let (creator, reviewer) = service.people();
    let (before, after) = (unique("Before"), unique("After"));
    let drawn = creator.draw(with(small(&before), json!({"prompt": before}))).await;
    let ids = [id(&drawn)];
    expect(&creator, &format!("text={before}"), 10, &ids).await;
    reviewer.make("reject", &ids[0], json!({"reason": "something else"})).await.expect(200);
    expect(&creator, &format!("text={before}"), 10, &ids).await;
    creator.make("retry", &ids[0], json!({"prompt": after})).await.expect(200);
    // Drawing it moves it once more.
    creator.wait(&ids[0], "awaiting_approval").await;
    expect(&creator, &format!("text={}", after.to_uppercase()), 10, &ids).await;
    expect(&creator, &format!("text={before}"), 10, &[]).await;
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
async fn a_list_shows_what_people_choose_by_and_a_task_all_of_it() {
    let service = Service::shared();
    let (creator, reviewer) = service.people();
    let tag = unique("slim");
    let metadata = json!({"campaign": "spring"});
    let first = creator.draw(with(small(&tag), json!({"title": "Slim", "metadata": metadata}))).await;
    reviewer.make("reject", &id(&first), json!({"reason": "another"})).await.expect(200);
    creator.make("retry", &id(&first), json!({"seed": 8})).await.expect(200);
    let whole = creator.wait(&id(&first), "awaiting_approval").await;
    assert_eq!((&whole["metadata"], whole["earlier_attempts"].as_array().map(Vec::len)), (&metadata, Some(1)));

    let listed = reviewer.get(&format!("/v1/tasks?tag={tag}")).await.expect(200);
    let [task] = listed["tasks"].as_array().expect("tasks").as_slice() else { panic!("one task: {listed:#}") };
    for field in ["id", "version", "status", "owner", "title", "tags", "created_at", "updated_at"] {
        assert_eq!(task[field], whole[field], "{field}");
    }
    assert_eq!(task["attempt"]["settings"], whole["attempt"]["settings"]);
    assert_eq!(task["earlier_attempt_count"], 1);
    assert_eq!(task["next_moves"], json!(["cancel", "approve", "reject"]));
    let (small, large) = (&task["attempt"]["images"][0], &whole["attempt"]["images"][0]);
    assert_eq!((&small["sha256"], &small["seed"]), (&large["sha256"], &large["seed"]));
    assert!(!creator.download(&small["thumbnail_url"]).await.is_empty());
    for field in ["metadata", "earlier_attempts", "progress"] {
        assert!(task.get(field).is_none(), "{field}: {task:#}");
    }
    assert!(small.get("url").is_none() && task["attempt"].get("generation").is_none(), "{task:#}");
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
            assert_eq!(
                result["problem"]["legal_moves"],
                if status == 409 { json!(["reopen", "delete"]) } else { Value::Null }
            );
        }
    }
    let refused = creator.post("/v1/tasks/bulk", &json!({"ids": ids[..2], "move": "approve"})).await.expect(200);
    for result in refused["results"].as_array().expect("results") {
        assert_eq!(result["status"], 403, "{result:#}");
    }
}
