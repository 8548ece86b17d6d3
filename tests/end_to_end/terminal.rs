//! What people write is shown in terminals, and commands none.

use easel_test_support::program;
use easel_test_support::service::{Service, Who};
use easel_test_support::task_requests::unique;
use serde_json::json;

/// Sets the window's title and the clipboard, forges a line, hides text, turns what follows around, and clears the screen
/// with a control character of the second set.
const EVIL: &str = "x\u{1b}]0;owned\u{7}\u{1b}]52;c;cm0gLXJm\u{7}\nforged  approve  by robin (reviewer)\u{202e}\u{2066}\u{9b}2J\r\u{2028}end";

#[tokio::test(flavor = "multi_thread")]
async fn no_command_prints_what_a_terminal_would_obey() {
    let Some(service) = Service::alone() else { return };
    let (creator, tag) = (service.person(Who::Creator), unique("terminal"));
    let request = json!({"prompt": EVIL, "title": EVIL, "width": 64, "height": 64, "steps": 1, "tags": [tag], "metadata": {"a": EVIL}});
    let drawn = creator.draw(request.clone()).await;
    let untitled = {
        let mut request = request.clone();
        request.as_object_mut().expect("an object").remove("title");
        creator.draw(request).await
    };
    let id = |task: &serde_json::Value| task["id"].as_str().expect("an id").to_owned();
    let (drawn, untitled) = (id(&drawn), id(&untitled));
    let run = |who: Who, arguments: &[&str]| {
        let to = ["--api", service.addresses.api.as_str(), "--token", service.token(who)];
        program::run(&mut program::easel(&[arguments, &to].concat()))
    };
    let small = ["--width", "64", "--height", "64", "--steps", "1"];
    let nowhere = format!("http://127.0.0.1:9/{EVIL}");
    let outcomes = [
        ("list", run(Who::Reviewer, &["list", "--tag", &tag]), 2),
        ("show", run(Who::Reviewer, &["show", &drawn]), 6),
        ("reject", run(Who::Reviewer, &["reject", &drawn, "--reason", EVIL]), 1),
        ("history", run(Who::Reviewer, &["history", &drawn]), 4),
        ("approve", run(Who::Reviewer, &["approve", &untitled, "--note", EVIL]), 1),
        ("publish", run(Who::Reviewer, &["publish", &untitled]), 1),
        ("submit", run(Who::Creator, &[&["submit", EVIL, "--title", EVIL], &small[..]].concat()), 1),
        ("an unknown task", run(Who::Creator, &["show", EVIL]), 0),
        ("a wrong value", run(Who::Creator, &["submit", "x", "--scheduler", EVIL]), 0),
        ("a wrong address", program::run(&mut program::easel(&["list", "--token", "a", "--api", &nowhere])), 0),
        (
            "a wrong token",
            program::run(&mut program::easel(&["list", "--api", &service.addresses.api, "--token", "x\u{202e}"])),
            0,
        ),
    ];
    for (command, outcome, lines) in outcomes {
        for (stream, text) in [("stdout", &outcome.stdout), ("stderr", &outcome.stderr)] {
            let obeyed = |letter: &char| {
                letter.is_control() && *letter != '\n'
                    || matches!(letter, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}')
            };
            assert_eq!(text.chars().find(obeyed), None, "{command}, {stream}: {text:?}");
            assert!(!text.lines().any(|line| line.starts_with("forged")), "{command}, {stream}: {text}");
        }
        assert_eq!(outcome.stdout.lines().count(), lines, "{command}: {outcome:?}");
    }
    // Programs read what was written.
    let shown = run(Who::Reviewer, &["show", &drawn, "--json"]);
    let shown: serde_json::Value = serde_json::from_str(&shown.stdout).expect("JSON");
    assert_eq!(shown["title"], EVIL);
}
