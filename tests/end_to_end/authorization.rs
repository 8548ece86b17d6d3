//! Every route with every kind of caller.

use std::time::SystemTime;

use easel_domain::identity::Role;
use easel_domain::task::Move;
use easel_test_support::person::{ApiResponse, Person, id, send};
use easel_test_support::service::{Service, Who};
use easel_test_support::task_requests::{long, small, unique};
use jsonwebtoken::dangerous::insecure_decode_claims;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};

#[tokio::test]
async fn every_route_lets_in_who_may_and_nobody_else() {
    let service = Service::shared();
    let tag = unique("authorization");
    let target = CallTarget::new(&service, &tag).await;
    let routes = routes();
    for route in &routes {
        let name = format!("{} {}", route.method, route.path);
        for (kind, token) in bad_tokens(&service) {
            let answer = target.call(&service.bearer(token.as_deref()), route, &target.untouched).await;
            let expected = if route.role.is_none() { 200 } else { 401 };
            assert_eq!(answer.status, expected, "{name}, {kind}: {answer:#?}");
            if expected == 401 && service.is_local() {
                assert_eq!(answer.header("www-authenticate"), "Bearer", "{name}, {kind}");
                answer.expect_problem(401, "unauthenticated");
            }
        }
        for who in too_low(route.role) {
            let answer = target.call(&service.person(*who), route, &target.untouched).await;
            assert_eq!(answer.status, 403, "{name}, wrong role: {answer:#?}");
            answer.expect_problem(403, "forbidden");
        }
        if route.path.contains("{id}") || route.path.contains("{collection}") {
            let expected = if route.role == Some(Role::Reviewer) { 403 } else { 404 };
            let answer = target.call(&service.person(Who::OtherCreator), route, &target.untouched).await;
            assert_eq!(answer.status, expected, "{name}, wrong owner: {answer:#?}");
        }
        if route.operation == Operation::Move(Move::Delete) {
            let answer = target.call(&service.person(Who::Reviewer), route, &target.untouched).await;
            answer.expect_problem(403, "forbidden");
        }
    }
    let after = service.person(Who::Admin).task(&id(&target.untouched)).await;
    assert_eq!(after["version"], target.untouched["version"], "whoever was refused changed nothing");
    let made = service.person(Who::Admin).list(&format!("tag={tag}"), 100).await;
    assert_eq!(made, [id(&target.untouched)], "whoever was refused made nothing");

    let issues_tokens = service.is_local() || service.person(Who::Creator).get("/v1/tokens").await.status != 404;
    for route in &routes {
        let task = target.ready_for(route).await;
        let person = service.person(match route.role {
            Some(Role::Admin) => Who::Admin,
            Some(Role::Reviewer) => Who::Reviewer,
            _ => Who::Creator,
        });
        let answer = target.call(&person, route, &task).await;
        let expected = match route.operation {
            Operation::CreateTask | Operation::CreateUpload | Operation::Comment | Operation::CreateCollection => 201,
            Operation::Move(Move::Delete) => 202,
            // Where an authorizer checks tokens, somebody else issues them.
            _ if route.path.starts_with("/v1/tokens") && !issues_tokens => 404,
            Operation::CreateToken => 201,
            // Nobody has a token of this id.
            Operation::RevokeToken => 404,
            _ => 200,
        };
        assert_eq!(answer.status, expected, "{} {}, right: {answer:#?}", route.method, route.path);
    }
    // An admin may remove what others made.
    service.person(Who::Admin).delete(&id(&target.untouched)).await.expect(202);
}

/// Who may not take a route that needs this role.
fn too_low(role: Option<Role>) -> &'static [Who] {
    match role {
        Some(Role::Admin) => &[Who::Creator, Who::Reviewer],
        Some(Role::Reviewer) => &[Who::Creator],
        _ => &[],
    }
}

#[tokio::test]
async fn everybody_is_told_who_they_are() {
    let service = Service::without_worker();
    for (who, role) in
        [(Who::Creator, "creator"), (Who::OtherCreator, "creator"), (Who::Reviewer, "reviewer"), (Who::Admin, "admin")]
    {
        let person = service.person(who);
        let identity = person.get("/v1/identity").await.expect(200);
        assert_eq!((&identity["name"], &identity["role"]), (&json!(person.name), &json!(role)), "{identity:#}");
        let claims = insecure_decode_claims::<Value>(service.token(who)).expect("claims");
        assert_eq!(identity["token_id"], claims["jti"], "by which it can be revoked");
    }
}

