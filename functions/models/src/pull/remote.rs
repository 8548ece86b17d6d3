//! The server that has a model's files, whichever kind it is.

use super::bucket::Bucket;
use super::fetch_error::FetchError;
use super::hub::HubRepository;
use super::remote_file::{FileBody, RemoteFile};
use super::selection::Listing;
use super::source::{Location, Source};
use crate::error::Result;

/// The server that has a model's files.
pub(super) enum Remote {
    Hub(HubRepository),
    Bucket(Bucket),
}

impl Remote {
    pub(super) async fn new(source: &Source) -> Result<Self> {
        Ok(match &source.location {
            Location::Hub { repository, revision, .. } => {
                Self::Hub(HubRepository::new(repository, revision.as_deref())?)
            }
            Location::Bucket { bucket, prefix } => Self::Bucket(Bucket::new(bucket, prefix).await),
        })
    }

    /// All files there are; with the commit that they belong to, on the hub.
    pub(super) async fn list(&mut self) -> Result<(Listing, Option<String>), FetchError> {
        match self {
            Self::Hub(hub) => hub.list().await.map(|(listing, commit)| (listing, Some(commit))),
            Self::Bucket(bucket) => bucket.list().await.map(|listing| (listing, None)),
        }
    }

    /// Size, identity and checksum of a file that was listed.
    pub(super) async fn describe(&self, path: &str) -> Result<RemoteFile, FetchError> {
        match self {
            Self::Hub(hub) => hub.describe(path),
            Self::Bucket(bucket) => bucket.describe(path).await,
        }
    }

    /// A file's bytes from `offset` on, or all of them if the server does not serve ranges.
    pub(super) async fn read(&self, file: &RemoteFile, offset: u64) -> Result<FileBody, FetchError> {
        match self {
            Self::Hub(hub) => hub.read(&file.path, offset).await,
            Self::Bucket(bucket) => bucket.read(file, offset).await,
        }
    }

    /// The address of a file, for messages.
    pub(super) fn address(&self, path: &str) -> String {
        match self {
            Self::Hub(hub) => hub.address(path),
            Self::Bucket(bucket) => bucket.address(path),
        }
    }
}
