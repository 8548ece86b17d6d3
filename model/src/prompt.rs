//! What a prompt means under its syntax, as plain values: which texts hold at which steps, with which weights.
//!
//! | Module | What it knows |
//! |---|---|
//! | `characters` | white space and words, as the regular expressions of Python see them |
//! | `extra_networks` | comments and `<lora:name:0.8>` |
//! | `composition` | `cat AND dog:0.5` |
//! | `schedule` | `[cat:dog:0.5]`, `[cat|dog]` |
//! | `attention` | `(cat:1.3)`, `[cat]`, `BREAK` |
//! | `compel` | compel's grammar: `cat++`, `("cat", "dog").blend(1, 0.5)` |
//! | `foreign` | marks of another syntax than the prompt's |
//! | `chunks` | tokens in portions that a text encoder reads at once |
//!
//! What a syntax does not understand is text, and a warning says so: no text is refused.

pub mod attention;
mod characters;
pub(crate) mod chunks;
pub mod compel;
pub mod composition;
mod extra_networks;
mod foreign;
pub mod schedule;

use easel_settings::PromptSyntax;

pub use attention::Fragment;
pub use extra_networks::{ExtraNetworks, comments, extra_networks, networks};

/// Most parts of a prompt that `AND` combines: the model evaluates every one at every step.
pub const MOST_PARTS: usize = 16;

/// Which prompt of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// What to generate.
    Positive,
    /// What to avoid: it knows neither `AND` nor extra networks.
    Negative,
}

/// A prompt as its syntax means it.
#[derive(Debug, Clone, PartialEq)]
pub struct Prompt {
    /// What guidance pulls towards, at least one.
    pub parts: Vec<Part>,
    /// What was taken as text though it looks like a mark, and what was left out.
    pub warnings: Vec<String>,
    /// The names of the LoRAs that it asks for, which are no part of its texts.
    pub loras: Vec<String>,
}

/// A direction of guidance.
#[derive(Debug, Clone, PartialEq)]
pub struct Part {
    /// What the guidance scale is multiplied by.
    pub weight: f64,
    /// The texts over the steps, at least one, in the order of their last steps.
    pub entries: Vec<Entry>,
    /// Whether every text is written as none at all.
    pub is_empty: bool,
}

/// A text that holds for some steps.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// The last step, counted from 0, at which it holds.
    pub end: usize,
    /// What is read.
    pub text: Meaning,
}

/// A text with its weights.
#[derive(Debug, Clone, PartialEq)]
pub enum Meaning {
    /// As it is written.
    Plain(String),
    /// Of A1111's syntax.
    Weighted(Vec<Fragment>),
    /// Of compel's.
    Compel {
        /// What is read, token by token.
        conjunction: compel::Conjunction,
        /// The text as it was written, whose pooled state is the prompt's.
        written: String,
    },
}

impl Part {
    fn of(text: Meaning, is_empty: bool, steps: usize) -> Self {
        Self { weight: 1.0, entries: vec![Entry { end: steps, text }], is_empty }
    }

    /// The index of the entry that holds at `step`, counted from 0.
    #[must_use]
    pub fn entry_at(&self, step: usize) -> usize {
        self.entries.iter().position(|entry| step <= entry.end).unwrap_or(self.entries.len() - 1)
    }
}

/// What `text` means for a schedule of `steps` steps; without a syntax no mark means anything.
#[must_use]
pub fn read(text: &str, syntax: Option<PromptSyntax>, side: Side, steps: usize) -> Prompt {
    match syntax {
        None | Some(PromptSyntax::Plain) => {
            let warnings = syntax.map(|syntax| foreign::warnings(text, syntax)).unwrap_or_default();
            Prompt {
                parts: vec![Part::of(Meaning::Plain(text.to_owned()), text.is_empty(), steps)],
                warnings,
                loras: Vec::new(),
            }
        }
        Some(PromptSyntax::Compel) => {
            let mut warnings = foreign::warnings(text, PromptSyntax::Compel);
            let (conjunction, mut said) = compel::parse(text);
            warnings.append(&mut said);
            let meaning = Meaning::Compel { conjunction, written: text.to_owned() };
            let loras = compel::without_loras(text).1.into_iter().map(|(name, _)| name).collect();
            Prompt { parts: vec![Part::of(meaning, text.is_empty(), steps)], warnings, loras }
        }
        Some(PromptSyntax::A1111) => a1111(text, side, steps),
    }
}

fn a1111(text: &str, side: Side, steps: usize) -> Prompt {
    let mut warnings = foreign::warnings(text, PromptSyntax::A1111);
    let text = comments(text);
    let mut loras = Vec::new();
    let parts = match side {
        Side::Negative => vec![(text, 1.0)],
        Side::Positive => {
            let (text, found) = networks(&text);
            let names = found.iter().filter(|network| network.is_lora()).filter_map(|lora| lora.arguments.first());
            loras.extend(names.cloned());
            let others = found.iter().filter(|network| !network.is_lora());
            warnings.extend(others.map(|network| {
                format!("`{}` is left out: of extra networks only `<lora:name:weight>` is known", network.written())
            }));
            composition::parts(&text)
        }
    };
    let mut read_part = |(text, weight): (String, f64)| {
        let scheduled = schedule::schedule(&text, steps);
        if scheduled.is_switched_off {
            warnings.push(
                "a `|` or a `\\` that means nothing switches off the schedules of a prompt; they are taken as text"
                    .into(),
            );
        }
        let entry = |(end, text): (usize, String)| {
            let (fragments, mut said) = attention::attention(&text);
            warnings.append(&mut said);
            Entry { end, text: Meaning::Weighted(fragments) }
        };
        let is_empty = scheduled.entries.iter().all(|(_, text)| text.is_empty());
        Part { weight, entries: scheduled.entries.into_iter().map(entry).collect(), is_empty }
    };
    let parts = parts.into_iter().map(&mut read_part).collect();
    let mut seen = std::collections::HashSet::new();
    warnings.retain(|warning| seen.insert(warning.clone()));
    Prompt { parts, warnings, loras }
}
