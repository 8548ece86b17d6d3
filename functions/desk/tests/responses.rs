//! Addresses, headers, and what does not exist.

use axum::http::Method;
use serde_json::{Value, json};

use crate::support::{call, decompressed, desk, get, header, text};

/// An address of the page's first script.
fn script(page: &str) -> String {
    let (_, rest) = page.split_once("src=\"").expect("a script");
    format!("/{}", rest.split('"').next().expect("an address"))
}

#[tokio::test]
async fn the_page_is_revalidated_and_its_files_are_kept() {
    let desk = desk();
    let page = get(&desk, "/", &[]).await;
    assert_eq!(page.status(), 200);
    assert_eq!(header(&page, "content-type"), "text/html; charset=utf-8");
    assert_eq!(header(&page, "cache-control"), "no-cache");
    let page = text(&page);
    let script = get(&desk, &script(&page), &[]).await;
    assert_eq!(script.status(), 200);
    assert_eq!(header(&script, "content-type"), "text/javascript; charset=utf-8");
    assert_eq!(header(&script, "cache-control"), "public, max-age=31536000, immutable");
    assert_eq!(header(&script, "content-length"), script.body().len().to_string());
}

#[tokio::test]
async fn what_a_browser_has_is_not_sent_again() {
    let desk = desk();
    let page = text(&get(&desk, "/", &[]).await);
    for path in ["/", "/desk/configuration.json", &script(&page)] {
        let first = get(&desk, path, &[]).await;
        let again = get(&desk, path, &[("if-none-match", header(&first, "etag"))]).await;
        assert_eq!((again.status().as_u16(), again.body().len()), (304, 0), "{path}");
        for name in ["etag", "cache-control", "vary", "content-security-policy"] {
            assert_eq!(header(&again, name), header(&first, name), "{path}");
        }
        assert_eq!(get(&desk, path, &[("if-none-match", "\"another\"")]).await.status(), 200, "{path}");
    }
}

#[tokio::test]
async fn text_is_compressed_where_that_is_accepted() {
    let desk = desk();
    let plain = get(&desk, "/", &[]).await;
    let compressed = get(&desk, "/", &[("accept-encoding", "gzip, deflate, br")]).await;
    assert_eq!((header(&plain, "content-encoding"), header(&compressed, "content-encoding")), ("", "gzip"));
    assert_eq!(decompressed(compressed.body()), text(&plain));
    for response in [&plain, &compressed] {
        assert_eq!(header(response, "vary"), "accept-encoding");
        assert_eq!(header(response, "etag"), header(&plain, "etag"));
        assert_eq!(header(response, "content-length"), response.body().len().to_string());
    }
}

#[tokio::test]
async fn the_page_gets_its_configuration() {
    let response = get(&desk(), "/desk/configuration.json", &[]).await;
    assert_eq!(header(&response, "content-type"), "application/json");
    assert_eq!(header(&response, "cache-control"), "no-cache");
    let configuration: Value = serde_json::from_str(&text(&response)).expect("JSON");
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(configuration, json!({"sign_in": {"kind": "link"}, "version": version}));
}

#[tokio::test]
async fn every_response_has_the_headers_that_protect_the_page() {
    let desk = desk();
    for path in ["/", "/desk/configuration.json", "/desk/nothing"] {
        let response = get(&desk, path, &[]).await;
        assert!(header(&response, "content-security-policy").starts_with("default-src 'none'; script-src 'self';"));
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "no-referrer"),
            ("cross-origin-opener-policy", "same-origin"),
            ("permissions-policy", "clipboard-write=(self), fullscreen=(self)"),
        ] {
            assert_eq!(header(&response, name), value, "{path}");
        }
    }
}

#[tokio::test]
async fn what_does_not_exist_is_a_problem_document() {
    let desk = desk();
    let page = text(&get(&desk, "/", &[]).await);
    let script = script(&page);
    let (folder, name) = script.rsplit_once('/').expect("a path");
    for path in [
        format!("/desk/0123456789abcdef/{name}"),
        format!("/desk/{name}"),
        format!("{folder}/nothing.js"),
        format!("{folder}/index.html"),
        format!("{folder}/../{name}"),
        "/desk/".to_owned(),
        "/index.html".to_owned(),
    ] {
        let response = get(&desk, &path, &[]).await;
        assert_eq!(response.status(), 404, "{path}");
        assert_eq!(header(&response, "content-type"), "application/problem+json");
        assert_eq!(header(&response, "cache-control"), "no-store");
        let problem: Value = serde_json::from_str(&text(&response)).expect("JSON");
        let (kind, title) = ("urn:easel:problem:not-found", "Not found");
        assert_eq!(
            (&problem["type"], &problem["title"], &problem["status"]),
            (&kind.into(), &title.into(), &404.into())
        );
        assert!(problem["detail"].as_str().is_some_and(|detail| detail.contains(&path)), "{problem}");
    }
}

#[tokio::test]
async fn only_get_and_head_are_allowed() {
    let desk = desk();
    let get = get(&desk, "/", &[]).await;
    let head = call(&desk, Method::HEAD, "/", &[]).await;
    assert_eq!((head.status(), head.headers(), head.body().len()), (get.status(), get.headers(), 0));
    assert_eq!(call(&desk, Method::HEAD, "/desk/nothing", &[]).await.status(), 404);
    for method in [Method::POST, Method::PUT, Method::DELETE, Method::OPTIONS] {
        let response = call(&desk, method.clone(), "/", &[]).await;
        assert_eq!((response.status().as_u16(), header(&response, "allow")), (405, "GET, HEAD"), "{method}");
        let problem: Value = serde_json::from_str(&text(&response)).expect("JSON");
        assert_eq!((&problem["type"], &problem["status"]), (&"urn:easel:problem:wrong-method".into(), &405.into()));
    }
}

#[tokio::test]
async fn what_browsers_and_people_try_is_there() {
    let desk = desk();
    let icon = get(&desk, "/favicon.ico", &[]).await;
    assert_eq!((icon.status().as_u16(), header(&icon, "content-type")), (200, "image/svg+xml"));
    assert_eq!(header(&icon, "cache-control"), "public, max-age=86400");
    let documentation = get(&desk, "/docs", &[]).await;
    // Relative, because the desk may be below another path.
    assert_eq!((documentation.status().as_u16(), header(&documentation, "location")), (302, "./#/docs"));
}
