//! Comments, and networks that a prompt asks for by name.

use easel_settings::PromptSyntax;

use super::characters::is_word;
use super::compel;

/// What a prompt asks for beside its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExtraNetworks {
    /// The prompt without them.
    pub text: String,
    /// Name and weight of each LoRA, as they are written: the weight is a number, or what A1111's users write for several
    /// weights. A LoRA without a weight has 1.
    pub loras: Vec<(String, String)>,
    /// What is left out.
    pub warnings: Vec<String>,
}

/// A network that a prompt of A1111's syntax asks for: `<kind:argument:argument>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Network {
    /// What kind of network, such as `lora`.
    pub kind: String,
    /// Its name, its weight, and whatever else there is.
    pub arguments: Vec<String>,
}

impl Network {
    /// Whether it is a LoRA or of its family.
    #[must_use]
    pub fn is_lora(&self) -> bool {
        matches!(self.kind.as_str(), "lora" | "lyco")
    }

    /// As it stands in the prompt.
    #[must_use]
    pub fn written(&self) -> String {
        format!("<{}:{}>", self.kind, self.arguments.join(":"))
    }
}

/// The LoRAs that `text` asks for under `syntax`, which only a1111 (`<lora:name:0.8>`) and compel (`withLora(name, 0.8)`)
/// can, and the text without them.
#[must_use]
pub fn extra_networks(text: &str, syntax: PromptSyntax) -> ExtraNetworks {
    match syntax {
        PromptSyntax::Plain => ExtraNetworks { text: text.to_owned(), loras: Vec::new(), warnings: Vec::new() },
        PromptSyntax::Compel => {
            let (text, loras) = compel::without_loras(text);
            ExtraNetworks { text, loras, warnings: Vec::new() }
        }
        PromptSyntax::A1111 => {
            let (text, found) = networks(&comments(text));
            let (loras, others): (Vec<_>, Vec<_>) = found.into_iter().partition(Network::is_lora);
            let warnings = others.iter().map(|other| {
                format!("`{}` is left out: of extra networks only `<lora:name:weight>` is known", other.written())
            });
            let warnings = warnings.collect();
            let lora = |Network { arguments, .. }: Network| {
                let mut arguments = arguments.into_iter();
                let name = arguments.next().unwrap_or_default();
                let weight = arguments.collect::<Vec<_>>().join(":");
                (name, if weight.is_empty() { "1".to_owned() } else { weight })
            };
            ExtraNetworks { text, loras: loras.into_iter().map(lora).collect(), warnings }
        }
    }
}

/// A prompt of A1111's syntax without comments: what follows a `#`, to the end of its line.
#[must_use]
pub fn comments(text: &str) -> String {
    // A whole line of comment first: its line goes too.
    let mut without_lines = String::with_capacity(text.len());
    let mut rest = text;
    let mut at_start = true;
    loop {
        let found =
            if at_start && rest.starts_with('#') { Some((0, 0)) } else { rest.find("\n#").map(|at| (at, at + 1)) };
        let Some((kept, hash)) = found else { break };
        without_lines.push_str(&rest[..kept]);
        without_lines.push('\n');
        rest = after_line(&rest[hash..]);
        at_start = false;
    }
    without_lines.push_str(rest);
    let mut out = String::with_capacity(without_lines.len());
    let mut rest = without_lines.as_str();
    while let Some(hash) = rest.find('#') {
        out.push_str(&rest[..hash]);
        out.push('\n');
        rest = after_line(&rest[hash..]);
    }
    out + rest
}

/// What follows the first line.
fn after_line(text: &str) -> &str {
    text.find('\n').map_or("", |end| &text[end + 1..])
}

/// The networks that a prompt of A1111's syntax without comments asks for, and the prompt without them.
#[must_use]
pub fn networks(text: &str) -> (String, Vec<Network>) {
    let mut found = Vec::new();
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(open) = rest.find('<') {
        out.push_str(&rest[..open]);
        let inside = &rest[open + 1..];
        match network(inside) {
            Some((network, length)) => {
                found.push(network);
                rest = &inside[length..];
            }
            None => {
                out.push('<');
                rest = inside;
            }
        }
    }
    (out + rest, found)
}

/// The network whose description follows a `<`, and how long the description is.
fn network(text: &str) -> Option<(Network, usize)> {
    let colon = text.find(|character| !is_word(character)).filter(|&place| place > 0)?;
    let arguments = text[colon..].strip_prefix(':')?;
    let end = arguments.find('>').filter(|&end| end > 0)?;
    let kind = text[..colon].to_owned();
    let found = Network { kind, arguments: arguments[..end].split(':').map(str::to_owned).collect() };
    Some((found, colon + 1 + end + 1))
}
