//! What prompts mean, against the tables that the reference's parsers made; and any text at all.

use easel_model::prompt::compel::{self, Text};
use easel_model::prompt::{Meaning, Prompt, Side, comments, extra_networks, networks, read};
use easel_settings::PromptSyntax;
use rand_mt::Mt64;
use serde_json::{Value, json};

use crate::common::adapters;

fn table(name: &str) -> Value {
    let text = std::fs::read_to_string(adapters(name)).expect("the table is there");
    serde_json::from_str(&text).expect("the table is well formed")
}

/// A number without its last digits, which `serde_json` does not read exactly.
fn number(value: f64) -> String {
    format!("{value:.13e}")
}

/// The prompt as the table has it.
fn described(prompt: &Prompt) -> Value {
    let part = |part: &easel_model::prompt::Part| {
        let entries: Vec<_> = part.entries.iter().map(|entry| entry.end).collect();
        let fragments = part.entries.iter().map(|entry| {
            let Meaning::Weighted(fragments) = &entry.text else { panic!("a text with weights") };
            fragments.iter().map(|fragment| json!([fragment.text, number(fragment.weight)])).collect::<Vec<_>>()
        });
        json!({"weight": number(part.weight), "ends": entries, "attention": fragments.collect::<Vec<_>>()})
    };
    prompt.parts.iter().map(part).collect()
}

/// The same of the table's entry; whole numbers and others are alike.
fn expected(parts: &Value) -> Value {
    let number = |value: &Value| number(value.as_f64().expect("a number"));
    let part = |part: &Value| {
        let ends: Vec<_> = part["schedule"].as_array().expect("a list").iter().map(|entry| entry[0].clone()).collect();
        let texts = part["attention"].as_array().expect("a list").iter().map(|fragments| {
            let fragments = fragments.as_array().expect("a list").iter();
            fragments.map(|fragment| json!([fragment[0], number(&fragment[1])])).collect::<Vec<_>>()
        });
        json!({"weight": number(&part["weight"]), "ends": ends, "attention": texts.collect::<Vec<_>>()})
    };
    parts.as_array().expect("a list").iter().map(part).collect()
}

#[test]
fn every_prompt_of_the_table_means_what_a1111_makes_of_it() {
    let table = table("prompts_parsed.json");
    let steps = table["steps"].as_u64().expect("a number") as usize;
    let prompts = table["prompts"].as_array().expect("a list");
    assert_eq!(prompts.len(), 112);
    for entry in prompts {
        let text = entry["prompt"].as_str().expect("a text");
        let [positive, negative] =
            [Side::Positive, Side::Negative].map(|side| read(text, Some(PromptSyntax::A1111), side, steps));
        let is_wrong = positive.warnings.iter().any(|warning| warning.contains("is no weight"));
        assert_eq!(is_wrong, entry["error"] == true, "{text}");
        if is_wrong {
            continue;
        }
        assert_eq!(comments(text), entry["comments"], "{text}");
        let (without, found) = networks(&comments(text));
        assert_eq!(without, entry["text"], "{text}");
        let found: Vec<_> = found.iter().map(|network| json!([network.kind, network.arguments])).collect();
        assert_eq!(Value::from(found), entry["networks"], "{text}");
        assert_eq!(described(&positive), expected(&entry["parts"]), "{text}");
        let of_negative = entry.get("negative").unwrap_or(&entry["parts"]);
        assert_eq!(described(&negative), expected(of_negative), "{text}");
    }
}

#[test]
fn every_prompt_of_the_table_means_what_compel_makes_of_it() {
    for entry in table("compel_parsed.json").as_array().expect("a list") {
        let text = entry["prompt"].as_str().expect("a text");
        let (conjunction, warnings) = compel::parse(text);
        let is_wrong = warnings.iter().any(|warning| warning.contains("cannot be read"));
        assert_eq!(is_wrong, entry["error"] == true, "{text}");
        if is_wrong {
            continue;
        }
        let texts = conjunction.texts.iter().map(|(text, weight)| match text {
            Text::Flat(fragments) => json!(["flat", fragments, weight]),
            Text::Blend { texts, is_normalized } => json!(["blend", texts, is_normalized]),
        });
        assert_eq!(texts.collect::<Value>(), entry["texts"], "{text}");
    }
}

#[test]
fn loras_are_taken_out_of_a_prompt() {
    let found = extra_networks(
        "a <lora:ink:0.8> cat # <lora:no:1>\n<lyco:b:te=0.5:unet=1><hypernet:x:1><lora:plain>",
        PromptSyntax::A1111,
    );
    assert_eq!(found.text, "a  cat \n");
    let loras: Vec<_> = found.loras.iter().map(|(name, weight)| (name.as_str(), weight.as_str())).collect();
    assert_eq!(loras, [("ink", "0.8"), ("b", "te=0.5:unet=1"), ("plain", "1")]);
    assert!(found.warnings.len() == 1 && found.warnings[0].contains("<hypernet:x:1>"), "{:?}", found.warnings);
    let found = extra_networks("a cat withLora(ink, 0.8) useLora(b) withLora(", PromptSyntax::Compel);
    assert_eq!(found.text, "a cat   withLora(");
    assert_eq!(found.loras, [("ink".to_owned(), "0.8".to_owned()), ("b".to_owned(), "1".to_owned())]);
    let found = extra_networks("a <lora:ink:0.8>", PromptSyntax::Plain);
    assert_eq!((found.text.as_str(), found.loras.len()), ("a <lora:ink:0.8>", 0));
}

