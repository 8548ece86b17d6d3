//! The grammar of compel's `prompt_parser.py`, alternative by alternative: the first that fits is taken, and white space
//! before a mark is skipped where pyparsing skips it. What is read at a place is kept, because alternatives read the same
//! bracket several times and brackets nest.

use std::collections::HashMap;
use std::rc::Rc;

use super::marks::{Marks, Read, is_skipped, is_white};
use super::node::{Node, unescaped};
use crate::prompt::characters::is_space;

/// Brackets within brackets beyond which a bracket does not fit.
const MOST_NESTING: usize = 60;
/// A whole prompt.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Root {
    /// `(…).and(…)`.
    Conjunction { texts: Vec<Rc<[Node]>>, weights: Vec<f64> },
    /// `(…).blend(…)`.
    Blend { texts: Vec<Rc<[Node]>>, weights: Vec<f64>, is_normalized: bool },
    /// Anything else.
    Prompt(Vec<Node>),
}

type Nodes = Rc<[Node]>;

pub(super) struct Grammar<'a> {
    marks: Marks<'a>,
    depth: usize,
    brackets: HashMap<usize, Read<Nodes>>,
    quoted: HashMap<usize, Read<Nodes>>,
    warnings: Vec<String>,
}

impl<'a> Grammar<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { marks: Marks { text }, depth: 0, brackets: HashMap::new(), quoted: HashMap::new(), warnings: Vec::new() }
    }

    /// What is left out.
    pub(super) fn into_warnings(self) -> Vec<String> {
        self.warnings
    }

    /// The prompt; nothing if it does not fit the grammar.
    pub(super) fn root(&mut self) -> Option<Root> {
        if let Some(((texts, options), end)) = self.call(0, &[".and", ".add"]) {
            let rest = self.marks.text[end..].trim();
            if !rest.is_empty() {
                self.warnings.push(format!("what follows `.and()` is left out: `{rest}`"));
            }
            return Some(Root::Conjunction { texts, weights: weights(&options)? });
        }
        let start = self.loras(0);
        let (root, end) = match self.call(start, &[".blend"]) {
            Some(((texts, mut options), end)) => {
                let is_normalized = options.last().is_none_or(|option| option != "no_normalize");
                if !is_normalized {
                    options.pop();
                }
                (Root::Blend { texts, weights: weights(&options)?, is_normalized }, end)
            }
            None => {
                let (nodes, end) = self.prompt(start);
                (Root::Prompt(nodes), end)
            }
        };
        let end = self.loras(end);
        self.marks.is_end(end).then_some(root)
    }

    /// `(target, target).name(option, option)` at `place`.
    fn call(&mut self, place: usize, names: &[&str]) -> Read<(Vec<Nodes>, Vec<String>)> {
        let mut place = self.marks.literal(place, "(")?;
        let mut texts = Vec::new();
        loop {
            let (text, end) = self.target(place).or_else(|| self.quoted_prompt(place))?;
            texts.push(text);
            place = end;
            // A comma that no target follows is left for what comes next, which fits no comma.
            match self.marks.literal(place, ",") {
                Some(after) if self.target(after).is_some() || self.quoted_prompt(after).is_some() => place = after,
                _ => break,
            }
        }
        let place = self.marks.literal(place, ")")?;
        let place = names.iter().find_map(|name| self.marks.literal(place, name))?;
        let place = self.marks.literal(place, "(")?;
        let (options, place) = self.options(place);
        Some(((texts, options), self.marks.literal(place, ")")?))
    }

    /// The pieces of a prompt that is not within brackets, up to what does not fit.
    fn prompt(&mut self, mut place: usize) -> (Vec<Node>, usize) {
        let mut nodes = Vec::new();
        loop {
            if let Some((node, end)) = self.swap(place).or_else(|| self.lora(place)).or_else(|| self.attention(place)) {
                nodes.push(node);
                place = end;
            } else if let Some((found, end)) = self.quoted(place).or_else(|| self.bracket(place)) {
                nodes.extend(found.iter().cloned());
                place = end;
            } else {
                let rest = &self.marks.text[place..];
                let length = rest.find(is_white).unwrap_or(rest.len());
                if length > 0 {
                    nodes.push(Node::Text(unescaped(&rest[..length])));
                    place += length;
                } else {
                    let end = place + rest.find(|character| !is_skipped(character)).unwrap_or(rest.len());
                    if end == place {
                        return (nodes, place);
                    }
                    place = end;
                }
            }
        }
    }

    /// The pieces within brackets or quotation marks, up to what does not fit.
    fn fragment(&mut self, mut place: usize, with_commas: bool) -> (Vec<Node>, usize) {
        let mut nodes = Vec::new();
        loop {
            if let Some((node, end)) = self.lora(place).or_else(|| self.attention(place)).or_else(|| self.swap(place)) {
                nodes.push(node);
                place = end;
            } else if let Some((found, end)) = self.bracket(place).or_else(|| self.quoted(place)) {
                nodes.extend(found.iter().cloned());
                place = end;
            } else if let Some((word, end)) = self.marks.word(place) {
                nodes.push(word);
                place = end;
            } else if let Some(end) =
                [",", "."].into_iter().find_map(|mark| self.marks.literal(place, mark)).filter(|_| with_commas)
            {
                nodes.push(Node::Text(self.marks.text[end - 1..end].to_owned()));
                place = end;
            } else {
                return (nodes, place);
            }
        }
    }

    /// What a mark can follow: quotation marks, brackets or a word.
    fn target(&mut self, place: usize) -> Read<Nodes> {
        let word = |found: (Node, usize)| (Rc::from([found.0]), found.1);
        self.quoted(place).or_else(|| self.bracket(place)).or_else(|| self.marks.word(place).map(word))
    }

    /// `red.attend(1.2)`, `(red)1.2`, `red++`.
    fn attention(&mut self, place: usize) -> Read<Node> {
        let attended = |children, weight| Node::Attention { children, weight };
        if let Some((children, end)) = self.target(place)
            && let Some(end) = self.marks.literal(end, ".attend").and_then(|end| self.marks.literal(end, "("))
            && let Some((weight, end)) = self.marks.weight(end)
            && let Some(end) = self.marks.literal(end, ")")
        {
            return Some((attended(children, weight), end));
        }
        let is_close = |end: usize| !self.marks.text[end..].starts_with(is_skipped);
        if let Some((children, end)) = self.quoted_or_bracket(place)
            && is_close(end)
            && let Some((weight, end)) = self.marks.weight(end)
        {
            return Some((attended(children, weight), end));
        }
        let (word, end) = self.marks.word(place)?;
        let (weight, end) = self.marks.signs(end).filter(|_| !self.marks.text[end..].starts_with(is_skipped))?;
        Some((attended(Rc::from([word]), weight), end))
    }

    fn quoted_or_bracket(&mut self, place: usize) -> Read<Nodes> {
        self.quoted(place).or_else(|| self.bracket(place))
    }

    /// `red.swap(blue, s_start=0.1)`.
    fn swap(&mut self, place: usize) -> Read<Node> {
        let (original, end) = self.target(place)?;
        let end = self.marks.literal(end, ".swap").and_then(|end| self.marks.literal(end, "("))?;
        let (_, end) = self.fragment_within(end, false)?;
        let end = match self.marks.literal(end, ",") {
            Some(after) => self.options(after).1,
            None => end,
        };
        Some((Node::Swap { original }, self.marks.literal(end, ")")?))
    }

    /// `withLora(name, 0.8)`.
    fn lora(&self, place: usize) -> Read<Node> {
        let end = self.marks.literal(place, "useLora").or_else(|| self.marks.literal(place, "withLora"))?;
        let (_, end) = self.marks.keyword(self.marks.literal(end, "(")?)?;
        let end = self.marks.literal(end, ",").and_then(|after| self.marks.number(after)).map_or(end, |(_, end)| end);
        Some((Node::Lora, self.marks.literal(end, ")")?))
    }

    fn loras(&self, mut place: usize) -> usize {
        while let Some((_, end)) = self.lora(place) {
            place = end;
        }
        place
    }

    /// Pieces within brackets, one level deeper.
    fn fragment_within(&mut self, place: usize, with_commas: bool) -> Read<Vec<Node>> {
        if self.depth == MOST_NESTING {
            return None;
        }
        self.depth += 1;
        let found = self.fragment(place, with_commas);
        self.depth -= 1;
        Some(found)
    }

    /// `(red and blue)`.
    fn bracket(&mut self, place: usize) -> Read<Nodes> {
        let place = self.marks.skip(place);
        if let Some(known) = self.brackets.get(&place) {
            return known.clone();
        }
        let found = self.marks.literal(place, "(").and_then(|open| {
            let (nodes, end) = self.fragment_within(open, true)?;
            Some((Nodes::from(nodes), self.marks.literal(end, ")")?))
        });
        self.brackets.insert(place, found.clone());
        found
    }

    /// `"red and blue"`, whose content fits what brackets may hold.
    fn quoted(&mut self, place: usize) -> Read<Nodes> {
        let place = self.marks.skip(place);
        if let Some(known) = self.quoted.get(&place) {
            return known.clone();
        }
        let found = self.marks.quotation(place).and_then(|(content, end)| Some((self.inside(&content, false)?, end)));
        self.quoted.insert(place, found.clone());
        found
    }

    /// `"red and blue"`, whose content fits what a prompt may hold.
    fn quoted_prompt(&mut self, place: usize) -> Read<Nodes> {
        let (content, end) = self.marks.quotation(self.marks.skip(place))?;
        Some((self.inside(&content, true)?, end))
    }

    /// The pieces of what stands in quotation marks.
    fn inside(&mut self, content: &str, is_prompt: bool) -> Option<Nodes> {
        if content.trim_matches(is_space).is_empty() {
            return Some(Rc::from([Node::Text(String::new())]));
        }
        // Quotation marks within are text.
        let content = content.replace('"', "\\\"");
        let mut inner = Grammar { depth: self.depth, ..Grammar::new(&content) };
        let (nodes, end) = if is_prompt { inner.prompt(0) } else { inner.fragment(0, true) };
        inner.marks.is_end(end).then(|| Nodes::from(nodes))
    }

    /// The options of a call, of those with a value the name: as many as there are.
    fn options(&self, place: usize) -> (Vec<String>, usize) {
        let (mut options, mut end, mut next) = (Vec::new(), place, Some(place));
        while let Some((option, after)) = next.and_then(|next| self.option(next)) {
            options.push(option);
            end = after;
            next = self.marks.literal(after, ",");
        }
        (options, end)
    }

    fn option(&self, place: usize) -> Read<String> {
        if let Some((name, end)) = self.marks.keyword(place)
            && let Some(end) = self.marks.literal(end, "=")
            && let Some(end) =
                self.marks.number(end).map(|(_, end)| end).or_else(|| self.marks.keyword(end).map(|(_, end)| end))
        {
            return Some((name.to_owned(), end));
        }
        if let Some((number, end)) = self.marks.number(place) {
            return Some((number.to_string(), end));
        }
        self.marks.keyword(place).map(|(name, end)| (name.to_owned(), end))
    }
}

/// The numbers that options are; nothing if one is none.
fn weights(options: &[String]) -> Option<Vec<f64>> {
    options.iter().map(|option| option.parse().ok()).collect()
}
