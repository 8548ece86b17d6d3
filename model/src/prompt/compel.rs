//! compel's syntax (github.com/damian0815/compel): `cat++`, `(a cat)0.8`, `("a cat", "a dog").and()`,
//! `("a cat", "a dog").blend(1, 0.5)`.

mod grammar;
mod loras;
mod marks;
mod node;

use super::characters::is_space;
use grammar::{Grammar, Root};
pub use loras::without_loras;
use node::{Node, unescaped};

/// Texts one after the other, each with what it counts.
#[derive(Debug, Clone, PartialEq)]
pub struct Conjunction {
    /// At least one text, and its weight.
    pub texts: Vec<(Text, f64)>,
}

/// A text of a conjunction.
#[derive(Debug, Clone, PartialEq)]
pub enum Text {
    /// Fragments and their weights.
    Flat(Vec<(String, f64)>),
    /// A mixture of texts.
    Blend {
        /// The fragments of each text with their weights, and what the text counts.
        texts: Vec<(Vec<(String, f64)>, f64)>,
        /// Whether the weights are divided by their sum.
        is_normalized: bool,
    },
}

/// The conjunction that `text` is, and what was not understood or left out. What cannot be read is one text as it is
/// written.
#[must_use]
pub fn parse(text: &str) -> (Conjunction, Vec<String>) {
    let as_written = || Conjunction { texts: vec![(Text::Flat(vec![(text.to_owned(), 1.0)]), 1.0)] };
    if text.trim_matches(is_space).is_empty() {
        return (Conjunction { texts: vec![(Text::Flat(vec![(String::new(), 1.0)]), 1.0)] }, Vec::new());
    }
    let spaced = spaced(text);
    let mut grammar = Grammar::new(&spaced);
    let unreadable = || "the prompt cannot be read as one of compel's syntax; it is taken as text".to_owned();
    let Some(root) = grammar.root() else { return (as_written(), vec![unreadable()]) };
    let mut warnings = grammar.into_warnings();
    match flatten(&root, &mut warnings) {
        Some(texts) if !texts.is_empty() => (Conjunction { texts }, warnings),
        Some(_) => (Conjunction { texts: vec![(Text::Flat(vec![(String::new(), 1.0)]), 1.0)] }, warnings),
        None => (as_written(), vec![unreadable()]),
    }
}

/// A space after every comma that has none.
fn spaced(text: &str) -> String {
    let mut spaced = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        spaced.push(character);
        if character == ',' {
            // The character after a comma is passed over, even if it is another comma.
            let Some(next) = characters.next() else { break };
            if !is_space(next) {
                spaced.push(' ');
            }
            spaced.push(next);
        }
    }
    spaced
}

/// The texts of `root`; nothing if its parts and weights do not match.
fn flatten(root: &Root, warnings: &mut Vec<String>) -> Option<Vec<(Text, f64)>> {
    let mut flat = |nodes: &[Node]| {
        let mut fragments = Vec::new();
        multiply_out(nodes, 1.0, &mut fragments, warnings);
        fused(fragments)
    };
    match root {
        Root::Conjunction { texts, weights } => {
            let weights = matched(texts.len(), weights)?;
            let texts = texts.iter().map(|nodes| flat(nodes)).zip(weights);
            let texts = texts.filter(|(fragments, _)| !fragments.is_empty());
            Some(texts.map(|(fragments, weight)| (Text::Flat(fragments), weight)).collect())
        }
        Root::Blend { texts, weights, is_normalized } => {
            let weights = matched(texts.len(), weights)?;
            let texts: Vec<_> = texts.iter().map(|nodes| flat(nodes)).zip(weights).collect();
            let is_whole = texts.iter().all(|(fragments, _)| !fragments.is_empty());
            is_whole.then(|| vec![(Text::Blend { texts, is_normalized: *is_normalized }, 1.0)])
        }
        Root::Prompt(nodes) => {
            let fragments = flat(nodes);
            Some(if fragments.is_empty() { Vec::new() } else { vec![(Text::Flat(fragments), 1.0)] })
        }
    }
}

/// As many weights as there are texts: none at all are all 1.
fn matched(texts: usize, weights: &[f64]) -> Option<Vec<f64>> {
    match weights.len() {
        0 => Some(vec![1.0; texts]),
        length => (length == texts).then(|| weights.to_vec()),
    }
}

/// A fragment, its weight, and whether neighbours may become one with it.
type Unfused = (String, f64, bool);

fn multiply_out(nodes: &[Node], scale: f64, fragments: &mut Vec<Unfused>, warnings: &mut Vec<String>) {
    for node in nodes {
        match node {
            Node::Text(text) => fragments.push((unescaped(text), scale, true)),
            Node::Attention { children, weight } => multiply_out(children, scale * weight, fragments, warnings),
            Node::Swap { original } => {
                let mut swapped = Vec::new();
                multiply_out(original, scale, &mut swapped, warnings);
                fragments.extend(fused(swapped).into_iter().map(|(text, weight)| (text, weight, false)));
                push_once(warnings, "`.swap()` is left out: the text before it is read");
            }
            Node::Lora => {}
        }
    }
}

fn push_once(warnings: &mut Vec<String>, warning: &str) {
    if warnings.iter().all(|known| known != warning) {
        warnings.push(warning.to_owned());
    }
}

/// Neighbours of the same weight are one fragment, with a space between.
fn fused(fragments: Vec<Unfused>) -> Vec<(String, f64)> {
    let mut fused: Vec<Unfused> = Vec::new();
    for (text, weight, may_fuse) in fragments {
        match fused.last_mut() {
            Some((last, last_weight, true)) if may_fuse && *last_weight == weight => {
                *last = unescaped(&format!("{last} {text}"));
            }
            _ => fused.push((text, weight, may_fuse)),
        }
    }
    fused.into_iter().map(|(text, weight, _)| (text, weight)).collect()
}
