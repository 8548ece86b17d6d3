//! A LoRA as somebody asks for it: by a name that the service offers, with a weight.

use std::convert::Infallible;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A LoRA by its name, and how much of its change is wanted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LoraReference {
    /// The name that the service offers it by.
    pub name: String,
    /// The factor of its change; below zero turns it around.
    #[serde(default = "whole")]
    pub weight: f64,
}

/// All of the change.
fn whole() -> f64 {
    LoraReference::WHOLE
}

impl LoraReference {
    /// The weight that holds where none is given.
    pub const WHOLE: f64 = 1.0;
}

impl FromStr for LoraReference {
    type Err = Infallible;

    /// Reads `NAME[:WEIGHT]`. What follows the last colon and is no number belongs to the name.
    fn from_str(text: &str) -> Result<Self, Infallible> {
        let weighted = text.rsplit_once(':').and_then(|(name, weight)| Some((name, weight.trim().parse().ok()?)));
        let (name, weight) = weighted.unwrap_or((text, Self::WHOLE));
        Ok(Self { name: name.to_owned(), weight })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_weight_is_what_follows_the_last_colon() {
        for (text, name, weight) in
            [("ink", "ink", 1.0), ("ink:0.8", "ink", 0.8), ("a:b:-1", "a:b", -1.0), ("a:b", "a:b", 1.0)]
        {
            let Ok(read) = text.parse::<LoraReference>();
            assert_eq!(read, LoraReference { name: name.to_owned(), weight }, "{text}");
        }
    }
}
