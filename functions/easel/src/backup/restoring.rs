//! Making a data folder of a backup.

use std::fs;
use std::path::Path;

use easel_embedded::snapshot;
use easel_system::files::{self, folder_of};

use super::archive::{Archive, put};
use super::contents;
use super::manifest::Manifest;
use super::staging::S3;
use crate::command_error::CommandError;

/// Restores a backup: there is nothing at `data` before all of it is there and checked.
///
/// # Errors
/// The backup is not whole, or something is in the folder.
pub(super) fn restore(from: &Path, data: &Path) -> Result<Manifest, CommandError> {
    let failed = |error: std::io::Error| CommandError::failed(format!("--data: {}: {error}", data.display()));
    if data.exists() && fs::read_dir(data).map_err(failed)?.next().is_some() {
        let message = "is not empty: name a new folder, so that nothing in it gets lost";
        return Err(CommandError::wrong_use(format!("--data: {} {message}", data.display())));
    }
    let beside = folder_of(data);
    fs::create_dir_all(beside).map_err(failed)?;
    let folder = tempfile::Builder::new().prefix(files::TEMPORARY_PREFIX).tempdir_in(beside).map_err(failed)?;
    let manifest = Archive::read(from, folder.path(), &|_| true)?;
    check(folder.path(), &manifest)?;
    for object in snapshot::objects(&folder.path().join(S3))? {
        let there = fs::metadata(snapshot::file_of(&folder.path().join(S3), &object)).map(|file| file.len());
        if there.ok() != Some(object.size) {
            return Err(CommandError::failed(format!("{}: the file of {} is not in it", from.display(), object.key)));
        }
    }
    put(folder, data).map_err(failed)?;
    Ok(manifest)
}

/// Whether the databases of a folder hold what a manifest says; what tasks name and was missing before.
///
/// # Errors
/// They hold something else, or a task names an image that the index does not have.
pub(super) fn check(folder: &Path, manifest: &Manifest) -> Result<Vec<String>, CommandError> {
    let contents = contents::look(folder)?;
    let found = (contents.tasks, u64::try_from(contents.objects.len()).unwrap_or_default());
    if found != (manifest.tasks, manifest.objects) {
        let message =
            format!("its databases have {} tasks and {} objects instead of {}", found.0, found.1, manifest.counts());
        return Err(CommandError::failed(message));
    }
    let listed: std::collections::HashSet<_> = manifest.files.iter().map(|file| file.path.as_str()).collect();
    let lost =
        contents.objects.iter().find(|object| !listed.contains(format!("{S3}/objects/{}", object.file).as_str()));
    if let Some(object) = lost {
        return Err(CommandError::failed(format!("the file of {} is not in the backup", object.key)));
    }
    if contents.missing != manifest.missing {
        let first = contents.missing.first().cloned().unwrap_or_default();
        return Err(CommandError::failed(format!("a task names {first}, which is not in the backup")));
    }
    Ok(contents.missing)
}
