//! LoRAs that a prompt of compel's syntax asks for: `withLora(name, 0.8)`, `useLora(name)`.

/// `text` without them, and the name and weight of each as they are written.
#[must_use]
pub fn without_loras(text: &str) -> (String, Vec<(String, String)>) {
    let mut loras = Vec::new();
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(place) = ["useLora", "withLora"].into_iter().filter_map(|trigger| rest.find(trigger)).min() {
        out.push_str(&rest[..place]);
        let call = &rest[place..];
        match lora(call) {
            Some((lora, length)) => {
                loras.push(lora);
                rest = &call[length..];
            }
            None => {
                out.push_str(&call[..1]);
                rest = &call[1..];
            }
        }
    }
    (out + rest, loras)
}

/// The name and weight that the call at the beginning of `text` gives, and how long the call is.
fn lora(text: &str) -> Option<((String, String), usize)> {
    let arguments = text.strip_prefix("useLora").or_else(|| text.strip_prefix("withLora"))?;
    let arguments = arguments.trim_start().strip_prefix('(')?;
    let end = arguments.find(')')?;
    let (name, weight) = arguments[..end].split_once(',').unwrap_or((&arguments[..end], "1"));
    let (name, weight) = (name.trim(), weight.trim());
    let is_keyword = |character: char| character.is_ascii_alphanumeric() || matches!(character, '_' | '-');
    let is_sound = !name.is_empty() && name.chars().all(is_keyword) && weight.parse::<f64>().is_ok();
    let length = text.len() - arguments.len() + end + 1;
    is_sound.then(|| ((name.to_owned(), weight.to_owned()), length))
}
