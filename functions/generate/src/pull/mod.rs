//! Models are fetched once: from the Hugging Face hub, or from a prefix in S3, into a folder that Easel opens.

mod bucket;
mod check;
mod folder;
mod hub;
mod remote;
mod selection;
mod source;
mod transfer;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

pub use selection::Layout;
pub use source::{Place, Source};

use crate::error::{Error, Result};
use check::short_hash;
use folder::Folder;
use remote::{Patience, Remote, RemoteFile};

/// What goes on.
#[derive(Debug)]
pub enum Step<'a> {
    /// Another process fetches into the same folder.
    Waiting {
        /// The folder.
        folder: &'a Path,
    },
    /// A file that is there already is read.
    Checking {
        /// Its path in the folder.
        path: &'a str,
    },
    /// It is known what there is to do.
    Missing {
        /// Bytes of the whole model.
        bytes: u64,
        /// Bytes of the files that are not in their places.
        missing: u64,
    },
    /// A file is on its way.
    Fetching {
        /// Its path in the folder.
        path: &'a str,
        /// Bytes that are there.
        done: u64,
        /// Bytes of the whole file.
        bytes: u64,
    },
    /// Something did not work and is tried again after a pause.
    Retrying {
        /// The address.
        what: &'a str,
        /// What was wrong.
        reason: &'a str,
        /// How long the pause is.
        pause: Duration,
    },
}

/// A model that is there.
#[derive(Debug)]
pub struct Pulled {
    /// What to open: the folder, or the checkpoint in it.
    pub path: PathBuf,
    /// What it is.
    pub layout: Layout,
    /// The commit that all files are of.
    pub revision: Option<String>,
    /// All its files.
    pub files: Vec<PulledFile>,
}

/// A file that is there.
#[derive(Debug)]
pub struct PulledFile {
    /// Its path in the folder.
    pub path: String,
    /// Its size.
    pub bytes: u64,
    /// By what it was checked.
    pub checked_by: &'static str,
    /// Bytes that had to be fetched.
    pub fetched: u64,
}

/// Fetches the model from `source` into `folder`, as far as it is not there, and checks all of it. Waits for the network:
/// not for a thread that others wait for.
///
/// # Errors
/// What is wrong, with the file and the address that it is about, and what to do.
pub fn pull(source: &Source, folder: &Path, watch: &mut dyn FnMut(Step<'_>)) -> Result<Pulled> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Error::Failed(format!("using the network: {error}")))?;
    runtime.block_on(pull_into(source, folder, watch))
}

async fn pull_into(source: &Source, path: &Path, watch: &mut dyn FnMut(Step<'_>)) -> Result<Pulled> {
    let mut remote = Remote::new(source).await?;
    let name = source.to_string();
    let mut patience = Patience::default();
    let (listing, revision) = loop {
        match remote.list().await {
            Ok(listed) => break listed,
            Err(trouble) => patience.wait(&name, trouble, watch).await?,
        }
    };
    let wanted = match &source.place {
        Place::Hub { file, .. } => file.as_deref(),
        Place::Bucket { .. } => None,
    };
    let (layout, paths) = selection::select(&listing, source.variant.as_deref(), wanted)
        .map_err(|reason| Error::Failed(format!("{source} {reason}")))?;
    let mut files = Vec::new();
    for path in paths {
        selection::check_path(&path)?;
        files.push(loop {
            match remote.describe(&path).await {
                Ok(file) => break file,
                Err(trouble) => patience.wait(&name, trouble, watch).await?,
            }
        });
    }

    let folder = Folder::open(path, source, watch)?;
    let mut missing: Vec<RemoteFile> = Vec::new();
    for file in &files {
        watch(Step::Checking { path: &file.path });
        if !folder.has(file) {
            missing.push(file.clone());
        }
    }
    folder.tidy(&missing);
    folder.check_room(&missing)?;
    let bytes = |files: &[RemoteFile]| files.iter().fold(0, |sum: u64, file| sum.saturating_add(file.bytes));
    watch(Step::Missing { bytes: bytes(&files), missing: bytes(&missing) });
    let mut pulled = Vec::new();
    for file in &files {
        let fetched = if missing.iter().any(|missing| missing.path == file.path) {
            transfer::fetch(&remote, file, &folder.unfinished(file), watch).await?
        } else {
            0
        };
        let RemoteFile { path, bytes, check, .. } = file;
        pulled.push(PulledFile { path: path.clone(), bytes: *bytes, checked_by: check.name(), fetched });
    }
    folder.finish(source, revision.as_deref(), &layout, &files, &missing)?;
    let path = match &layout {
        Layout::Checkpoint(file) => path.join(file),
        Layout::Folder | Layout::TinyVae => path.to_owned(),
    };
    Ok(Pulled { path, layout, revision, files: pulled })
}

/// Where the model that somebody named is on this machine: `named` itself if it is a path; else a folder in `cache`, where
/// the model is fetched the first time. `option` is where it was named, for messages.
///
/// # Errors
/// As [`pull`], and if there is no cache.
pub fn local(option: &str, named: &Path, cache: Option<&Path>, watch: &mut dyn FnMut(Step<'_>)) -> Result<PathBuf> {
    let Some(address) = named.to_str().filter(|_| Source::is_meant(named)) else { return Ok(named.to_owned()) };
    let source = Source::parse(address).map_err(|error| Error::WrongUse(format!("{option}: {error}")))?;
    let Some(cache) = cache else {
        let advice = "name a folder for models that are fetched: set EASEL_CACHE";
        return Err(Error::WrongUse(format!("{option}: {source} has no place to be: {advice}")));
    };
    let folder = cache.join("models").join(short_hash(&source.to_string())).join(source.name());
    if let Some(record) = folder::found(&folder, &source) {
        tracing::info!(%source, folder = %folder.display(), revision = record.revision, "the model is there");
        return Ok(record.checkpoint.map_or_else(|| folder.clone(), |file| folder.join(file)));
    }
    let began = Instant::now();
    let pulled = pull(&source, &folder, &mut |step| {
        match &step {
            Step::Missing { missing, .. } => {
                tracing::info!(%source, folder = %folder.display(), bytes = missing, "fetching a model");
            }
            Step::Retrying { what, reason, .. } => tracing::warn!(reason, what, "fetching again"),
            Step::Waiting { folder } => {
                tracing::info!(folder = %folder.display(), "another process fetches this model")
            }
            Step::Checking { .. } | Step::Fetching { .. } => {}
        }
        watch(step);
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
