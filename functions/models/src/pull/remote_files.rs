//! Single files of an address, such as LoRAs: listed, and fetched one by one when they are used.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::future::Future;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use easel_system::environment::CACHE;

use super::checksum::{Checksum, short_hash};
use super::fetch_error::FetchError;
use super::progress::FetchProgress;
use super::remote::Remote;
use super::remote_file::RemoteFile;
use super::retries::Retries;
use super::selection::check_path;
use super::source::Source;
use super::transfer::{self, checksum_file, unwritable};
use crate::error::{Error, Result};

/// The folder in the cache.
const FOLDER: &str = "offered";
/// The folder in it of files that belong together.
const FOLDERS: &str = ".folders";
/// What the names of files end in that are not complete yet.
const UNFINISHED: &str = ".unfinished";

/// The files of an address.
#[derive(Debug)]
pub(crate) struct RemoteFiles {
    source: Source,
    /// Where they are fetched to. Each version of a file has a folder of its own, so that one that is in use is never
    /// overwritten.
    folder: PathBuf,
    /// What the server says of each file without being asked about it alone.
    described: Mutex<BTreeMap<String, RemoteFile>>,
}

impl RemoteFiles {
    /// The files at `source`, which `option` named.
    ///
    /// # Errors
    /// Returns [`Error::WrongUse`] if there is no cache to fetch them into.
    pub(crate) fn new(option: &str, source: Source, cache: Option<&Path>) -> Result<Self> {
        let Some(cache) = cache else {
            let advice = format!("set {CACHE} to a folder for fetched files");
            return Err(Error::WrongUse(format!("{option}: there is no folder to fetch {source} into: {advice}")));
        };
        let folder = cache.join(FOLDER).join(short_hash(&source.to_string()));
        Ok(Self { source, folder, described: Mutex::default() })
    }

    /// The paths of all files there are now.
    ///
    /// # Errors
    /// Says what failed and what to do.
    pub(crate) fn list(&self) -> Result<Vec<String>> {
        let paths = run(async {
            let (remote, paths) = self.listed().await?;
            if let Remote::Hub(hub) = &remote {
                let described = paths.iter().filter_map(|path| Some((path.clone(), hub.describe(path).ok()?)));
                *self.described.lock().unwrap_or_else(PoisonError::into_inner) = described.collect();
            }
            Ok(paths)
        })?;
        Ok(paths.into_iter().filter(|path| check_path(path).is_ok()).collect())
    }

    /// The SHA-256 of a file, if the server has said it.
    pub(crate) fn known_sha256(&self, path: &str) -> Option<String> {
        let described = self.described.lock().unwrap_or_else(PoisonError::into_inner);
        match &described.get(path)?.checksum {
            Checksum::Sha256(sha256) => Some(sha256.clone()),
            _ => None,
        }
    }

    /// Where a file is on this machine, as the server has it now; it is fetched the first time.
    ///
    /// # Errors
    /// Says what failed and what to do.
    pub(crate) fn fetch(&self, path: &str) -> Result<PathBuf> {
        check_path(path)?;
        run(async {
            let known = self.described.lock().unwrap_or_else(PoisonError::into_inner).get(path).cloned();
            if let Some(there) = known.and_then(|file| self.there(&file)) {
                return Ok(there);
            }
            let mut remote = Remote::new(&self.source).await?;
            if let Remote::Hub(_) = remote {
                (remote, _) = self.listed().await?;
            }
            let file = self.with_retries(async || remote.describe(path).await).await?;
            match self.there(&file) {
                Some(there) => Ok(there),
                None => self.fetch_version(&remote, &file).await,
            }
        })
    }

