//! Where a model is fetched from.

use std::fmt;
use std::path::Path;

use percent_encoding::percent_decode_str;

use crate::error::{Error, Result};

const HUB: &str = "hf://";
const S3: &str = "s3://";
const VARIANT: &str = "?variant=";
const FORMS: &str = "give owner/name or hf://owner/name, optionally followed by @REVISION, /FILE.safetensors and \
                     ?variant=fp16, or s3://bucket/prefix";

/// A model on a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Which server, and where on it.
    pub location: Location,
    /// The number format of the files, `fp16` or `bf16`; `None` for the files without such a suffix.
    pub variant: Option<String>,
}

/// Where a model is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    /// A repository of the Hugging Face hub.
    Hub {
        /// `owner/name`.
        repository: String,
        /// A branch, tag or commit; `main` if `None`.
        revision: Option<String>,
        /// The one checkpoint wanted of several.
        file: Option<String>,
    },
    /// Objects of S3.
    Bucket {
        /// The bucket.
        bucket: String,
        /// What keys begin with, without a trailing slash; or the key of a checkpoint.
        prefix: String,
    },
}

impl Source {
    /// Whether a path is really the address of a model on a server.
    #[must_use]
    pub fn is_address(path: &Path) -> bool {
        path.to_str().is_some_and(|text| text.starts_with(HUB) || text.starts_with(S3))
    }

    /// Reads `owner/name`, `hf://owner/name` or `s3://bucket/prefix`.
    ///
    /// # Errors
    /// Returns [`Error::WrongUse`], with the forms that a source may have, if `text` has none of them.
    pub fn parse(text: &str) -> Result<Self> {
        let wrong = |why: &str| Error::WrongUse(format!("`{text}` {why}: {FORMS}"));
        let (address, variant) = match text.rsplit_once(VARIANT) {
            Some((address, variant)) => (address, Some(variant)),
            None => (text, None),
        };
        let location = if let Some(address) = address.strip_prefix(S3) {
            let (bucket, prefix) = address.split_once('/').ok_or_else(|| wrong("has no prefix after the bucket"))?;
            let prefix = prefix.trim_end_matches('/');
            if bucket.is_empty() || prefix.is_empty() {
                return Err(wrong("lacks the bucket or the prefix"));
            }
            Location::Bucket { bucket: bucket.to_owned(), prefix: prefix.to_owned() }
        } else {
            let address = address.strip_prefix(HUB).unwrap_or(address);
            let (owner, rest) = address.split_once('/').ok_or_else(|| wrong("is not a repository"))?;
            let (named, file) = rest.split_once('/').map_or((rest, None), |(named, file)| (named, Some(file)));
            let (name, revision) = named.split_once('@').map_or((named, None), |(name, at)| (name, Some(at)));
            if ![owner, name].into_iter().all(is_name) {
                return Err(wrong("is not a repository"));
            }
            if revision.is_some_and(str::is_empty) {
                return Err(wrong("has no revision after the @"));
            }
            if file.is_some_and(|file| !file.ends_with(".safetensors")) {
                return Err(wrong("names a file that is not a .safetensors checkpoint"));
            }
            // A branch may have a slash, which is written %2F here.
            let revision = revision.map(|at| percent_decode_str(at).decode_utf8_lossy().into_owned());
            Location::Hub { repository: format!("{owner}/{name}"), revision, file: file.map(str::to_owned) }
        };
        Self { location, variant: None }.with_variant(variant)
    }

    /// The same model in another number format.
    ///
    /// # Errors
    /// Returns [`Error::WrongUse`] if there is no such variant.
    pub fn with_variant(mut self, variant: Option<&str>) -> Result<Self> {
        if let Some(variant) = variant {
            if !["fp16", "bf16"].contains(&variant) {
                return Err(Error::WrongUse(format!("`{variant}` is not a variant: use fp16 or bf16")));
            }
            self.variant = Some(variant.to_owned());
        }
        Ok(self)
    }

