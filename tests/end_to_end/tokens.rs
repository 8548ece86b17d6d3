//! Tokens on one machine: who has them, for how long, and how they are taken back.

use easel_test_support::person::send;
use easel_test_support::program::{self, CommandOutput};
use easel_test_support::service::{Service, Who};
use serde_json::{Value, json};

fn easel(arguments: &[&str]) -> CommandOutput {
    program::run(&mut program::easel(arguments))
}

#[track_caller]
fn succeed(outcome: CommandOutput) -> String {
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    outcome.stdout.trim().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_listed_and_revoked_and_refused_at_once() {
    let Some(service) = Service::alone() else { return };
    let data = service.data().expect("a folder");
    let data = data.to_str().expect("UTF-8");
    let token = |name: &str| succeed(easel(&["token", "--data", data, "--role", "reviewer", "--name", name]));
    let (first, second, others) = (token("grace"), token("grace"), token("robin"));
    let tokens: Value =
        serde_json::from_str(&succeed(easel(&["token", "list", "--data", data, "--json"]))).expect("JSON");
    let ids: Vec<_> = tokens.as_array().expect("tokens").iter().filter(|token| token["name"] == "grace").collect();
    assert_eq!(ids.len(), 2, "{tokens:#}");
    assert!(!tokens.to_string().contains("eyJ"), "what is listed lets nobody in: {tokens:#}");
    let id = ids[1]["id"].as_str().expect("an id");

    service.bearer(Some(&first)).get("/v1/identity").await.expect(200);
    let revoked = succeed(easel(&["token", "revoke", id, "--data", data]));
    assert!(revoked.contains(id) && revoked.contains("revoked"), "{revoked}");
    let refused = service.bearer(Some(&first)).get("/v1/identity").await.expect_problem(401, "unauthenticated");
    assert!(refused["detail"].as_str().is_some_and(|detail| detail.contains("revoked")), "{refused:#}");
    service.bearer(Some(&second)).get("/v1/identity").await.expect(200);

    succeed(easel(&["token", "revoke", "grace", "--data", data]));
    service.bearer(Some(&second)).get("/v1/identity").await.expect_problem(401, "unauthenticated");
    service.bearer(Some(&others)).get("/v1/identity").await.expect(200);
    service.person(Who::Admin).get("/v1/identity").await.expect(200);
    let listed = succeed(easel(&["token", "list", "--data", data]));
    assert_eq!(listed.lines().filter(|line| line.contains("grace") && line.contains("revoked")).count(), 2, "{listed}");
    let nothing = easel(&["token", "revoke", "grace", "--data", data]);
    assert!(nothing.code == Some(2) && nothing.stderr.contains("easel token list"), "{nothing:?}");

    let record = std::fs::read_to_string(service.data().expect("a folder").join("audit.jsonl")).expect("a record");
    let events: Vec<Value> = record.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let of = |event: &str| events.iter().filter(|line| line["event"] == event && line["name"] == "grace").count();
    assert_eq!((of("token_issued"), of("token_revoked")), (2, 2), "{record}");
}

#[tokio::test(flavor = "multi_thread")]
async fn everybody_makes_and_revokes_tokens_of_their_own_and_admins_those_of_all() {
    let Some(service) = Service::alone() else { return };
    let [creator, chris, reviewer, admin] =
        [Who::Creator, Who::OtherCreator, Who::Reviewer, Who::Admin].map(|who| service.person(who));
    let mine = creator.post("/v1/tokens", &json!({"days": 7})).await;
    assert_eq!(mine.header("cache-control"), "no-store");
    let mine = mine.expect(201);
    assert_eq!((&mine["name"], &mine["role"]), (&json!("carla"), &json!("creator")));
    let bearer = service.bearer(mine["token"].as_str());
    assert_eq!(bearer.get("/v1/identity").await.expect(200)["token_id"], mine["id"]);

    for (person, wanted) in [
        (&creator, json!({"role": "reviewer"})),
        (&creator, json!({"name": "chris"})),
        (&reviewer, json!({"role": "admin"})),
        (&reviewer, json!({"name": "carla", "role": "creator"})),
    ] {
        person.post("/v1/tokens", &wanted).await.expect_problem(403, "forbidden");
    }
    for wrong in
        [json!({"role": "worker"}), json!({"days": 0}), json!({"days": 366}), json!({"name": " "}), json!({"a": 1})]
    {
        admin.post("/v1/tokens", &wrong).await.expect_problem(422, "invalid-fields");
    }
    reviewer.post("/v1/tokens", &json!({"role": "creator"})).await.expect(201);
    let dora = admin.post("/v1/tokens", &json!({"name": "dora", "role": "creator", "days": 1})).await.expect(201);

    let names = |page: &Value| {
        let tokens = page["tokens"].as_array().expect("tokens").clone();
        tokens.iter().map(|token| token["name"].as_str().expect("a name").to_owned()).collect::<Vec<_>>()
    };
    let own = creator.get("/v1/tokens").await.expect(200);
    assert_eq!(names(&own), ["carla", "carla"], "{own:#}");
    assert!(!own.to_string().contains("eyJ"), "what is listed lets nobody in: {own:#}");
    let first = admin.get("/v1/tokens?limit=2").await.expect(200);
    assert_eq!(names(&first), ["dora", "robin"]);
    let cursor = first["next_cursor"].as_str().expect("there are more");
    let rest = admin.get(&format!("/v1/tokens?cursor={cursor}")).await.expect(200);
    assert_eq!((names(&rest).len(), &rest["next_cursor"]), (5, &json!(null)), "{rest:#}");
    admin.get("/v1/tokens?limit=101").await.expect_problem(400, "wrong-parameters");

    let path = format!("/v1/tokens/{}", mine["id"].as_str().expect("an id"));
    for other in [&chris, &reviewer] {
        send(other.request("DELETE", &path)).await.expect_problem(404, "not-found");
    }
    let revoked = send(creator.request("DELETE", &path)).await.expect(200);
    assert!(revoked["revoked_at"].is_string(), "{revoked:#}");
    bearer.get("/v1/identity").await.expect_problem(401, "unauthenticated");
    send(creator.request("DELETE", &path)).await.expect_problem(404, "not-found");
    let dora = format!("/v1/tokens/{}", dora["id"].as_str().expect("an id"));
    send(admin.request("DELETE", &dora)).await.expect(200);

    // What lets somebody in is kept nowhere, not even to be answered again.
    let again = || creator.request("POST", "/v1/tokens").header("idempotency-key", "once").json(&json!({}));
    let (one, other) = (send(again()).await.expect(201), send(again()).await.expect(201));
    assert_ne!(one["id"], other["id"]);
    let record = std::fs::read_to_string(service.data().expect("a folder").join("audit.jsonl")).expect("a record");
    let events: Vec<Value> = record.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let by = |event: &str, by: &str| events.iter().filter(|line| line["event"] == event && line["by"] == by).count();
    assert_eq!((by("token_issued", "ada"), by("token_issued", "carla")), (1, 3), "{record}");
    assert_eq!((by("token_revoked", "ada"), by("token_revoked", "carla")), (1, 1), "{record}");
}

#[test]
fn a_mistyped_folder_and_an_endless_token_are_refused() {
    let folder = tempfile::TempDir::new().expect("a folder");
    let typo = folder.path().join("tpyo");
    let typo_name = typo.to_str().expect("UTF-8");
    for arguments in [
        &["token", "--role", "admin", "--data", typo_name][..],
        &["token", "list", "--data", typo_name],
        &["token", "revoke", "ada", "--data", typo_name],
    ] {
        let outcome = easel(arguments);
        assert!(outcome.code == Some(2) && outcome.stderr.contains("tpyo"), "{outcome:?}");
        assert!(!typo.exists(), "{arguments:?}");
    }
    for days in ["0", "366", "4000000000"] {
        let outcome = easel(&["token", "--role", "admin", "--data", typo_name, "--days", days]);
        assert!(outcome.code == Some(2) && outcome.stderr.contains("365"), "{outcome:?}");
    }
}

#[test]
fn an_address_that_others_reach_has_to_be_asked_for() {
    let folder = tempfile::TempDir::new().expect("a folder");
    let data = folder.path().join("data");
    for option in ["--listen", "--s3-listen", "--dynamodb-listen"] {
        let data = data.to_str().expect("UTF-8");
        let arguments = ["serve", "--no-generate", "--data", data, "--listen", "127.0.0.1:0", option, "0.0.0.0:0"];
        let outcome = easel(&arguments);
        assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(2), ""), "{outcome:?}");
        for word in [option, "plain HTTP", "--public-url", "--insecure-http"] {
            assert!(outcome.stderr.contains(word), "{outcome:?}");
        }
    }
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn nobody_else_can_read_the_data_folder() {
    use std::os::unix::fs::PermissionsExt;
    use std::path::{Path, PathBuf};

    fn all(folder: &Path, found: &mut Vec<PathBuf>) {
        found.push(folder.to_owned());
        for entry in folder.read_dir().expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() { all(&path, found) } else { found.push(path) }
        }
    }
    let check = |data: &Path| {
        let mut found = Vec::new();
        all(data, &mut found);
        for path in &found {
            let expected = if path.is_dir() { 0o700 } else { 0o600 };
            // A file that SQLite has taken away meanwhile is nobody's.
            let Ok(metadata) = path.metadata() else { continue };
            let mode = metadata.permissions().mode() & 0o777;
            assert_eq!(mode, expected, "{} is {mode:o}", path.display());
        }
        let names: Vec<_> = found.iter().filter_map(|path| path.file_name()?.to_str()).collect();
        for name in ["secrets.json", "audit.jsonl", "access.sqlite", "dynamodb.sqlite", "s3.sqlite", "objects"] {
            assert!(names.contains(&name), "{names:?}");
        }
        found
    };

    let Some(mut service) = Service::alone() else { return };
    service.person(Who::Creator).draw(easel_test_support::task_requests::small("modes")).await;
    let data = service.data().expect("a folder");
    let found = check(&data);
    service.kill();
    // As an earlier version left it.
    for path in found.iter().filter(|path| path.exists()) {
        let mode = if path.is_dir() { 0o755 } else { 0o644 };
        std::fs::set_permissions(path, PermissionsExt::from_mode(mode)).expect("opened");
    }
    service.start_again();
    check(&data);
}
