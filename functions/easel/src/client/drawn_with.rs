//! What a task is drawn with, and what its drawing has to say, as lines for people.

use serde_json::Value;

use super::text;

/// How much of a digest tells files apart for people.
const SHORT_DIGEST: usize = 12;

/// The model, LoRAs and embeddings that an attempt names or was drawn with, and its warnings: a line each.
pub(crate) fn drawn_with(attempt: &Value) -> Vec<String> {
    let settings = &attempt["settings"];
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let weight = |name: &Value| {
        let named = list(&settings["loras"]).into_iter().find(|lora| lora["name"] == *name);
        named.map_or_else(String::new, |lora| format!(":{}", lora["weight"]))
    };
    let used = list(&attempt["used"]);
    let mut lines: Vec<String> = used
        .iter()
        .map(|file| {
            let digest: String = text(&file["digest"]).chars().take(SHORT_DIGEST).collect();
            format!("{}: {}{} ({digest})", text(&file["kind"]), text(&file["name"]), weight(&file["name"]))
        })
        .collect();
    if used.is_empty() {
        // Before a worker takes it, there are only names.
        lines.extend(settings["model"].as_str().map(|_| format!("model: {}", text(&settings["model"]))));
        let loras = list(&settings["loras"]);
        lines.extend(loras.iter().map(|lora| format!("lora: {}:{}", text(&lora["name"]), lora["weight"])));
        lines.extend(list(&settings["embeddings"]).iter().map(|name| format!("embedding: {}", text(name))));
        lines.extend(list(&settings["controls"]).iter().map(|control| format!("control: {}", text(&control["model"]))));
        lines.extend(
            ["image_adapter", "upscaler"]
                .into_iter()
                .filter_map(|field| settings[field].as_str().map(|_| format!("{field}: {}", text(&settings[field])))),
        );
    }
    if let Some(parent) = attempt.get("parent").filter(|parent| parent.is_object()) {
        lines.push(format!("made from: task:{}/{}", text(&parent["task"]), parent["index"]));
    }
    lines.extend(warnings(attempt));
    lines
}

/// What people should know of the drawing: a line each.
pub(crate) fn warnings(attempt: &Value) -> Vec<String> {
    let warnings = attempt["warnings"].as_array().map(Vec::as_slice).unwrap_or_default();
    warnings.iter().map(|warning| format!("warning: {}", text(warning))).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn names_come_before_files_and_warnings_last() {
        let mut attempt = json!({
            "settings": {
                "model": "turbo", "loras": [{"name": "ink", "weight": 0.8}], "embeddings": ["hands"],
            },
            "used": [],
            "warnings": ["the prompt is too long: \u{1b}[2J"],
        });
        let warning = "warning: the prompt is too long: \\u{1b}[2J";
        assert_eq!(drawn_with(&attempt), ["model: turbo", "lora: ink:0.8", "embedding: hands", warning]);
        attempt["used"] = json!([
            {"kind": "model", "name": "turbo", "digest": "0123456789abcdef"},
            {"kind": "lora", "name": "ink", "digest": "f".repeat(64)},
        ]);
        let expected = ["model: turbo (0123456789ab)", "lora: ink:0.8 (ffffffffffff)", warning];
        assert_eq!(drawn_with(&attempt), expected);
        assert!(drawn_with(&json!({"settings": {}, "used": []})).is_empty());
    }
}
