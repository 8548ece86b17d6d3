//! What is written down about the API elsewhere is what its routes say.

use std::path::{Path, PathBuf};

use easel_core::http::{ROUTES, document};
use serde_json::Value;

/// Set to write the description anew instead of comparing it.
const UPDATE: &str = "EASEL_UPDATE_OPENAPI";

#[test]
fn the_description_that_is_checked_in_is_the_one_that_is_served() {
    let path = here("openapi.json");
    let served = document().expect("a description");
    if std::env::var_os(UPDATE).is_some() {
        let text = serde_json::to_string_pretty(&served).expect("JSON");
        std::fs::write(&path, text + "\n").expect("written");
    }
    let text = std::fs::read_to_string(&path).expect("the description");
    let checked_in: Value = serde_json::from_str(&text).expect("JSON");
    assert!(checked_in == served, "{} is old: run `make openapi`", path.display());
}

#[test]
fn cargo_lambda_sends_calls_where_the_routes_say() {
    let manifest = std::fs::read_to_string(here("../../Cargo.toml")).expect("the workspace's manifest");
    let manifest: toml::Table = manifest.parse().expect("TOML");
    let router = manifest["workspace"]["metadata"]["lambda"]["watch"]["router"].as_table().expect("a table");
    let mut paths = matchit::Router::new();
    for (path, target) in router {
        paths.insert(path, target).expect("a path that is told apart from the others");
    }
    for route in &ROUTES {
        let target = *paths.at(&route.path.replace("{id}", "an-id")).expect("a path").value;
        let function = match target {
            toml::Value::Array(methods) => methods
                .iter()
                .find(|target| target["method"].as_str() == Some(route.method))
                .and_then(|target| target["function"].as_str()),
            single => single.as_str(),
        };
        assert_eq!(function, Some(route.function.as_str()), "{} {}", route.method, route.path);
    }
}

fn here(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}