#[test]
fn what_is_taken_as_text_is_said() {
    for (text, syntax, mark) in [
        ("a (red:1.2.3) heart", PromptSyntax::A1111, ":1.2.3"),
        ("a (red BREAK blue:1.2)", PromptSyntax::A1111, "BREAK"),
        ("a | [red:blue:0.5]", PromptSyntax::A1111, "switches off"),
        ("a heart <style:x:1>", PromptSyntax::A1111, "<style:x:1>"),
        ("a heart++, blue", PromptSyntax::A1111, "heart++"),
        (r#"("a", "b").blend(1, 1)"#, PromptSyntax::A1111, ".blend()"),
        ("a (red:1.3) heart", PromptSyntax::Compel, "(red:1.3)"),
        ("a cat.swap(dog)", PromptSyntax::Compel, ".swap()"),
        (r#"("a", "b").blend(1)"#, PromptSyntax::Compel, "cannot be read"),
        ("a heart <hypernet:x:1>", PromptSyntax::A1111, "<hypernet:x:1>"),
        ("a <lora:ink:1>", PromptSyntax::Plain, "<lora:ink:1>"),
        ("a heart AND a star", PromptSyntax::Plain, "AND"),
        ("a heart--", PromptSyntax::Plain, "heart--"),
    ] {
        let warnings = read(text, Some(syntax), Side::Positive, 20).warnings;
        assert!(warnings.iter().any(|warning| warning.contains(mark)), "{text}: {warnings:?}");
    }
    for (text, syntax) in [
        ("a (large:1.3) [red|blue] heart, 1980s, well-known", Some(PromptSyntax::A1111)),
        ("a (large)1.3 red++ heart", Some(PromptSyntax::Compel)),
        ("a large red heart (at noon), 12:30, C-3PO.", Some(PromptSyntax::Plain)),
        ("a (red:1.3) heart++ AND a star", None),
    ] {
        let warnings = read(text, syntax, Side::Positive, 20).warnings;
        assert!(warnings.is_empty(), "{text}: {warnings:?}");
    }
}

/// Pieces that parsers trip over.
const PIECES: &[&str] = &[
    "(",
    ")",
    "[",
    "]",
    ":",
    "|",
    "\\",
    "BREAK",
    "AND",
    " ",
    "a",
    "red",
    "1.3",
    "0.5",
    "8",
    ".5",
    "-1",
    "+",
    "\n",
    "#",
    "<lora:x:0.8>",
    "<",
    ">",
    ",",
    "é",
    "1e400",
    "(a:1.2)",
    "[a:b:0.5]",
    "[a|b]",
    ":0.7",
    "\"",
    "++",
    "--",
    ".and(",
    ".blend(",
    ").and()",
    ".swap(",
    ".attend(",
    "\\(",
    "\\\"",
    "no_normalize",
    "withLora(x, 0.5)",
    "=",
    "\u{301}",
    "\u{1f}",
    "(((((((((((((((((((((((((((((((",
    "[[[[[[[[[[[[[[[[[[[[[[[[[[[[",
    "[[[[a:b:0.1]:c:0.2]:d:.3]",
];

#[test]
fn any_text_means_something() {
    let count = std::env::var("EASEL_PROPERTY_CASES").ok().and_then(|count| count.parse().ok()).unwrap_or(400);
    let mut random = Mt64::new(16);
    let mut below = |bound: usize| (random.next_u64() % bound as u64) as usize;
    for _ in 0..count {
        let longest = if below(20) == 0 { 400 } else { 20 };
        let length = 1 + below(longest);
        let text: String = (0..length).map(|_| PIECES[below(PIECES.len())]).collect();
        for syntax in [None, Some(PromptSyntax::A1111), Some(PromptSyntax::Compel), Some(PromptSyntax::Plain)] {
            for side in [Side::Positive, Side::Negative] {
                let steps = 1 + below(150);
                let prompt = read(&text, syntax, side, steps);
                assert!(!prompt.parts.is_empty());
                for part in &prompt.parts {
                    assert!((1..=steps).contains(&part.entries.len()));
                    assert_eq!(part.entries.last().map(|entry| entry.end), Some(steps));
                    assert!(part.entries.is_sorted_by(|first, second| first.end < second.end));
                }
            }
            let text_without = syntax.map(|syntax| extra_networks(&text, syntax).text).unwrap_or_default();
            assert!(text_without.len() <= text.len());
        }
    }
}

#[test]
fn deep_nesting_ends() {
    for (open, close) in [("(", ")"), ("[", "]"), ("[a:", ":0.5]"), ("[a|", "]"), ("(a:", ")"), ("\"(", ")\"")] {
        for text in [open.repeat(5_000), format!("{}x{}", open.repeat(5_000), close.repeat(5_000)), close.repeat(5_000)]
        {
            for syntax in [PromptSyntax::A1111, PromptSyntax::Compel] {
                assert!(!read(&text, Some(syntax), Side::Positive, 150).parts.is_empty());
            }
        }
    }
}
