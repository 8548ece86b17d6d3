//! Files elsewhere, whoever keeps them.

use std::time::Duration;

use aws_sdk_s3::primitives::ByteStream;
use bytes::Bytes;

use super::Step;
use super::bucket::Bucket;
use super::check::Check;
use super::hub::Hub;
use super::selection::Listing;
use super::source::{Place, Source};
use crate::error::{Error, Result};

/// How often something is tried before it is given up.
const TRIES: u32 = 6;
/// The pause after the first try; each is twice as long as the one before.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
/// A server that wants to be left alone for longer is not waited for.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// A file that is wanted.
#[derive(Debug, Clone)]
pub(super) struct RemoteFile {
    /// Its path in the model's folder.
    pub(super) path: String,
    /// Its size.
    pub(super) bytes: u64,
    /// What changes with its content.
    pub(super) identity: String,
    pub(super) check: Check,
}

/// Why something did not work.
pub(super) enum Trouble {
    /// It may work later, after so long if the server says so.
    Passing(String, Option<Duration>),
    /// It will not.
    Lasting(Error),
}

impl Trouble {
    pub(super) fn passing(reason: impl Into<String>) -> Self {
        Self::Passing(reason.into(), None)
    }

    pub(super) fn lasting(reason: impl Into<String>) -> Self {
        Self::Lasting(Error::Failed(reason.into()))
    }
}

/// The rest of a file, on its way.
pub(super) struct Body {
    /// Where in the file it begins.
    pub(super) start: u64,
    content: Content,
}

enum Content {
    Http(Box<reqwest::Response>),
    Object(Box<ByteStream>),
}

impl Body {
    pub(super) fn http(start: u64, response: reqwest::Response) -> Self {
        Self { start, content: Content::Http(Box::new(response)) }
    }

    pub(super) fn object(start: u64, stream: ByteStream) -> Self {
        Self { start, content: Content::Object(Box::new(stream)) }
    }

    /// The next bytes; none at the end.
    pub(super) async fn chunk(&mut self) -> Result<Option<Bytes>, Trouble> {
        match &mut self.content {
            Content::Http(response) => response.chunk().await.map_err(|error| Trouble::passing(causes(&error))),
            Content::Object(stream) => {
                stream.next().await.transpose().map_err(|error| Trouble::passing(causes(&error)))
            }
        }
    }
}

/// Where the range of an answer begins: `bytes 100-199/200`.
pub(super) fn range_start(content_range: Option<&str>) -> u64 {
    let range = content_range.and_then(|range| range.trim().strip_prefix("bytes"));
    range.and_then(|range| range.trim().split('-').next()?.parse().ok()).unwrap_or(0)
}

/// Who keeps a model's files, and how to ask.
pub(super) enum Remote {
    Hub(Hub),
    Bucket(Bucket),
}

impl Remote {
    pub(super) async fn new(source: &Source) -> Result<Self> {
        Ok(match &source.place {
            Place::Hub { repository, revision, .. } => Self::Hub(Hub::new(repository, revision.as_deref())?),
            Place::Bucket { bucket, prefix } => Self::Bucket(Bucket::new(bucket, prefix).await),
        })
    }

    /// All files there are; of the hub, with the commit that they are of.
    pub(super) async fn list(&mut self) -> Result<(Listing, Option<String>), Trouble> {
        match self {
            Self::Hub(hub) => hub.list().await.map(|(listing, commit)| (listing, Some(commit))),
            Self::Bucket(bucket) => bucket.list().await.map(|listing| (listing, None)),
        }
    }

    /// What there is to know of a file that was listed.
    pub(super) async fn describe(&self, path: &str) -> Result<RemoteFile, Trouble> {
        match self {
            Self::Hub(hub) => hub.describe(path),
            Self::Bucket(bucket) => bucket.describe(path).await,
        }
    }

    /// A file's bytes from `offset` on, or all of them if the server has no parts to give.
    pub(super) async fn read(&self, file: &RemoteFile, offset: u64) -> Result<Body, Trouble> {
        match self {
            Self::Hub(hub) => hub.read(&file.path, offset).await,
            Self::Bucket(bucket) => bucket.read(file, offset).await,
        }
    }

    /// What messages call a file.
    pub(super) fn address(&self, path: &str) -> String {
        match self {
            Self::Hub(hub) => hub.address(path),
            Self::Bucket(bucket) => bucket.address(path),
        }
    }
}

/// Counts tries and makes pauses between them.
#[derive(Default)]
pub(super) struct Patience {
    tries: u32,
}

impl Patience {
    /// Begins to count anew, because something was achieved.
    pub(super) fn renew(&mut self) {
        self.tries = 0;
    }

    /// Waits for as long as it takes until another try makes sense.
    ///
    /// # Errors
    /// None does.
    pub(super) async fn wait(&mut self, what: &str, trouble: Trouble, watch: &mut dyn FnMut(Step<'_>)) -> Result<()> {
        let (reason, wanted) = match trouble {
            Trouble::Lasting(error) => return Err(error),
            Trouble::Passing(reason, wanted) => (reason, wanted),
        };
        self.tries += 1;
        let pause = wanted.unwrap_or_else(|| FIRST_PAUSE * 2_u32.pow(self.tries - 1));
        if self.tries >= TRIES || pause > LONGEST_PAUSE {
            let advice = "do the same again later; what is here already is kept";
            return Err(Error::Failed(format!("{what}: {reason}; given up at try {}: {advice}", self.tries)));
        }
        watch(Step::Retrying { what, reason: &reason, pause });
        tokio::time::sleep(pause).await;
        Ok(())
    }
}

/// An error with what caused it.
pub(super) fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let reason = error.to_string();
        if !text.contains(&reason) {
            text = format!("{text}: {reason}");
        }
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_say_where_they_begin() {
        assert_eq!(range_start(Some("bytes 100-199/200")), 100);
        for nothing in [None, Some(""), Some("bytes */200"), Some("lines 3-4/5")] {
            assert_eq!(range_start(nothing), 0);
        }
    }
}
