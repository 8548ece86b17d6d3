//! The files that images go to, chosen and checked before the work begins.

use std::fs;
use std::path::{Path, PathBuf};

use easel_system::files::{self, TEMPORARY_PREFIX, folder_of};
use easel_system::temporary::{self, TemporaryFolder};

use crate::command_error::CommandError;

/// Where images go.
#[derive(Debug)]
pub(crate) enum OutputFiles {
    /// To the file that was named; one that is there is replaced.
    Named(PathBuf),
    /// To a name after the seed that is not taken yet.
    Unnamed {
        /// The seed.
        seed: u64,
    },
}

impl OutputFiles {
    /// The files for `count` images: `output`, or names after `seed`.
    ///
    /// # Errors
    /// The extension stands for no format, or nothing can be written there.
    pub(crate) fn new(output: Option<&Path>, seed: u64, count: u32) -> Result<Self, CommandError> {
        match output {
            Some(path) => {
                easel_images::format_of(path)?;
                let files = Self::Named(path.to_owned());
                for path in files.paths(count as usize) {
                    check(&path, "--output")?;
                }
                Ok(files)
            }
            None => {
                check(Path::new("easel.png"), "--output")?;
                Ok(Self::Unnamed { seed })
            }
        }
    }

    /// A name for each of `count` images: `a.png`, or `a-1.png`, `a-2.png`, … for several.
    pub(crate) fn paths(&self, count: usize) -> Vec<PathBuf> {
        match self {
            Self::Named(path) if count == 1 => vec![path.clone()],
            Self::Named(path) => (1..=count).map(|number| numbered(path, number)).collect(),
            Self::Unnamed { seed } => {
                let path = PathBuf::from(format!("easel-{seed}.png"));
                if count == 1 && !taken(&path) {
                    return vec![path];
                }
                let names = |first: usize| (first..first + count).map(|number| numbered(&path, number));
                (1..)
                    .find(|&first| !names(first).any(|name| taken(&name)))
                    .map(|first| names(first).collect())
                    .unwrap_or_default()
            }
        }
    }
}

/// Finds out now, rather than after minutes of work, that a file cannot be written to `path`.
///
/// # Errors
/// The option, the path and the reason.
pub(crate) fn check(path: &Path, option: &str) -> Result<(), CommandError> {
    let failed =
        |reason: String| CommandError::failed(format!("{option}: {} cannot be written: {reason}", path.display()));
    match fs::metadata(path) {
        Ok(found) if found.is_dir() => return Err(failed("it is a folder; name a file in it".into())),
        Ok(found) if !found.is_file() => return Err(failed("it is no ordinary file; choose another name".into())),
        _ => {}
    }
    let folder = folder_of(path);
    if !folder.is_dir() {
        return Err(failed(format!("there is no folder {}; make it first", folder.display())));
    }
    // Permissions are not the whole truth; creating a temporary file is.
    let probe = tempfile::Builder::new().prefix(TEMPORARY_PREFIX).tempfile_in(folder);
    probe.map(drop).map_err(|error| failed(format!("{}; choose another folder", reason(&error))))
}

/// Writes a file or folder that is not there yet, whole or not at all: `write` gets a path in a temporary folder beside
/// it, from where the result is moved.
///
/// # Errors
/// It is there already, or it cannot be written.
pub(crate) fn write_new(
    path: &Path,
    write: impl FnOnce(&Path) -> Result<(), CommandError>,
) -> Result<(), CommandError> {
    let failed =
        |reason: String| CommandError::failed(format!("--output: {} cannot be written: {reason}", path.display()));
    if taken(path) {
        return Err(failed("it is there already; remove it or choose another name".into()));
    }
    let folder = TemporaryFolder::inside(folder_of(path)).map_err(|error| failed(reason(&error)))?;
    let whole = folder.path().join(path.file_name().ok_or_else(|| failed("it is not a name".into()))?);
    // The temporary folder's name would mean nothing to the user.
    write(&whole).map_err(|failure| failure.context(&format!("--output: {} cannot be written", path.display())))?;
    fs::rename(&whole, path).map_err(|error| failed(reason(&error)))
}

/// Writes a file whole or not at all, over one that may be there.
///
/// # Errors
/// It cannot be written.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> Result<(), CommandError> {
    let failed = |error: std::io::Error| {
        CommandError::failed(format!("--output: {} cannot be written: {}", path.display(), reason(&error)))
    };
    // An interruption waits, so that nothing half-written stays behind.
    temporary::uninterrupted(|| files::write_atomically(path, bytes)).map_err(failed)
}

/// The system's reason, without the temporary file's name.
fn reason(error: &std::io::Error) -> String {
    match error.raw_os_error() {
        Some(code) => std::io::Error::from_raw_os_error(code).to_string(),
        None => error.kind().to_string(),
    }
}

fn numbered(path: &Path, number: usize) -> PathBuf {
    let mut name = path.file_stem().unwrap_or_default().to_owned();
    name.push(format!("-{number}"));
    if let Some(extension) = path.extension() {
        name.push(".");
        name.push(extension);
    }
    path.with_file_name(name)
}

fn taken(path: &Path) -> bool {
    path.symlink_metadata().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_images_are_numbered() {
        let files = OutputFiles::Named("a/b.c.jpg".into());
        assert_eq!(files.paths(1), [PathBuf::from("a/b.c.jpg")]);
        assert_eq!(files.paths(2), [PathBuf::from("a/b.c-1.jpg"), PathBuf::from("a/b.c-2.jpg")]);
    }
}
