//! The events of `events/`, as API Gateway sends them to the functions.

use std::path::Path;

use axum::Router;
use axum::body::{Bytes, to_bytes};
use easel_api::{Identification, RoleClaim, Services, TokenKey};
use easel_test_support::person::id;
use easel_test_support::service::{Service, Who};
use easel_test_support::task_requests::unique;
use lambda_http::Response;
use serde_json::Value;
use tower::ServiceExt;

/// What stands in the events for a task's id, an idempotency key and a tag.
const PLACES: [&str; 3] = ["019ab5c2-7d40-7e11-9c53-0f4c8a6b2d19", "5c1f0c1e-heart", "demo"];

#[tokio::test]
async fn events_of_the_gateway_are_answered_as_their_claims_say() {
    let service = Service::shared();
    let services = Services::new(service.storage().workflow(), Identification::Authorizer(RoleClaim::default()));
    let (key, tag) = (unique("key"), unique("events"));
    let with = |id: &str, name: &str| {
        PLACES.iter().zip([id, &key, &tag]).fold(event(name), |event, (place, value)| event.replace(place, value))
    };

    let (status, made) = invoke(&services, &with("", "create"), easel_api::create::router).await;
    assert_eq!((status, &made["owner"], &made["title"]), (201, &"ada".into(), &"Heart".into()), "{made:#}");
    let again = invoke(&services, &with("", "create"), easel_api::create::router).await;
    assert_eq!(again, (201, made.clone()), "the same idempotency key is the same task");
    let id = id(&made);
    let (status, page) = invoke(&services, &with(&id, "list"), easel_api::read::router).await;
    assert_eq!((status, &page["tasks"][0]["id"], &page["next_cursor"]), (200, &made["id"], &Value::Null), "{page:#}");

    service.person(Who::Reviewer).wait(&id, "awaiting_approval").await;
    let (status, approved) = invoke(&services, &with(&id, "approve"), easel_api::review::router).await;
    assert_eq!((status, &approved["approval"]["by"]), (200, &"grace".into()), "{approved:#}");
    assert_eq!(approved["approval"]["note"], "Just the red we wanted");

    // Without what the authorizer found, nobody is let in, whatever the token looks like.
    let mut anonymous: Value = serde_json::from_str(&with(&id, "list")).expect("JSON");
    anonymous["requestContext"].as_object_mut().expect("a context").remove("authorizer");
    let (status, _) = invoke(&services, &anonymous.to_string(), easel_api::read::router).await;
    assert_eq!(status, 401);
    // Where tokens are checked as well, what an authorizer found still counts, and nothing less.
    let tokens = Identification::Tokens(TokenKey::new(b"a secret".to_vec()));
    let services = Services { identification: tokens, ..services };
    for (event, expected) in [(with(&id, "list"), 200), (anonymous.to_string(), 401)] {
        assert_eq!(invoke(&services, &event, easel_api::read::router).await.0, expected);
    }
}

/// An event of `events/`.
pub(crate) fn event(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../events/{name}.json"));
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Sends an event to a function's router.
pub(crate) async fn send(services: &Services, event: &str, router: fn(Services) -> Router) -> Response<Bytes> {
    let request = lambda_http::request::from_str(event).expect("an event");
    let (parts, body) = router(services.clone()).oneshot(request).await.expect("an answer").into_parts();
    Response::from_parts(parts, to_bytes(body, usize::MAX).await.expect("a body"))
}

async fn invoke(services: &Services, event: &str, router: fn(Services) -> Router) -> (u16, Value) {
    let response = send(services, event, router).await;
    (response.status().as_u16(), serde_json::from_slice(response.body()).expect("JSON"))
}