/// A way into the API, as its description has it.
struct Route {
    method: String,
    path: String,
    operation: Operation,
    /// The least role that may take it; none is everybody, with or without a token.
    role: Option<Role>,
}

/// What a route does.
#[derive(PartialEq)]
enum Operation {
    CreateTask,
    CreateUpload,
    MoveMany,
    ClaimMany,
    Comment,
    Move(Move),
    CreateToken,
    RevokeToken,
    CreateCollection,
    ChangeCollection,
    RemoveCollection,
    SaveView,
    SaveStyle,
    ChangeQueue,
    Prioritize,
    Show,
}

fn routes() -> Vec<Route> {
    let description = easel_api::document().expect("a description");
    let mut routes = Vec::new();
    for (path, operations) in description["paths"].as_object().expect("paths") {
        for (method, operation) in operations.as_object().expect("operations") {
            let security = operation["security"].as_array().expect("who may call it");
            let role = security.first().map(|needed| match needed["token"][0].as_str() {
                None => Role::Creator,
                Some(role) => Role::named(role).expect("a role"),
            });
            let operation = match operation["operationId"].as_str().expect("a name") {
                "createTask" => Operation::CreateTask,
                "createUpload" => Operation::CreateUpload,
                "moveTasks" => Operation::MoveMany,
                "createToken" => Operation::CreateToken,
                "revokeToken" => Operation::RevokeToken,
                "claimReviews" => Operation::ClaimMany,
                "addComment" => Operation::Comment,
                "createCollection" => Operation::CreateCollection,
                "changeCollection" => Operation::ChangeCollection,
                "removeCollection" => Operation::RemoveCollection,
                "saveView" => Operation::SaveView,
                "saveStyle" => Operation::SaveStyle,
                "changeQueue" => Operation::ChangeQueue,
                "prioritize" => Operation::Prioritize,
                name => name.strip_suffix("Task").and_then(Move::named).map_or(Operation::Show, Operation::Move),
            };
            routes.push(Route { method: method.to_uppercase(), path: path.clone(), operation, role });
        }
    }
    // There is one collection for all calls.
    routes.sort_by_key(|route| route.operation == Operation::RemoveCollection);
    routes
}

/// What the calls are about.
struct CallTarget<'a> {
    service: &'a Service,
    tag: &'a str,
    /// A drawn task of the creator's.
    untouched: Value,
    /// The id of a collection of the creator's.
    collection: String,
}

impl<'a> CallTarget<'a> {
    async fn new(service: &'a Service, tag: &'a str) -> Self {
        let untouched = service.person(Who::Creator).draw(small(tag)).await;
        let made = service.person(Who::Creator).post("/v1/collections", &json!({"name": tag})).await.expect(201);
        Self { service, tag, untouched, collection: id(&made) }
    }

    /// A valid call of the route, about `task` where it is about one.
    async fn call(&self, person: &Person, route: &Route, task: &Value) -> ApiResponse {
        let mut path = route.path.replace("{id}", &id(task)).replace("{owner}", self.tag).replace("{token}", self.tag);
        path = path.replace("{name}", self.tag).replace("{collection}", &self.collection);
        if path.contains("{comment}") {
            let said = json!({"text": self.tag});
            let creator = self.service.person(Who::Creator);
            let comment = creator.post(&format!("/v1/tasks/{}/comments", id(task)), &said).await.expect(201);
            path = path.replace("{comment}", &id(&comment));
        }
        let request = person.request(&route.method, &path);
        let body = match route.operation {
            Operation::CreateTask => small(self.tag),
            Operation::CreateUpload => json!({"content_type": "image/png", "content_length": 100}),
            Operation::Comment => json!({"text": self.tag}),
            Operation::ClaimMany => json!({"ids": [id(task)]}),
            Operation::MoveMany => json!({"ids": [id(task)], "move": "cancel"}),
            Operation::CreateCollection => json!({"name": self.tag}),
            Operation::ChangeCollection => json!({"name": "another name"}),
            Operation::SaveView => json!({"page": "library", "query": format!("tag={}", self.tag)}),
            Operation::SaveStyle => json!({"prompt": "oil on canvas"}),
            Operation::ChangeQueue => json!({"paused": false}),
            Operation::Prioritize => json!({"priority": 0}),
            Operation::Move(Move::Relabel) => json!({"add_tags": ["another"]}),
            Operation::Move(Move::Reject | Move::Reopen) => json!({"reason": "not this time"}),
            Operation::Move(_) => json!({}),
            _ => return send(request).await,
        };
        send(request.json(&body)).await
    }

