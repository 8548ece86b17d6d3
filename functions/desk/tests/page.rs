//! The files of the page, as a browser requests them.

use std::collections::{BTreeMap, BTreeSet};

use crate::support::{desk, get, header, text};

/// A tag of a page: its name, and the names and values of its attributes.
type Tag = (String, BTreeMap<String, String>);

/// The opening tags of a page, with the text between each and the next tag.
fn tags(page: &str) -> Vec<(Tag, &str)> {
    let mut found = Vec::new();
    let mut rest = page;
    while let Some((_, after)) = rest.split_once('<') {
        rest = after;
        if let Some((_, after)) = rest.strip_prefix("!--").and_then(|comment| comment.split_once("-->")) {
            rest = after;
        } else if rest.starts_with(|letter: char| letter.is_ascii_alphabetic()) {
            let (tag, after) = tag(rest);
            rest = after;
            found.push((tag, rest.split('<').next().unwrap_or_default()));
        }
    }
    found
}

/// The tag at the beginning of the text, and what follows it.
fn tag(text: &str) -> (Tag, &str) {
    let end = text.find(|letter: char| letter.is_whitespace() || letter == '>').expect("an end");
    let (name, mut rest) = text.split_at(end);
    let mut attributes = BTreeMap::new();
    loop {
        rest = rest.trim_start().trim_start_matches('/');
        if let Some(after) = rest.strip_prefix('>') {
            return ((name.to_ascii_lowercase(), attributes), after);
        }
        let end = rest.find(|letter: char| letter.is_whitespace() || "=>".contains(letter)).expect("an end");
        let (name, after) = rest.split_at(end);
        let value = after.strip_prefix('=').map(|value| value.strip_prefix('"').expect("quotes around each value"));
        let (value, after) = value.map_or(("", after), |value| value.split_once('"').expect("a closing quote"));
        attributes.insert(name.to_ascii_lowercase(), value.to_owned());
        rest = after;
    }
}

/// What a file refers to: what a page links, what a script fetches, what a style sheet loads.
fn references(path: &str, media_type: &str, content: &str) -> Vec<String> {
    let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let absolute = |reference: &str| {
        if reference.starts_with('/') || reference.contains(':') {
            return reference.to_owned();
        }
        format!("{folder}/{}", reference.trim_start_matches("./"))
    };
    match media_type.split(';').next().expect("a type") {
        "text/html" => {
            let attributes = tags(content).into_iter().flat_map(|((_, attributes), _)| attributes);
            let referred =
                attributes.filter(|(name, value)| matches!(name.as_str(), "src" | "href") && !value.starts_with('#'));
            referred.map(|(_, value)| absolute(&value)).collect()
        }
        "text/javascript" => {
            // Types in comments name modules too.
            let is_comment = |line: &&str| ["/*", "*", "//"].iter().any(|begin| line.trim_start().starts_with(begin));
            let code = content.lines().filter(|line| !is_comment(line));
            let quoted = code.flat_map(|line| line.split(['"', '\'', '`']));
            quoted.filter(|text| text.starts_with("./") || text.starts_with("/desk/")).map(absolute).collect()
        }
        "text/css" => {
            let urls = content.split("url(").skip(1).filter_map(|rest| rest.split(')').next());
            urls.map(|url| absolute(url.trim_matches(['"', '\'']))).filter(|url| !url.starts_with("data:")).collect()
        }
        _ => Vec::new(),
    }
}

#[tokio::test]
async fn everything_that_the_page_refers_to_exists_and_nothing_else() {
    let desk = desk();
    let (mut seen, mut waiting) = (BTreeSet::new(), vec![("/".to_owned(), "the browser".to_owned())]);
    while let Some((path, from)) = waiting.pop() {
        let response = get(&desk, &path, &[]).await;
        assert_eq!(response.status(), 200, "{from} refers to {path}");
        if seen.insert(path.clone()) {
            let referred = references(&path, header(&response, "content-type"), &text(&response));
            waiting.extend(referred.into_iter().map(|reference| (reference, path.clone())));
        }
    }
    let mut names: Vec<_> = seen.iter().map(|path| path.rsplit_once('/').expect("a path").1).collect();
    names.retain(|name| !name.is_empty() && *name != "configuration.json");
    names.push("index.html");
    names.sort_unstable();
    // The script holds every module.
    let script = seen.iter().find(|path| path.ends_with("/desk.js")).expect("a script");
    let script = text(&get(&desk, script, &[]).await);
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("pages");
    let mut files: Vec<_> =
        folder.read_dir().expect("a folder").map(|entry| entry.expect("a file").file_name()).collect();
    files.sort_unstable();
    files.retain(|name| {
        let name = name.to_str().expect("a name");
        let module = name.strip_suffix(".js").filter(|module| *module != "desk");
        module.is_none_or(|module| {
            assert!(script.contains(&format!("const ${module} = ")), "{name} is in the folder and not in the script");
            false
        })
    });
    assert_eq!(files, names, "the files in the folder and those that a browser requests");
}

#[tokio::test]
async fn the_page_has_nothing_inline_that_its_policy_refuses() {
    let page = text(&get(&desk(), "/", &[]).await);
    let found = tags(&page);
    assert!(found.iter().any(|((name, _), _)| name == "script"), "{page}");
    for ((name, attributes), content) in &found {
        assert_ne!(name, "style", "a style sheet in the page");
        assert_ne!(name, "base", "another base");
        if name == "script" {
            assert!(attributes.contains_key("src") && content.trim().is_empty(), "a script in the page: {content}");
        }
        for (attribute, value) in attributes {
            assert!(attribute != "style" && !attribute.starts_with("on"), "{name} has {attribute}=\"{value}\"");
            assert!(!value.trim_start().starts_with("javascript:"), "{name} has {attribute}=\"{value}\"");
        }
    }
    assert!(!page.contains("{version}"), "the version is filled in");
}

#[tokio::test]
async fn nothing_is_fetched_from_elsewhere() {
    let desk = desk();
    for ((name, attributes), _) in tags(&text(&get(&desk, "/", &[]).await)) {
        for (attribute, value) in attributes {
            assert!(!value.contains("//"), "{name} has {attribute}=\"{value}\"");
            // The service may be below a path.
            assert!(!value.starts_with('/'), "{name} has {attribute}=\"{value}\"");
        }
    }
}
