//! What a pickle builds.

use std::rc::Rc;

use super::globals::{Global, NumberKind};

/// A value, or where it lies.
#[derive(Debug, Clone)]
pub(super) enum Value {
    None,
    Bool,
    Int(i64),
    Float,
    Text(Rc<str>),
    Global(Global),
    List(usize),
    Dict(usize),
    Tuple(usize),
    Storage(usize),
    Tensor(usize),
}

/// Numbers that lie elsewhere in the file.
#[derive(Debug, Clone)]
pub(super) struct Storage {
    pub(super) kind: NumberKind,
    pub(super) key: String,
}

/// A tensor as it is described.
#[derive(Debug, Clone)]
pub(super) struct Described {
    pub(super) storage: usize,
    pub(super) offset: usize,
    pub(super) shape: Vec<usize>,
    pub(super) strides: Vec<usize>,
}

/// Everything that a pickle built.
#[derive(Debug, Default)]
pub(super) struct Objects {
    pub(super) root: Option<Value>,
    pub(super) lists: Vec<Vec<Value>>,
    pub(super) dicts: Vec<Vec<(Value, Value)>>,
    pub(super) tuples: Vec<Vec<Value>>,
    pub(super) storages: Vec<Storage>,
    pub(super) tensors: Vec<Described>,
    pub(super) has_long: bool,
}

impl Objects {
    /// Whether it is the number that files before version 1.6 begin with.
    pub(super) fn is_magic_number(&self) -> bool {
        self.has_long && matches!(self.root, Some(Value::Int(_)))
    }

    /// The texts of a list of texts.
    pub(super) fn texts(&self) -> Option<Vec<String>> {
        let Some(Value::List(list)) = self.root else { return None };
        let text = |value: &Value| if let Value::Text(text) = value { Some(text.to_string()) } else { None };
        self.lists[list].iter().map(text).collect()
    }

    pub(super) fn storages(&self) -> impl Iterator<Item = &Storage> {
        self.storages.iter()
    }

    pub(super) fn storage(&self, place: usize) -> &Storage {
        &self.storages[place]
    }
}