    /// A task of the creator's that the route's move is legal for.
    async fn ready_for(&self, route: &Route) -> Value {
        let (creator, reviewer) = self.service.people();
        if route.path.contains("{name}") {
            for (kind, body) in
                [("views", json!({"page": "review", "query": ""})), ("styles", json!({"prompt": "ink"}))]
            {
                let save = creator.request("PUT", &format!("/v1/{kind}/{}", self.tag)).json(&body);
                send(save).await.expect(200);
            }
        }
        if route.path.ends_with("{id}/reviewer") {
            return creator.draw(small(self.tag)).await;
        }
        if route.operation == Operation::Prioritize {
            let id = creator.create(long(self.tag, 100, 1)).await;
            return creator.task(&id).await;
        }
        let Operation::Move(step) = route.operation else { return self.untouched.clone() };
        if matches!(step, Move::Pause | Move::Resume) {
            let long = long(self.tag, 100, 1);
            let id = creator.create(long).await;
            if step == Move::Resume {
                creator.make("pause", &id, json!({})).await.expect(200);
            }
            return creator.task(&id).await;
        }
        let id = id(&creator.draw(small(self.tag)).await);
        match step {
            Move::Publish => reviewer.make("approve", &id, json!({})).await.expect(200),
            Move::Unpublish => {
                reviewer.make("approve", &id, json!({})).await.expect(200);
                reviewer.make("publish", &id, json!({})).await.expect(200)
            }
            Move::Reopen => creator.make("cancel", &id, json!({})).await.expect(200),
            Move::Retry => reviewer.make("reject", &id, json!({"reason": "once more"})).await.expect(200),
            _ => creator.task(&id).await,
        }
    }
}

/// AccessTokens that nobody should be let in with.
fn bad_tokens(service: &Service) -> Vec<(&'static str, Option<String>)> {
    let token = service.token(Who::Admin);
    let (signed, signature) = token.rsplit_once('.').expect("a signature");
    let (_, claims) = signed.split_once('.').expect("claims");
    let other_signature: String = signature.chars().rev().collect();
    // {"alg":"none","typ":"JWT"}
    let unsigned = "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0";
    let mut tokens = vec![
        ("no token", None),
        ("no JWT", Some("heart".to_owned())),
        ("another key's signature", Some(sign("admin", 3600, "another key"))),
        ("a changed signature", Some(format!("{signed}.{other_signature}"))),
        ("no signature", Some(format!("{signed}."))),
        ("alg none", Some(format!("{unsigned}.{claims}."))),
    ];
    if let Some(secret) = service.token_secret() {
        tokens.push(("expired", Some(sign("admin", -60, &secret))));
        tokens.push(("good for longer than a year", Some(sign("admin", 366 * 24 * 3600, &secret))));
        tokens.push(("a role in pieces", Some(sign("photo-admin", 3600, &secret))));
        tokens.push(("a role that there is not", Some(sign("owner", 3600, &secret))));
        tokens.push(("a worker's role", Some(sign("worker", 3600, &secret))));
    }
    tokens
}

/// A token of mallory's that ends in some seconds.
pub(crate) fn sign(role: &str, seconds: i64, secret: &str) -> String {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("after 1970").as_secs();
    let now = i64::try_from(now).expect("a time");
    let claims = json!({"iss": "easel", "sub": "mallory", "role": role, "jti": "mallorys", "iat": now - 120, "exp": now + seconds});
    let key = EncodingKey::from_secret(secret.as_bytes());
    jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &key).expect("a token")
}
