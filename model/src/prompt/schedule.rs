//! Texts that change on the way, in A1111's syntax: `[from:to:when]`, `[to:when]`, `[from::when]`, `[one|two|three]`.

use std::collections::{BTreeSet, HashSet};

use super::characters::{is_space, trim_start};

/// Brackets within brackets beyond which a bracket means itself.
const MOST_NESTING: usize = 100;

/// A text over the steps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scheduled {
    /// The last step at which a text holds, counted from 0, and the text: the first entry holds whose step is not past.
    pub entries: Vec<(usize, String)>,
    /// Whether a stray mark made text of schedules.
    pub is_switched_off: bool,
}

/// A piece of the text.
#[derive(Debug)]
enum Node<'a> {
    Text(&'a str),
    /// Pieces one after the other.
    All(Vec<Node<'a>>),
    /// One option after the other, a step each.
    Each(Vec<Vec<Node<'a>>>),
    /// What holds up to a step, that step, and what holds from then on.
    When {
        before: Vec<Node<'a>>,
        after: Vec<Node<'a>>,
        step: i64,
    },
}

/// A mark that switches schedules off: a `|` outside brackets, or a backslash with nothing to escape.
struct Stray;

/// The texts of `text` over `steps` steps.
#[must_use]
pub fn schedule(text: &str, steps: usize) -> Scheduled {
    let mut parser = Parser { text, steps, failed: HashSet::new() };
    let Ok(tree) = parser.all() else {
        let is_switched_off = text.contains('[');
        return Scheduled { entries: vec![(steps, text.to_owned())], is_switched_off };
    };
    let mut ends = BTreeSet::from([steps]);
    collect_ends(&tree, steps, &mut ends);
    let entry = |end: usize| {
        let mut shown = String::new();
        tree.iter().for_each(|node| show(node, end, &mut shown));
        (end, shown)
    };
    Scheduled { entries: ends.into_iter().map(entry).collect(), is_switched_off: false }
}

fn collect_ends(nodes: &[Node<'_>], steps: usize, ends: &mut BTreeSet<usize>) {
    for node in nodes {
        match node {
            Node::Text(_) => {}
            Node::All(nodes) => collect_ends(nodes, steps, ends),
            Node::Each(options) => {
                ends.extend(1..=steps);
                options.iter().for_each(|option| collect_ends(option, steps, ends));
            }
            Node::When { before, after, step } => {
                ends.extend(usize::try_from(*step).ok().filter(|&step| step >= 1));
                collect_ends(before, steps, ends);
                collect_ends(after, steps, ends);
            }
        }
    }
}

/// Appends what `node` is at the entry that ends with `step`.
fn show(node: &Node<'_>, step: usize, shown: &mut String) {
    match node {
        Node::Text(text) => shown.push_str(text),
        Node::All(nodes) => nodes.iter().for_each(|node| show(node, step, shown)),
        Node::Each(options) => {
            // Entries that end with step 0 exist only where there are no steps.
            let option = &options[step.saturating_sub(1) % options.len()];
            option.iter().for_each(|node| show(node, step, shown));
        }
        Node::When { before, after, step: until } => {
            let nodes = if step as i64 <= *until { before } else { after };
            nodes.iter().for_each(|node| show(node, step, shown));
        }
    }
}

struct Parser<'a> {
    text: &'a str,
    steps: usize,
    /// Places of brackets that mean themselves.
    failed: HashSet<usize>,
}

impl<'a> Parser<'a> {
    /// Every piece of the text. Brackets that do not close, and closing ones that nothing opened, mean themselves.
    fn all(&mut self) -> Result<Vec<Node<'a>>, Stray> {
        let (mut tree, mut place) = (Vec::new(), 0);
        while place < self.text.len() {
            let (mut items, end) = self.items(place, 0)?;
            tree.append(&mut items);
            place = end;
            if self.is_at(place, '|') {
                return Err(Stray);
            }
            if place < self.text.len() {
                tree.push(Node::Text(&self.text[place..=place]));
                place += 1;
            }
        }
        Ok(tree)
    }

    fn is_at(&self, place: usize, character: char) -> bool {
        self.text[place..].starts_with(character)
    }

    /// Text and groups from `place` up to a character that is neither, which is one byte long, and its place.
    fn items(&mut self, mut place: usize, depth: usize) -> Result<(Vec<Node<'a>>, usize), Stray> {
        let mut nodes = Vec::new();
        loop {
            let rest = &self.text[place..];
            match rest.chars().next() {
                None | Some(')' | ']' | ':' | '|') => break,
                Some('(' | '[') => {
                    let Some((group, end)) = self.group(place, depth)? else { break };
                    nodes.push(group);
                    place = end;
                }
                Some('\\') => {
                    let escaped = rest[1..].chars().next().filter(|&escaped| escaped != '\n').ok_or(Stray)?;
                    let length = 1 + escaped.len_utf8();
                    nodes.push(Node::Text(&rest[..length]));
                    place += length;
                }
                Some(_) => {
                    let length = rest.find(['(', '[', ')', ']', ':', '|', '\\']).unwrap_or(rest.len());
                    nodes.push(Node::Text(&rest[..length]));
                    place += length;
                }
            }
        }
        Ok((nodes, place))
    }

    /// The group whose bracket opens at `open` and the place after it; nothing if the bracket means itself.
    fn group(&mut self, open: usize, depth: usize) -> Result<Option<(Node<'a>, usize)>, Stray> {
        if depth == MOST_NESTING || self.failed.contains(&open) {
            return Ok(None);
        }
        let group = if self.is_at(open, '(') { self.round(open, depth + 1) } else { self.square(open, depth + 1) }?;
        if group.is_none() && depth == 0 {
            self.failed.insert(open);
        }
        Ok(group)
    }

    fn round(&mut self, open: usize, depth: usize) -> Result<Option<(Node<'a>, usize)>, Stray> {
        let (first, mut end) = self.items(open + 1, depth)?;
        let mut nodes = vec![Node::Text("(")];
        nodes.extend(first);
        if self.is_at(end, ':') {
            let (second, after) = self.items(end + 1, depth)?;
            nodes.push(Node::Text(":"));
            nodes.extend(second);
            end = after;
        }
        nodes.push(Node::Text(")"));
        Ok(self.is_at(end, ')').then(|| (Node::All(nodes), end + 1)))
    }

    fn square(&mut self, open: usize, depth: usize) -> Result<Option<(Node<'a>, usize)>, Stray> {
        let (first, mut end) = self.items(open + 1, depth)?;
        if self.is_at(end, ']') {
            let mut nodes = vec![Node::Text("[")];
            nodes.extend(first);
            nodes.push(Node::Text("]"));
            return Ok(Some((Node::All(nodes), end + 1)));
        }
        if self.is_at(end, '|') {
            let mut options = vec![first];
            while self.is_at(end, '|') {
                let (option, after) = self.items(end + 1, depth)?;
                options.push(option);
                end = after;
            }
            return Ok(self.is_at(end, ']').then(|| (Node::Each(options), end + 1)));
        }
        if !self.is_at(end, ':') {
            return Ok(None);
        }
        if let Some((step, after)) = self.when(end + 1) {
            return Ok(Some((Node::When { before: Vec::new(), after: first, step }, after)));
        }
        let (second, end) = self.items(end + 1, depth)?;
        if !self.is_at(end, ':') {
            return Ok(None);
        }
        Ok(self.when(end + 1).map(|(step, after)| (Node::When { before: first, after: second, step }, after)))
    }

    /// The step at `place`, which a number and a closing bracket give, and the place after the bracket. With a point the
    /// number is a share of the steps.
    fn when(&self, place: usize) -> Option<(i64, usize)> {
        let text = trim_start(&self.text[place..]);
        let length = number_length(text)?;
        let after = text[length..].trim_start_matches(is_space).strip_prefix(']')?;
        let number: f64 = text[..length].parse().ok()?;
        let step = if text[..length].contains('.') { number * self.steps as f64 } else { number };
        // Conversion saturates.
        Some(((step as i64).min(self.steps as i64), self.text.len() - after.len()))
    }
}

/// How long the number at the beginning of `text` is: a sign, digits with a point in them, before them or after them, and an
/// exponent.
fn number_length(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let digits = |from: usize| bytes[from..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let sign = usize::from(matches!(bytes.first(), Some(b'+' | b'-')));
    let whole = digits(sign);
    let mut end = sign + whole;
    let mut fraction = 0;
    if bytes.get(end) == Some(&b'.') {
        fraction = digits(end + 1);
        if whole > 0 || fraction > 0 {
            end += 1 + fraction;
        }
    }
    if whole + fraction == 0 {
        return None;
    }
    if matches!(bytes.get(end), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
        let exponent = bytes.get(end + 1 + sign..).map_or(0, |_| digits(end + 1 + sign));
        if exponent > 0 {
            end += 1 + sign + exponent;
        }
    }
    Some(end)
}
