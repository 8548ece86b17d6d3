//! The files of `pages/`, as the build script has packed them.

/// A file with everything that is sent with it.
pub(crate) struct Asset {
    pub(crate) path: &'static str,
    pub(crate) media_type: &'static str,
    pub(crate) cache_control: &'static str,
    /// Weak, because it is the same with and without compression.
    pub(crate) etag: &'static str,
    pub(crate) plain: &'static [u8],
    /// With gzip.
    pub(crate) compressed: &'static [u8],
}

/// The page, its script, its styles and its icon.
pub(crate) static ASSETS: &[Asset] = include!(concat!(env!("OUT_DIR"), "/assets.rs"));
