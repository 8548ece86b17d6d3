//! Fetching models, once, from the Hugging Face hub or from a prefix in S3 into a folder that Easel can open.

mod bucket;
mod checksum;
mod fetch_error;
mod folder;
mod hub;
mod progress;
mod remote;
mod remote_file;
mod remote_files;
mod retries;
mod selection;
mod source;
mod transfer;

use std::path::{Path, PathBuf};
use std::time::Instant;

pub use progress::FetchProgress;
pub use selection::Layout;
pub use source::{Location, Source};

use easel_system::environment::CACHE;

use crate::error::{Error, Result};
use checksum::short_hash;
use folder::ModelFolder;
use remote::Remote;
use remote_file::RemoteFile;
pub(crate) use remote_files::{RemoteFiles, sha256_of};
use retries::Retries;

/// A model that has been fetched.
#[derive(Debug)]
pub struct Pulled {
    /// What to open: the folder, or the checkpoint in it.
    pub path: PathBuf,
    /// Its kind.
    pub layout: Layout,
    /// The commit that all files belong to, on the hub.
    pub revision: Option<String>,
    /// All its files.
    pub files: Vec<PulledFile>,
}

/// A file of a model that has been fetched.
#[derive(Debug)]
pub struct PulledFile {
    /// Its path in the folder.
    pub path: String,
    /// Its size.
    pub bytes: u64,
    /// The kind of checksum that it was checked by.
    pub checked_by: &'static str,
    /// Bytes that had to be fetched.
    pub fetched: u64,
}

/// Fetches what is missing of the model from `source` into `folder`, and verifies all of it. Blocks on the network, so
/// it must not run on a thread of an async runtime.
///
/// # Errors
/// Says what failed, for which file and address, and what to do.
pub fn pull(source: &Source, folder: &Path, watch: &mut dyn FnMut(FetchProgress<'_>)) -> Result<Pulled> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Error::Failed(format!("starting the network client: {error}")))?;
    runtime.block_on(pull_into(source, folder, watch))
}

async fn pull_into(source: &Source, path: &Path, watch: &mut dyn FnMut(FetchProgress<'_>)) -> Result<Pulled> {
    let mut remote = Remote::new(source).await?;
    let name = source.to_string();
    let mut retries = Retries::default();
    let (listing, revision) = loop {
        match remote.list().await {
            Ok(listed) => break listed,
            Err(error) => retries.pause(&name, error, watch).await?,
        }
    };
    let wanted = match &source.location {
        Location::Hub { file, .. } => file.as_deref(),
        Location::Bucket { .. } => None,
    };
    let (layout, paths) = selection::select(&listing, source.variant.as_deref(), wanted)
        .map_err(|reason| Error::Failed(format!("{source} {reason}")))?;
    let mut files = Vec::new();
    for path in paths {
        selection::check_path(&path)?;
        files.push(loop {
            match remote.describe(&path).await {
                Ok(file) => break file,
                Err(error) => retries.pause(&name, error, watch).await?,
            }
        });
    }

    let folder = ModelFolder::open(path, source, watch)?;
    let mut missing: Vec<RemoteFile> = Vec::new();
    for file in &files {
        watch(FetchProgress::Checking { path: &file.path });
        if !folder.has(file) {
            missing.push(file.clone());
        }
    }
    folder.remove_leftovers(&missing);
    folder.check_space(&missing)?;
    let bytes = |files: &[RemoteFile]| files.iter().fold(0, |sum: u64, file| sum.saturating_add(file.bytes));
    watch(FetchProgress::Missing { bytes: bytes(&files), missing: bytes(&missing) });
    let mut pulled = Vec::new();
    for file in &files {
        let fetched = if missing.iter().any(|missing| missing.path == file.path) {
            transfer::fetch(&remote, file, &folder.unfinished(file), watch).await?
        } else {
            0
        };
        let RemoteFile { path, bytes, checksum, .. } = file;
        pulled.push(PulledFile { path: path.clone(), bytes: *bytes, checked_by: checksum.name(), fetched });
    }
    folder.finish(source, revision.as_deref(), &layout, &files, &missing)?;
    let path = match &layout {
        Layout::Checkpoint(file) => path.join(file),
        Layout::Folder | Layout::Vae => path.to_owned(),
    };
    Ok(Pulled { path, layout, revision, files: pulled })
}

/// Where a model is on this machine: `named` itself if it is a path, else a folder in `cache`, into which the model is
/// fetched the first time. `option` is the option or variable that named the model, for messages.
///
/// # Errors
/// Fails if [`pull`] does, and if there is no cache.
pub fn local(
    option: &str,
    named: &Path,
    cache: Option<&Path>,
    watch: &mut dyn FnMut(FetchProgress<'_>),
) -> Result<PathBuf> {
    let Some(address) = named.to_str().filter(|_| Source::is_address(named)) else { return Ok(named.to_owned()) };
    let source = Source::parse(address).map_err(|error| Error::WrongUse(format!("{option}: {error}")))?;
    let Some(cache) = cache else {
        let advice = format!("set {CACHE} to a folder for fetched models");
        return Err(Error::WrongUse(format!("{option}: there is no folder to fetch {source} into: {advice}")));
    };
    let folder = cache.join("models").join(short_hash(&source.to_string())).join(source.name());
    if let Some(record) = folder::complete_record(&folder, &source) {
        tracing::info!(%source, folder = %folder.display(), revision = record.revision, "the model was fetched before");
        return Ok(record.checkpoint.map_or_else(|| folder.clone(), |file| folder.join(file)));
    }
    let began = Instant::now();
    let pulled = pull(&source, &folder, &mut |progress| {
        match &progress {
            FetchProgress::Missing { missing, .. } => {
                tracing::info!(%source, folder = %folder.display(), bytes = missing, "fetching a model");
            }
            FetchProgress::Retrying { what, reason, .. } => {
                tracing::warn!(reason, what, "fetching failed, trying again")
            }
            FetchProgress::Waiting { folder } => {
                tracing::info!(folder = %folder.display(), "waiting for another process that is fetching this model")
            }
            FetchProgress::Checking { .. } | FetchProgress::Fetching { .. } => {}
        }
        watch(progress);
    })
    .map_err(|error| match error {
        Error::Failed(reason) => Error::Failed(format!("{option}: {reason}")),
        other => other,
    })?;
    let fetched: u64 = pulled.files.iter().map(|file| file.fetched).sum();
    let seconds = began.elapsed().as_secs_f64();
    tracing::info!(%source, revision = pulled.revision, fetched, seconds, "the model was fetched");
    Ok(pulled.path)
}
