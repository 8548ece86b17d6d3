//! Encoded texts, kept so that a prompt met again (with another seed, after a checkpoint, by a refiner that shares its
//! base's encoder) is not encoded again and its encoder not loaded.

use std::collections::VecDeque;

use parking_lot::Mutex;

use crate::error::Result;
use crate::network::text_encoder::{TextEmbedding, TextInput};
use crate::stage::Stage;
use crate::weights::{Component, Fingerprint};

/// Most texts kept.
const MOST_TEXTS: usize = 256;
/// Most bytes of their embeddings; SDXL's pair of encoders takes 0.6 MB a text.
const MOST_BYTES: usize = 64 << 20;

/// What an embedding follows from, within one model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TextKey {
    /// The stage whose files hold the encoder.
    owner: Stage,
    component: Component,
    /// What LoRAs made of the encoder.
    merged_as: Option<Fingerprint>,
    ids: Vec<u32>,
    end_of_text: usize,
    ignored: Vec<usize>,
    /// What tells the trained words apart that the ids are rows of; empty where none are.
    words: String,
    /// Layers left out before the last but one.
    skipped: usize,
}

impl TextKey {
    /// `input` as read by the encoder `component` of `owner`, with LoRAs or without, `skipped` layers before the last but one;
    /// `words` tells the trained words that its vectors are of from others.
    pub(super) fn new(
        owner: Stage,
        component: Component,
        merged_as: Option<Fingerprint>,
        input: &TextInput<'_>,
        words: &str,
        skipped: usize,
    ) -> Self {
        let words = if input.vectors.is_empty() { String::new() } else { words.to_owned() };
        let (ids, ignored) = (input.ids.to_vec(), input.ignored.to_vec());
        Self { owner, component, merged_as, ids, end_of_text: input.end_of_text, ignored, words, skipped }
    }
}

/// The embeddings of the texts that were met last, within [`MOST_TEXTS`] and [`MOST_BYTES`].
pub(super) struct TextCache {
    /// The one used last at the end.
    entries: Mutex<VecDeque<(TextKey, TextEmbedding)>>,
    most_texts: usize,
    most_bytes: usize,
}

impl Default for TextCache {
    fn default() -> Self {
        Self::new(MOST_TEXTS, MOST_BYTES)
    }
}

impl TextCache {
    fn new(most_texts: usize, most_bytes: usize) -> Self {
        Self { entries: Mutex::default(), most_texts, most_bytes }
    }

    /// The embedding of `key`, by `encode` if it is not there.
    ///
    /// # Errors
    /// Those of `encode`; nothing is kept then.
    pub(super) fn get_or_encode(
        &self,
        key: TextKey,
        encode: impl FnOnce() -> Result<TextEmbedding>,
    ) -> Result<TextEmbedding> {
        if let Some(embedding) = self.get(&key) {
            return Ok(embedding);
        }
        // Encoding takes long, so others are not kept waiting; who meets the same text meanwhile encodes it too.
        let embedding = encode()?;
        self.keep(key, embedding.clone());
        Ok(embedding)
    }

    fn get(&self, key: &TextKey) -> Option<TextEmbedding> {
        let mut entries = self.entries.lock();
        let place = entries.iter().position(|(kept, _)| kept == key)?;
        let entry = entries.remove(place)?;
        let embedding = entry.1.clone();
        entries.push_back(entry);
        Some(embedding)
    }

    fn keep(&self, key: TextKey, embedding: TextEmbedding) {
        let mut entries = self.entries.lock();
        entries.retain(|(kept, _)| *kept != key);
        entries.push_back((key, embedding));
        let mut bytes: usize = entries.iter().map(|(_, embedding)| embedding.bytes()).sum();
        while entries.len() > self.most_texts || bytes > self.most_bytes {
            let Some((_, oldest)) = entries.pop_front() else { break };
            bytes -= oldest.bytes();
        }
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, Tensor};

    use super::*;
    use crate::error::Error;

    /// Twelve numbers in f32.
    const BYTES: usize = 48;

    fn key(id: u32) -> TextKey {
        let (owner, component) = (Stage::Base, Component::TextEncoder2);
        let (ids, ignored, words) = (vec![id], Vec::new(), String::new());
        TextKey { owner, component, merged_as: None, ids, end_of_text: 0, ignored, words, skipped: 0 }
    }

    /// Asks for `key`; whether it had to be encoded.
    fn ask(cache: &TextCache, key: TextKey) -> bool {
        let mut encoded = false;
        let embedding = cache.get_or_encode(key.clone(), || {
            encoded = true;
            let hidden = Tensor::full([1, 2, 4], key.ids[0], &Device::flex());
            Ok(TextEmbedding { hidden, pooled: Some(Tensor::zeros([1, 4], &Device::flex())) })
        });
        let first = embedding.expect("encoding does not fail").hidden.slice([0..1, 0..1, 0..1]).into_scalar::<f32>();
        assert_eq!(first, key.ids[0] as f32);
        encoded
    }

    #[test]
    fn the_texts_used_last_are_kept_within_both_bounds() {
        for cache in [TextCache::new(3, usize::MAX), TextCache::new(100, 4 * BYTES - 1)] {
            for id in 0..3 {
                assert!(ask(&cache, key(id)));
            }
            assert!(!ask(&cache, key(0)));
            assert!(ask(&cache, key(3)));
            assert!(!ask(&cache, key(0)) && !ask(&cache, key(2)) && !ask(&cache, key(3)));
            assert!(ask(&cache, key(1)));
        }
        let cache = TextCache::new(3, BYTES - 1);
        assert!(ask(&cache, key(0)) && ask(&cache, key(0)));
    }

    #[test]
    fn every_part_of_the_key_counts() {
        let cache = TextCache::default();
        assert!(ask(&cache, key(1)));
        assert!(ask(&cache, TextKey { owner: Stage::Refiner, ..key(1) }));
        assert!(ask(&cache, TextKey { component: Component::TextEncoder, ..key(1) }));
        assert!(ask(&cache, TextKey { end_of_text: 1, ..key(1) }));
        assert!(ask(&cache, TextKey { merged_as: Some(Fingerprint::of_text("a LoRA")), ..key(1) }));
        assert!(ask(&cache, TextKey { ids: vec![1, 2], ..key(1) }));
        assert!(ask(&cache, TextKey { skipped: 1, ..key(1) }));
        assert!(ask(&cache, TextKey { ignored: vec![1], ..key(1) }));
        assert!(ask(&cache, TextKey { words: "zorbglow".to_owned(), ..key(1) }));
        assert!(!ask(&cache, key(1)));
    }

    #[test]
    fn a_failure_is_not_kept() {
        let cache = TextCache::default();
        let failed = cache.get_or_encode(key(1), || Err(Error::invalid("prompt", "cannot be encoded")));
        assert!(failed.is_err());
        assert!(ask(&cache, key(1)));
    }
}
