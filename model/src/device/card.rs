//! A card that CUDA's driver lists.

/// A card's name and what decides whether it is used.
pub(super) struct Card {
    pub(super) name: String,
    /// Such as `9.0`.
    pub(super) compute_capability: String,
    /// In bytes.
    pub(super) free_memory: u64,
}
