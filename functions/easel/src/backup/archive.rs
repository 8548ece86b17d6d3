//! A backup as a folder or as one file: the manifest, and everything that it lists.

use std::fs::{self, File};
use std::io::{self, BufReader, Read, Write};
use std::path::{Path, PathBuf};

use easel_system::files::{self, folder_of};

use super::manifest::{ListedFile, Manifest, NAME, hash};
use crate::command_error::CommandError;

/// Far more than a manifest takes, bytes.
const LONGEST_MANIFEST: u64 = 1 << 30;
const MODE: u32 = 0o600;

/// A backup that is to be made.
pub(super) struct Archive<'a> {
    target: &'a Path,
}

impl<'a> Archive<'a> {
    /// A backup at a place where nothing is.
    ///
    /// # Errors
    /// Something is there.
    pub(super) fn new(target: &'a Path) -> Result<Self, CommandError> {
        let is_empty = || fs::read_dir(target).is_ok_and(|mut entries| entries.next().is_none());
        if target.exists() && (is_tar(target) || !is_empty()) {
            let message = "is there already: name a new folder, or a new file that ends in .tar";
            return Err(CommandError::wrong_use(format!("{} {message}", target.display())));
        }
        Ok(Self { target })
    }

    /// Writes it: at its place is nothing before all of it is on disk.
    ///
    /// # Errors
    /// It cannot be written.
    pub(super) fn write(&self, from: &Path, manifest: &Manifest) -> Result<(), CommandError> {
        let text = serde_json::to_vec_pretty(manifest).map_err(|error| CommandError::failed(error.to_string()))?;
        let written = if is_tar(self.target) {
            self.write_file(from, manifest, &text)
        } else {
            self.write_folder(from, manifest, &text)
        };
        written.map_err(|error| CommandError::failed(format!("{}: {error}", self.target.display())))
    }

    fn write_file(&self, from: &Path, manifest: &Manifest, text: &[u8]) -> io::Result<()> {
        let beside = folder_of(self.target);
        fs::create_dir_all(beside)?;
        let mut file = tempfile::Builder::new().prefix(files::TEMPORARY_PREFIX).tempfile_in(beside)?;
        pack(file.as_file_mut(), from, manifest, text)?;
        file.as_file().sync_all()?;
        file.persist(self.target)?;
        files::sync_folder(beside)
    }

    fn write_folder(&self, from: &Path, manifest: &Manifest, text: &[u8]) -> io::Result<()> {
        let beside = folder_of(self.target);
        fs::create_dir_all(beside)?;
        let folder = tempfile::Builder::new().prefix(files::TEMPORARY_PREFIX).tempdir_in(beside)?;
        for ListedFile { path, .. } in &manifest.files {
            let (from, to) = (from.join(path), folder.path().join(path));
            files::private_folder(folder_of(&to))?;
            // Objects never change, so that on one file system their files can be the same.
            if !super::staging::is_object(path) || fs::hard_link(&from, &to).is_err() {
                let mut file = files::private_file(&to)?;
                io::copy(&mut File::open(&from)?, &mut file)?;
                file.sync_all()?;
            }
        }
        files::write_privately(&folder.path().join(NAME), text)?;
        put(folder, self.target)
    }

    /// Reads a backup's files into a folder, as far as they are `wanted`; every one is checked.
    ///
    /// # Errors
    /// It is none, or not as it was made.
    pub(super) fn read(backup: &Path, into: &Path, wanted: &dyn Fn(&str) -> bool) -> Result<Manifest, CommandError> {
        let failed = |error: io::Error| CommandError::failed(format!("{}: {error}", backup.display()));
        if !is_tar(backup) {
            let manifest = open_manifest(File::open(backup.join(NAME)).map_err(failed)?).map_err(failed)?;
            for file in &manifest.files {
                let from = File::open(backup.join(&file.path));
                let from = from.map_err(|error| failed(io::Error::other(format!("{}: {error}", file.path))))?;
                take(file, from, into, wanted).map_err(failed)?;
            }
            return Ok(manifest);
        }
        let mut archive = tar::Archive::new(BufReader::new(File::open(backup).map_err(failed)?));
        unpack(&mut archive, into, wanted).map_err(failed)
    }
}

/// Puts a complete folder in its place.
pub(super) fn put(folder: tempfile::TempDir, place: &Path) -> io::Result<()> {
    files::sync_folder(folder.path())?;
    fs::rename(folder.path(), place)?;
    // It is not there any more under the name that would be cleared away.
    let _ = folder.keep();
    files::sync_folder(folder_of(place))
}

fn is_tar(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("tar"))
}

fn pack(file: &mut File, from: &Path, manifest: &Manifest, text: &[u8]) -> io::Result<()> {
    let mut archive = tar::Builder::new(io::BufWriter::new(file));
    let header = |bytes: u64| {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes);
        header.set_mode(MODE);
        header
    };
    archive.append_data(&mut header(text.len() as u64), NAME, text)?;
    for ListedFile { path, bytes, .. } in &manifest.files {
        archive.append_data(&mut header(*bytes), path, File::open(from.join(path))?)?;
    }
    archive.into_inner()?.flush()
}

fn unpack(archive: &mut tar::Archive<impl Read>, into: &Path, wanted: &dyn Fn(&str) -> bool) -> io::Result<Manifest> {
    let mut entries = archive.entries()?;
    let first = entries.next().ok_or_else(|| io::Error::other("is empty"))??;
    if first.path()?.as_ref() != Path::new(NAME) {
        return Err(io::Error::other(format!("is no backup: it does not begin with {NAME}")));
    }
    let manifest = open_manifest(first)?;
    // They come in the manifest's order.
    for file in &manifest.files {
        let entry = entries.next().ok_or_else(|| io::Error::other(format!("{} is missing", file.path)))??;
        if entry.path()?.as_ref() != Path::new(&file.path) || !entry.header().entry_type().is_file() {
            return Err(io::Error::other(format!("{} is missing, or not a file", file.path)));
        }
        take(file, entry, into, wanted)?;
    }
    Ok(manifest)
}

fn open_manifest(from: impl Read) -> io::Result<Manifest> {
    let mut text = Vec::new();
    from.take(LONGEST_MANIFEST).read_to_end(&mut text)?;
    Manifest::read(&text).map_err(io::Error::other)
}

/// Checks a file, and writes it if it is wanted.
fn take(file: &ListedFile, from: impl Read, into: &Path, wanted: &dyn Fn(&str) -> bool) -> io::Result<()> {
    // One byte more shows that it is too long.
    let mut from = from.take(file.bytes + 1);
    let (bytes, sha256) = if wanted(&file.path) {
        let to: PathBuf = into.join(&file.path);
        files::private_folder(folder_of(&to))?;
        let mut written = files::private_file(&to)?;
        let hashed = hash(&mut from, &mut written)?;
        written.sync_all()?;
        hashed
    } else {
        hash(&mut from, &mut io::sink())?
    };
    if bytes != file.bytes || sha256 != file.sha256 {
        return Err(io::Error::other(format!("{} is not as it was backed up: use another backup", file.path)));
    }
    Ok(())
}
