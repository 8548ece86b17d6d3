//! Everything that a browser gets is on the service's own origin, whatever it is called; published images are public.

use std::collections::BTreeSet;

use easel_test_support::person::{Person, id, send};
use easel_test_support::service::{Service, Who};
use easel_test_support::task_requests::{small, unique, with};
use reqwest::{Client, Response};
use serde_json::{Value, json};

use crate::init_image::image;

const STUDIO: &str = "https://studio.example/easel";

/// A service that a proxy calls by a name of its own, below a path.
fn behind_a_proxy() -> Option<Service> {
    Service::alone_with(&["--public-url", "https://studio.example/easel/"])
}

/// Every text in a document that is an address, without those that only name kinds.
fn addresses(document: &Value, found: &mut BTreeSet<String>) {
    match document {
        Value::String(text) if text.contains("://") => {
            found.insert(text.clone());
        }
        Value::Array(values) => values.iter().for_each(|value| addresses(value, found)),
        Value::Object(values) => values.values().for_each(|value| addresses(value, found)),
        _ => {}
    }
}

/// What is at an address of the studio, asked for as its proxy does.
async fn through_proxy(service: &Service, url: &str) -> Response {
    let path = url.strip_prefix(STUDIO).unwrap_or_else(|| panic!("{url} is not below {STUDIO}"));
    let request = Client::new().get(format!("{}{path}", service.addresses.api)).header("host", "studio.example");
    request.send().await.expect("an answer")
}

fn header<'a>(response: &'a Response, name: &str) -> &'a str {
    response.headers().get(name).map_or("", |value| value.to_str().expect("text"))
}