    /// The same model as it was at a branch, tag or commit.
    ///
    /// # Errors
    /// Returns [`Error::WrongUse`] for a bucket, which has no revisions.
    pub fn at_revision(mut self, wanted: &str) -> Result<Self> {
        match &mut self.location {
            Location::Hub { revision, .. } => *revision = Some(wanted.to_owned()),
            Location::Bucket { .. } => {
                return Err(Error::WrongUse("a prefix in a bucket has no revisions: name another prefix".to_owned()));
            }
        }
        Ok(self)
    }

    /// Whether both are the same model, in whichever version.
    pub(super) fn is_same_model(&self, other: &Self) -> bool {
        match (&self.location, &other.location) {
            (Location::Hub { repository, .. }, Location::Hub { repository: theirs, .. }) => repository == theirs,
            (ours, theirs) => ours == theirs,
        }
    }

    /// A short name for the model.
    #[must_use]
    pub fn name(&self) -> &str {
        let (Location::Hub { repository: path, .. } | Location::Bucket { prefix: path, .. }) = &self.location;
        let last = path.rsplit('/').next().unwrap_or(path);
        last.strip_suffix(".safetensors").unwrap_or(last)
    }
}

impl fmt::Display for Source {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.location {
            Location::Hub { repository, revision, file } => {
                write!(formatter, "{HUB}{repository}")?;
                if let Some(revision) = revision {
                    write!(formatter, "@{}", revision.replace('%', "%25").replace('/', "%2F"))?;
                }
                file.iter().try_for_each(|file| write!(formatter, "/{file}"))?;
            }
            Location::Bucket { bucket, prefix } => write!(formatter, "{S3}{bucket}/{prefix}")?,
        }
        self.variant.iter().try_for_each(|variant| write!(formatter, "{VARIANT}{variant}"))
    }
}

/// Whether a text can be the owner or the name of a repository.
fn is_name(text: &str) -> bool {
    let allowed = |character: char| character.is_ascii_alphanumeric() || "._-".contains(character);
    !text.is_empty() && !text.starts_with('.') && text.chars().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_read_and_written() {
        for (text, written, name) in [
            ("owner/sdxl", "hf://owner/sdxl", "sdxl"),
            ("hf://owner/sdxl-1.0@v1", "hf://owner/sdxl-1.0@v1", "sdxl-1.0"),
            ("owner/sdxl@refs%2Fpr%2F1", "hf://owner/sdxl@refs%2Fpr%2F1", "sdxl"),
            ("owner/sdxl/sub/a.safetensors?variant=fp16", "hf://owner/sdxl/sub/a.safetensors?variant=fp16", "sdxl"),
            ("s3://bucket/models/base/", "s3://bucket/models/base", "base"),
            ("s3://bucket/a.safetensors", "s3://bucket/a.safetensors", "a"),
        ] {
            let source = Source::parse(text).expect("a source");
            assert_eq!((source.to_string().as_str(), source.name()), (written, name));
            assert_eq!(Source::parse(written).expect("a source"), source);
        }
        let at = Source::parse("owner/sdxl").and_then(|source| source.at_revision("refs/pr/1")).expect("a source");
        assert_eq!(at, Source::parse("owner/sdxl@refs%2Fpr%2F1").expect("a source"));
    }

    #[test]
    fn what_is_no_source_is_refused() {
        for text in [
            "",
            "sdxl",
            "../etc",
            "hf://../x",
            "hf://owner/",
            "owner/name@",
            "owner/name/model.ckpt",
            "https://huggingface.co/owner/name",
            "s3://bucket",
            "s3://bucket/",
            "s3:///prefix",
            "owner/name?variant=f8",
        ] {
            assert!(matches!(Source::parse(text), Err(Error::WrongUse(_))), "{text}");
        }
        let bucket = Source::parse("s3://bucket/base").expect("a source");
        assert!(matches!(bucket.at_revision("main"), Err(Error::WrongUse(_))));
    }
}
