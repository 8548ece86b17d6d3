//! Addresses, headers, and what is not there.

use lambda_http::http::{HeaderMap, Method};
use serde_json::{Value, json};

use crate::support::{desk, get, header, text, unpacked};

/// An address of the page's first script.
fn script(page: &str) -> &str {
    let (_, rest) = page.split_once("src=\"").expect("a script");
    rest.split('"').next().expect("an address")
}

#[test]
fn the_page_is_asked_for_again_and_its_files_are_kept() {
    let desk = desk();
    let page = get(&desk, "/", &[]);
    assert_eq!(page.status(), 200);
    assert_eq!(header(&page, "content-type"), "text/html; charset=utf-8");
    assert_eq!(header(&page, "cache-control"), "no-cache");
    let page = text(&page);
    let script = get(&desk, script(&page), &[]);
    assert_eq!(script.status(), 200);
    assert_eq!(header(&script, "content-type"), "text/javascript; charset=utf-8");
    assert_eq!(header(&script, "cache-control"), "public, max-age=31536000, immutable");
    assert_eq!(header(&script, "content-length"), script.body().len().to_string());
}

#[test]
fn what_a_browser_has_is_not_sent_again() {
    let desk = desk();
    let page = text(&get(&desk, "/", &[]));
    for path in ["/", "/desk/configuration.json", script(&page)] {
        let first = get(&desk, path, &[]);
        let again = get(&desk, path, &[("if-none-match", header(&first, "etag"))]);
        assert_eq!((again.status().as_u16(), again.body().len()), (304, 0), "{path}");
        for name in ["etag", "cache-control", "vary", "content-security-policy"] {
            assert_eq!(header(&again, name), header(&first, name), "{path}");
        }
        assert_eq!(get(&desk, path, &[("if-none-match", "\"another\"")]).status(), 200, "{path}");
    }
}

#[test]
fn text_is_compressed_where_it_is_taken() {
    let desk = desk();
    let plain = get(&desk, "/", &[]);
    let compressed = get(&desk, "/", &[("accept-encoding", "gzip, deflate, br")]);
    assert_eq!((header(&plain, "content-encoding"), header(&compressed, "content-encoding")), ("", "gzip"));
    assert_eq!(unpacked(compressed.body()), text(&plain));
    for response in [&plain, &compressed] {
        assert_eq!(header(response, "vary"), "accept-encoding");
        assert_eq!(header(response, "etag"), header(&plain, "etag"));
        assert_eq!(header(response, "content-length"), response.body().len().to_string());
    }
}

#[test]
fn the_page_is_told_what_it_has_to_know() {
    let response = get(&desk(), "/desk/configuration.json", &[]);
    assert_eq!(header(&response, "content-type"), "application/json");
    assert_eq!(header(&response, "cache-control"), "no-cache");
    let configuration: Value = serde_json::from_str(&text(&response)).expect("JSON");
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(configuration, json!({"sign_in": {"kind": "link"}, "published_url": null, "version": version}));
}

#[test]
fn every_answer_has_the_headers_that_protect_the_page() {
    let desk = desk();
    for path in ["/", "/desk/configuration.json", "/desk/nothing"] {
        let response = get(&desk, path, &[]);
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

#[test]
fn what_is_not_there_is_a_problem_document() {
    let desk = desk();
    let page = text(&get(&desk, "/", &[]));
    let (folder, name) = script(&page).rsplit_once('/').expect("a path");
    for path in [
        format!("/desk/0123456789abcdef/{name}"),
        format!("/desk/{name}"),
        format!("{folder}/nothing.js"),
        format!("{folder}/index.html"),
        format!("{folder}/../{name}"),
        "/desk/".to_owned(),
        "/index.html".to_owned(),
    ] {
        let response = get(&desk, &path, &[]);
        assert_eq!(response.status(), 404, "{path}");
        assert_eq!(header(&response, "content-type"), "application/problem+json");
        assert_eq!(header(&response, "cache-control"), "no-store");
        let problem: Value = serde_json::from_str(&text(&response)).expect("JSON");
        let (kind, title) = ("urn:easel:problem:not-found", "There is no such thing");
        assert_eq!(
            (&problem["type"], &problem["title"], &problem["status"]),
            (&kind.into(), &title.into(), &404.into())
        );
        assert!(problem["detail"].as_str().is_some_and(|detail| detail.contains(&path)), "{problem}");
    }
}

#[test]
fn only_get_and_head_are_answered() {
    let desk = desk();
    let get = get(&desk, "/", &[]);
    let head = desk.answer(&Method::HEAD, "/", &HeaderMap::new());
    assert_eq!((head.status(), head.headers(), head.body().len()), (get.status(), get.headers(), 0));
    assert_eq!(desk.answer(&Method::HEAD, "/desk/nothing", &HeaderMap::new()).status(), 404);
    for method in [Method::POST, Method::PUT, Method::DELETE, Method::OPTIONS] {
        let response = desk.answer(&method, "/", &HeaderMap::new());
        assert_eq!((response.status().as_u16(), header(&response, "allow")), (405, "GET, HEAD"), "{method}");
        let problem: Value = serde_json::from_str(&text(&response)).expect("JSON");
        assert_eq!((&problem["type"], &problem["status"]), (&"urn:easel:problem:wrong-method".into(), &405.into()));
    }
}
