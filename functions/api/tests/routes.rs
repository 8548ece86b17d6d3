//! What is written down about the API elsewhere is what its handlers say.

use std::path::{Path, PathBuf};

use easel_api::document;
use serde_json::Value;

/// Set to write the description anew instead of comparing it.
const UPDATE: &str = "EASEL_UPDATE_OPENAPI";

#[test]
fn the_description_that_is_checked_in_is_that_of_the_handlers() {
    let path = here("openapi.json");
    let document = document().expect("a description");
    if std::env::var_os(UPDATE).is_some() {
        let text = serde_json::to_string_pretty(&document).expect("JSON");
        std::fs::write(&path, text + "\n").expect("written");
    }
    let text = std::fs::read_to_string(&path).expect("the description");
    let checked_in: Value = serde_json::from_str(&text).expect("JSON");
    assert!(checked_in == document, "{} is old: run `make openapi`", path.display());
}

#[test]
fn cargo_lambda_sends_requests_where_the_routes_are() {
    let manifest = std::fs::read_to_string(here("../../Cargo.toml")).expect("the workspace's manifest");
    let manifest: toml::Table = manifest.parse().expect("TOML");
    let router = manifest["workspace"]["metadata"]["lambda"]["watch"]["router"].as_table().expect("a table");
    let mut paths = matchit::Router::new();
    for (path, target) in router {
        paths.insert(path, target).expect("a path that is told apart from the others");
    }
    let document = document().expect("a description");
    for (path, operations) in document["paths"].as_object().expect("paths") {
        for (method, operation) in operations.as_object().expect("operations") {
            let target =
                *paths.at(&path.replace("{id}", "an-id").replace("{comment}", "a-comment")).expect("a path").value;
            let function = match target {
                toml::Value::Array(methods) => methods
                    .iter()
                    .find(|target| target["method"].as_str() == Some(&method.to_uppercase()))
                    .and_then(|target| target["function"].as_str()),
                single => single.as_str(),
            };
            assert_eq!(function, operation["tags"][0].as_str(), "{method} {path}");
        }
    }
}

#[test]
fn every_move_of_people_has_an_operation() {
    let document = document().expect("a description");
    let paths = document["paths"].as_object().expect("paths").values();
    let operations: Vec<_> = paths.flat_map(|path| path.as_object().expect("operations").values()).collect();
    for action in easel_domain::task::Move::BY_PEOPLE {
        let name = format!("{action}Task");
        assert_eq!(operations.iter().filter(|operation| operation["operationId"] == name).count(), 1, "{name}");
    }
}

#[test]
fn every_setting_is_in_the_request_the_retry_and_the_answer() {
    let document = document().expect("a description");
    for schema in ["TaskRequest", "RetryRequest", "Settings"] {
        let properties = document["components"]["schemas"][schema]["properties"].as_object().expect(schema);
        for field in easel_settings::SETTINGS {
            assert!(properties.contains_key(field.name), "{schema}: {}", field.name);
        }
    }
}

fn here(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}
