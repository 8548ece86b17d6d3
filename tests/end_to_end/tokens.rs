//! Tokens on one machine: who has them, for how long, and how they are taken back.

use easel_test_support::program::{self, CommandOutput};
use easel_test_support::service::{Service, Who};
use serde_json::Value;

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
