//! How a file names its tensors.

/// The names that a file has for its tensors, and what they begin with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Layout {
    Diffusers(&'static str),
    Original(&'static str),
}
