//! Something that a service offers by name.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Something that can be asked for by name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Offer {
    /// The name.
    pub name: String,
    /// The SHA-256 of its file, in hexadecimal, where a worker knows it already.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub sha256: Option<String>,
    /// The kinds of control images that a control model tells apart, one of which each has to name as its type; empty where
    /// the model is for one kind, and absent where no worker has looked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub kinds: Option<Vec<String>>,
    /// Why nothing can be drawn with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub unusable: Option<String>,
}

impl Offer {
    /// What is known by its name alone.
    pub fn named(name: impl Into<String>) -> Self {
        Self { name: name.into(), ..Self::default() }
    }

    /// The same as another worker has it: of what they do not agree on nothing is known.
    pub(crate) fn agreed(&mut self, other: &Self) {
        if self.sha256 != other.sha256 {
            self.sha256 = None;
        }
        if self.kinds != other.kinds {
            self.kinds = None;
        }
        if other.unusable.is_none() {
            self.unusable = None;
        }
    }

    /// About how many bytes of a row it takes.
    pub(crate) fn bytes(&self) -> usize {
        let length = |text: &Option<String>| text.as_ref().map_or(0, String::len);
        let kinds: usize = self.kinds.iter().flatten().map(|kind| 8 + kind.len()).sum();
        64 + self.name.len() + length(&self.sha256) + length(&self.unusable) + kinds
    }
}