#[tokio::test(flavor = "multi_thread")]
async fn addresses_are_those_by_which_somebody_came() {
    let Some(service) = behind_a_proxy() else { return };
    let (creator, reviewer) = service.people();
    let task = creator.draw(with(small(&unique("origin")), json!({"count": 2}))).await;
    let id = id(&task);
    let (api, port) = (&service.addresses.api, service.addresses.api.rsplit_once(':').expect("a port").1);
    let (localhost, forwarded) = (format!("localhost:{port}"), [("x-forwarded-for", "192.0.2.7")]);
    for (host, more, expected) in [
        ("studio.example", &[][..], STUDIO.to_owned()),
        (&localhost, &[], format!("http://{localhost}")),
        ("127.0.0.1:9", &[], "http://127.0.0.1:9".to_owned()),
        (&localhost, &forwarded, STUDIO.to_owned()),
    ] {
        let upload = json!({"content_type": "image/png", "content_length": 5});
        let calls = [
            reviewer.request("GET", &format!("/v1/tasks/{id}")),
            reviewer.request("GET", "/v1/tasks"),
            // A proxy may leave its path in place.
            reviewer.request("GET", &format!("/easel/v1/tasks/{id}")),
            creator.request("POST", "/v1/uploads").json(&upload),
            reviewer.request("GET", "/openapi.json"),
        ];
        for call in calls {
            let call = more.iter().fold(call.header("host", host), |call, (name, value)| call.header(*name, *value));
            let answer = send(call).await;
            assert!(answer.status < 300, "{host}: {answer:#?}");
            let mut found = BTreeSet::new();
            addresses(&answer.body, &mut found);
            found.retain(|address| !address.starts_with("https://spdx.org"));
            assert!(!found.is_empty(), "{host}: {:#}", answer.body);
            for address in found {
                assert!(address == expected || address.starts_with(&format!("{expected}/")), "{host}: {address}");
            }
        }
    }
    let made = creator.request("POST", "/v1/tasks").header("host", "studio.example").json(&small("location"));
    let made = send(made).await;
    assert!(made.header("location").starts_with("/easel/v1/tasks/"), "{made:#?}");
    let moved = Client::builder().redirect(reqwest::redirect::Policy::none()).build().expect("a client");
    let moved = moved.get(format!("{api}/easel")).send().await.expect("an answer");
    assert_eq!((moved.status().as_u16(), header(&moved, "location")), (308, "/easel/"));
    let page =
        Client::new().get(format!("{api}/easel/")).header("host", "studio.example").send().await.expect("a page");
    let policy = header(&page, "content-security-policy").to_owned();
    assert!(!policy.contains("://"), "the policy names no other origin: {policy}");
    let page = page.text().await.expect("text");
    assert!(!page.contains("=\"/desk"), "{page}");
    assert!(service.addresses.desk.as_deref().is_some_and(|link| link.starts_with(&format!("{STUDIO}/#code="))));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_comes_whole_in_parts_and_only_when_it_is_new() {
    let service = Service::shared();
    if !service.is_local() {
        eprintln!("left out: S3 itself answers these");
        return;
    }
    let creator = service.person(Who::Creator);
    let task = creator.draw(small(&unique("objects"))).await;
    let shown = &task["attempt"]["images"][0];
    let (url, http) = (shown["url"].as_str().expect("a URL"), Client::new());
    assert!(url.starts_with(&format!("{}/objects/images/", service.addresses.api)), "{url}");
    let whole = http.get(url).send().await.expect("an answer");
    assert_eq!((whole.status().as_u16(), header(&whole, "content-type")), (200, "image/png"));
    assert_eq!(header(&whole, "content-length"), shown["bytes"].to_string());
    for (name, expected) in [
        ("x-content-type-options", "nosniff"),
        ("cross-origin-resource-policy", "same-origin"),
        ("content-security-policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; sandbox"),
        ("cache-control", "private, max-age=3600, immutable"),
        ("accept-ranges", "bytes"),
    ] {
        assert_eq!(header(&whole, name), expected, "{name}");
    }
    assert!(!whole.headers().keys().any(|name| name.as_str().starts_with("x-amz")), "{:?}", whole.headers());
    let tag = header(&whole, "etag").to_owned();
    let whole = whole.bytes().await.expect("all of it");

    let part = http.get(url).header("range", "bytes=8-15").send().await.expect("an answer");
    assert_eq!(
        (part.status().as_u16(), header(&part, "content-range")),
        (206, format!("bytes 8-15/{}", whole.len()).as_str())
    );
    assert_eq!(part.bytes().await.expect("a part"), whole[8..16]);
    let beyond = http.get(url).header("range", "bytes=99999999-").send().await.expect("an answer");
    assert_eq!(beyond.status(), 416);
    let otherwise =
        http.get(url).header("range", "bytes=8-15").header("if-range", "\"other\"").send().await.expect("one");
    assert_eq!((otherwise.status().as_u16(), otherwise.bytes().await.expect("all").len()), (200, whole.len()));
    for range in ["bytes=0-1,4-5", "bytes=-", "lines=1-2", "bytes=a-b"] {
        let all = http.get(url).header("range", range).send().await.expect("an answer");
        assert_eq!((all.status().as_u16(), all.bytes().await.expect("all").len()), (200, whole.len()), "{range}");
    }
    for known in [tag.clone(), format!("\"other\", W/{tag}"), "*".to_owned()] {
        let same = http.get(url).header("if-none-match", known).send().await.expect("an answer");
        assert_eq!((same.status().as_u16(), header(&same, "etag")), (304, tag.as_str()));
        assert!(same.bytes().await.expect("nothing").is_empty());
    }
    let head = http.head(url).send().await.expect("an answer");
    assert_eq!((head.status().as_u16(), header(&head, "content-length")), (200, whole.len().to_string().as_str()));

    let signed = url.replace("/objects/images/", "/objects/inputs/");
    let without = url.split_once('?').expect("a query").0.to_owned();
    for other in
        [signed, without, url.replace("X-Amz-Signature=", "X-Amz-Signature=0"), url.replace("Expires=4", "Expires=5")]
    {
        send(http.get(&other)).await.expect_problem(403, "wrong-address");
        // Nobody's token opens what a signature alone opens.
        send(http.get(&other).bearer_auth(service.token(Who::Admin))).await.expect_problem(403, "wrong-address");
    }
    send(http.put(url).body("other")).await.expect_problem(403, "wrong-address");
    send(http.post(url).body("other")).await.expect_problem(405, "wrong-method");
    for (name, value) in [("host", "evil.example"), ("origin", "https://evil.example")] {
        send(http.get(url).header(name, value)).await.expect_problem(403, "wrong-door");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_is_taken_once_and_just_as_it_was_announced() {
    let service = Service::shared();
    if !service.is_local() {
        eprintln!("left out: S3 itself answers these");
        return;
    }
    let (creator, file) = (service.person(Who::Creator), image(64));
    let announced = json!({"content_type": "image/png", "content_length": file.len()});
    let upload = creator.post("/v1/uploads", &announced).await.expect(201);
    assert!(
        upload["url"]
            .as_str()
            .is_some_and(|url| url.starts_with(&format!("{}/objects/inputs/", service.addresses.api)))
    );
    assert_eq!(creator.upload(&upload, "text/html", &file).await, 403);
    assert_eq!(creator.upload(&upload, "image/png", &file[1..]).await, 403);
    assert_eq!(creator.upload(&upload, "image/png", &file).await, 200);
    assert_eq!(creator.upload(&upload, "image/png", &file).await, 412);
    assert_eq!(service.storage().get(upload["key"].as_str().expect("a key")).await, Some(file));
}

/// A published task of somebody's.
async fn published(creator: &Person, reviewer: &Person, name: &str) -> Value {
    let task = creator.draw(with(small(&unique(name)), json!({"count": 2}))).await;
    reviewer.make("approve", &id(&task), json!({"images": [1]})).await.expect(200);
    reviewer.make("publish", &id(&task), json!({})).await.expect(200)
}

#[tokio::test(flavor = "multi_thread")]
async fn everybody_sees_published_images_until_they_are_taken_back() {
    let Some(service) = behind_a_proxy() else { return };
    let (creator, reviewer) = service.people();
    for (name, taken) in [("unpublished", "unpublish"), ("deleted", "delete")] {
        let task = published(&creator, &reviewer, name).await;
        let images = task["attempt"]["images"].as_array().expect("images");
        assert_eq!(images[0]["published_url"], json!(null), "it was not approved");
        let local = images[1]["published_url"].as_str().expect("a URL").to_owned();
        let url = local.replace(&service.addresses.api, STUDIO);
        assert!(local.starts_with(&format!("{}/public/{}/", service.addresses.api, id(&task))), "{local}");
        let seen = through_proxy(&service, &url).await;
        assert_eq!((seen.status().as_u16(), header(&seen, "content-type")), (200, "image/png"));
        assert_eq!(header(&seen, "cache-control"), "public, no-cache", "who keeps it asks again");
        assert_eq!(header(&seen, "cross-origin-resource-policy"), "cross-origin");
        let tag = header(&seen, "etag").to_owned();
        assert_eq!(seen.bytes().await.expect("an image"), creator.download(&images[1]["url"]).await);
        let again = Client::new().get(&local).header("if-none-match", &tag).send().await.expect("an answer");
        assert_eq!(again.status(), 304);
        assert_eq!(Client::new().head(&local).send().await.expect("an answer").status(), 200);

        for other in
            [local.replace("-1.png", "-0.png"), local.replace("/public/", "/public/../images/"), format!("{local}x")]
        {
            assert_eq!(Client::new().get(&other).send().await.expect("an answer").status(), 404, "{other}");
        }
        let removed = match taken {
            "delete" => service.person(Who::Admin).delete(&id(&task)).await.expect(202),
            _ => reviewer.make(taken, &id(&task), json!({})).await.expect(200),
        };
        assert_eq!(removed["attempt"]["images"][1]["published_url"], json!(null));
        for request in [Client::new().get(&local), Client::new().get(&local).header("if-none-match", &tag)] {
            let gone = send(request).await;
            assert_eq!(gone.header("cache-control"), "no-store");
            gone.expect_problem(404, "not-found");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_public_where_nothing_is_to_be() {
    let Some(service) = Service::alone_with(&["--no-public"]) else { return };
    let (creator, reviewer) = service.people();
    let task = published(&creator, &reviewer, "private").await;
    assert_eq!(task["attempt"]["images"][1]["published_url"], json!(null));
    let key = task["publication"]["keys"][0].as_str().expect("a key").replace("published/", "public/");
    let answer = Client::new().get(format!("{}/{key}", service.addresses.api)).send().await.expect("an answer");
    assert_eq!(answer.status(), 404);
}
