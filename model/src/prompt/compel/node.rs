//! The pieces that a prompt is read as.

use std::rc::Rc;

/// A piece of a prompt before weights are multiplied out.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Node {
    Text(String),
    Attention {
        children: Rc<[Node]>,
        weight: f64,
    },
    /// `cat.swap(dog)`, of which the first is read.
    Swap {
        original: Rc<[Node]>,
    },
    /// `withLora(name, 0.8)`.
    Lora,
}

/// Brackets and quotation marks without the backslash before them.
pub(super) fn unescaped(text: &str) -> String {
    text.replace("\\(", "(").replace("\\)", ")").replace("\\\"", "\"")
}