    /// A folder of this machine with these files of a folder, as the server has them now.
    ///
    /// # Errors
    /// Says what failed and what to do.
    pub(crate) fn fetch_folder(&self, folder: &str, paths: &[String]) -> Result<PathBuf> {
        let files = paths.iter().map(|path| self.fetch(path)).collect::<Result<Vec<_>>>()?;
        let versions: Vec<_> = files.iter().map(|file| file.display().to_string()).collect();
        let all = self.folder.join(FOLDERS).join(short_hash(folder));
        let place = all.join(short_hash(&versions.join("\n")));
        let failed = |error: io::Error| Error::Failed(unwritable(&place, &error));
        fs::create_dir_all(&place).map_err(failed)?;
        for file in &files {
            let link = place.join(file.file_name().unwrap_or_default());
            match fs::hard_link(file, link) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(failed(error)),
                _ => {}
            }
        }
        remove_others(&all, &place);
        Ok(place)
    }

    /// The server, with the paths of all its files.
    async fn listed(&self) -> Result<(Remote, Vec<String>)> {
        let (name, mut retries) = (self.source.to_string(), Retries::default());
        let mut remote = Remote::new(&self.source).await?;
        loop {
            match remote.list().await {
                Ok((listing, _)) => return Ok((remote, listing.into_keys().collect())),
                Err(error) => retries.pause(&name, error, &mut log).await?,
            }
        }
    }

    async fn with_retries<T, F: Future<Output = Result<T, FetchError>>>(&self, ask: impl Fn() -> F) -> Result<T> {
        let (name, mut retries) = (self.source.to_string(), Retries::default());
        loop {
            match ask().await {
                Ok(answer) => return Ok(answer),
                Err(error) => retries.pause(&name, error, &mut log).await?,
            }
        }
    }

    /// The folder of one version of a file.
    fn version(&self, file: &RemoteFile) -> PathBuf {
        self.folder.join(&file.path).join(short_hash(&file.identity))
    }

    /// Where this version of a file is, if it has been fetched.
    fn there(&self, file: &RemoteFile) -> Option<PathBuf> {
        let place = self.version(file).join(name(file));
        place.metadata().is_ok_and(|found| found.len() == file.bytes).then_some(place)
    }

    /// Fetches a version of a file; another process that fetches the same is waited for. Earlier versions go: whoever has one
    /// open keeps it.
    async fn fetch_version(&self, remote: &Remote, file: &RemoteFile) -> Result<PathBuf> {
        let folder = self.version(file);
        let failed = |error: io::Error| Error::Failed(unwritable(&folder, &error));
        fs::create_dir_all(&folder).map_err(failed)?;
        let lock = OpenOptions::new().write(true).create(true).truncate(false).open(folder.join(".lock"));
        let lock = lock.map_err(failed)?;
        lock.lock().map_err(failed)?;
        let place = folder.join(name(file));
        if self.there(file).is_none() {
            let unfinished = folder.join(format!("{}{UNFINISHED}", name(file)));
            tracing::info!(file = remote.address(&file.path), bytes = file.bytes, "fetching a file");
            transfer::fetch(remote, file, &unfinished, &mut log).await?;
            fs::rename(&unfinished, &place).map_err(failed)?;
            self.remove_earlier(file);
        }
        Ok(place)
    }

    fn remove_earlier(&self, file: &RemoteFile) {
        remove_others(&self.folder.join(&file.path), &self.version(file));
    }
}

/// Removes what is in a folder of versions beside the current one.
fn remove_others(versions: &Path, current: &Path) {
    for entry in fs::read_dir(versions).into_iter().flatten().flatten() {
        if entry.path() != current
            && let Err(error) = fs::remove_dir_all(entry.path())
        {
            tracing::warn!(%error, folder = %entry.path().display(), "an earlier version of a file stays");
        }
    }
}

/// The SHA-256 of the rest of a file, in hexadecimal.
///
/// # Errors
/// The file cannot be read.
pub(crate) fn sha256_of(file: &mut File) -> io::Result<String> {
    let mut checksum = Checksum::Sha256(String::new()).begin(0);
    checksum_file(file, &mut checksum)?;
    Ok(checksum.finish())
}

/// The last part of a file's path.
fn name(file: &RemoteFile) -> &str {
    file.path.rsplit('/').next().unwrap_or(&file.path)
}

fn log(progress: FetchProgress<'_>) {
    if let FetchProgress::Retrying { what, reason, .. } = progress {
        tracing::warn!(reason, what, "fetching failed, trying again");
    }
}

/// Asks servers on this thread.
fn run<T>(asking: impl Future<Output = Result<T>>) -> Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| Error::Failed(format!("starting the network client: {error}")))?.block_on(asking)
}
