//! How long components stay in memory.

/// What happens to a component that a generation no longer needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Retention {
    /// It is released at once: for a single image.
    #[default]
    OneShot,
    /// It stays for the next image until the memory is needed: for a service.
    KeepWarm,
}
