//! Writing files atomically, and files that nobody else can read.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

use tempfile::NamedTempFile;

/// What the names of files and folders begin with that are not complete yet.
pub const TEMPORARY_PREFIX: &str = ".easel-";
/// The permissions of a file that only its owner can read and write.
pub const PRIVATE_FILE: u32 = 0o600;
/// The permissions of a folder that only its owner can look into.
const PRIVATE_FOLDER: u32 = 0o700;
/// The permissions of any new file, before the process's mask.
const PUBLIC_FILE: u32 = 0o666;

/// Writes a file atomically: an existing file is replaced only by a complete one, and nothing is left behind on
/// failure. A symbolic link stays one, and the file gets the permissions of any new file.
///
/// # Errors
/// Fails if the system cannot write or rename the file.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> io::Result<()> {
    write_atomically_with(path, |file| file.write_all(bytes))
}

/// Like [`write_atomically`], for content that `write` puts into the file piece by piece.
///
/// # Errors
/// Fails if the system cannot write or rename the file, or if `write` does.
pub fn write_atomically_with<E: From<io::Error>>(
    path: &Path,
    write: impl FnOnce(&mut File) -> Result<(), E>,
) -> Result<(), E> {
    let path = if path.is_symlink() { fs::canonicalize(path)? } else { path.to_owned() };
    let file = complete(&path, PUBLIC_FILE, write)?;
    file.persist(&path).map_err(|error| error.error)?;
    Ok(())
}

/// Like [`write_atomically`], for what only the owner may read.
///
/// # Errors
/// Fails if the system cannot write or rename the file.
pub fn write_privately(path: &Path, bytes: &[u8]) -> io::Result<()> {
    complete(path, PRIVATE_FILE, |file| file.write_all(bytes))?.persist(path)?;
    sync_folder(folder_of(path))
}

/// Like [`write_privately`], unless there is such a file already, which then stays as it is.
///
/// # Errors
/// Fails if the system cannot write or rename the file.
pub fn write_privately_once(path: &Path, bytes: &[u8]) -> io::Result<()> {
    match complete(path, PRIVATE_FILE, |file| file.write_all(bytes))?.persist_noclobber(path) {
        Err(error) if error.error.kind() != io::ErrorKind::AlreadyExists => Err(error.error),
        _ => sync_folder(folder_of(path)),
    }
}

/// A file beside `path` with everything that belongs in it.
fn complete<E: From<io::Error>>(
    path: &Path,
    #[cfg_attr(not(unix), expect(unused_variables))] mode: u32,
    write: impl FnOnce(&mut File) -> Result<(), E>,
) -> Result<NamedTempFile, E> {
    let folder = folder_of(path);
    // If there is no such folder, this says so better than the error of a temporary file.
    fs::metadata(folder)?;
    let mut builder = tempfile::Builder::new();
    builder.prefix(TEMPORARY_PREFIX);
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(mode));
    let mut file = builder.tempfile_in(folder)?;
    write(file.as_file_mut())?;
    // Some file systems report a full disk only now.
    file.as_file().sync_all()?;
    Ok(file)
}

/// Makes a folder that only its owner can look into, with those above it; one that is there becomes such a folder.
///
/// # Errors
/// Fails if the system cannot make the folder, or if it is somebody else's.
pub fn private_folder(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, PRIVATE_FOLDER);
    builder.create(path)?;
    make_private(path)
}

/// Opens a file for writing that only its owner can read; it is made if it is not there.
///
/// # Errors
/// Fails if the system cannot make or open the file.
pub fn private_file(path: &Path) -> io::Result<File> {
    let file = private_options().create(true).truncate(false).write(true).open(path)?;
    make_private(path)?;
    Ok(file)
}

/// Adds to the end of a file that only its owner can read; it is made if it is not there. What is added at once stays
/// together, whoever else adds something.
///
/// # Errors
/// Fails if the system cannot make or write the file.
pub fn append_privately(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = private_options().create(true).append(true).open(path)?;
    file.write_all(bytes)?;
    file.sync_data()
}

fn private_options() -> OpenOptions {
    #[cfg_attr(not(unix), expect(unused_mut))]
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, PRIVATE_FILE);
    options
}

/// Takes from everybody but its owner what rights they have on a file or folder.
///
/// # Errors
/// Fails if it is not there, or if it is somebody else's.
#[cfg(unix)]
pub fn make_private(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;

    let found = fs::metadata(path)?;
    let mode = found.permissions().mode();
    if mode & 0o077 == 0 {
        return Ok(());
    }
    let most = if found.is_dir() { PRIVATE_FOLDER } else { PRIVATE_FILE };
    fs::set_permissions(path, PermissionsExt::from_mode(mode & most))
}

/// Takes from everybody but their owner what rights they have on a folder's files, which an earlier version may have given
/// them.
///
/// # Errors
/// Fails if the folder cannot be read, or if a file is somebody else's.
pub fn make_files_private(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_file() {
            make_private(&path)?;
        }
    }
    Ok(())
}

/// Other systems keep the user's folders from others by themselves.
///
/// # Errors
/// Never fails.
#[cfg(not(unix))]
pub fn make_private(_: &Path) -> io::Result<()> {
    Ok(())
}

/// Has the names of a folder's files on disk when this returns.
///
/// # Errors
/// Fails if the system cannot open or write the folder.
pub fn sync_folder(folder: &Path) -> io::Result<()> {
    // Elsewhere folders cannot be opened.
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}

/// The folder that a file is in; the current one for a bare name.
#[must_use]
pub fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_whole_or_stays_as_it_was() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("file");
        write_atomically(&path, b"old").expect("written");
        let failed = write_atomically_with(&path, |file| {
            file.write_all(b"half")?;
            Err(io::Error::other("interrupted"))
        });
        assert_eq!(failed.expect_err("an error").to_string(), "interrupted");
        assert_eq!(fs::read(&path).expect("a file"), b"old");
        write_atomically(&path, b"new").expect("written");
        assert_eq!(fs::read(&path).expect("a file"), b"new");
        assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 1, "nothing is left behind");
    }

    #[test]
    fn of_two_files_written_once_the_first_stays() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("file");
        write_privately_once(&path, b"first").expect("written");
        write_privately_once(&path, b"second").expect("left alone");
        assert_eq!(fs::read(&path).expect("a file"), b"first");
        write_privately(&path, b"third").expect("written");
        append_privately(&path, b" and more").expect("written");
        assert_eq!(fs::read(&path).expect("a file"), b"third and more");
        assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 1, "nothing is left behind");
    }

    #[test]
    fn a_bare_name_is_in_the_current_folder() {
        assert_eq!(folder_of(Path::new("file")), Path::new("."));
        assert_eq!(folder_of(Path::new("a/file")), Path::new("a"));
    }

    #[cfg(unix)]
    #[test]
    fn a_link_stays_one() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (file, link) = (folder.path().join("file"), folder.path().join("link"));
        fs::write(&file, "old").expect("written");
        std::os::unix::fs::symlink(&file, &link).expect("linked");
        write_atomically(&link, b"new").expect("written");
        assert!(link.is_symlink());
        assert_eq!(fs::read(&file).expect("a file"), b"new");
    }

    #[cfg(unix)]
    #[test]
    fn what_is_private_is_nobody_elses_and_what_was_made_earlier_becomes_so() {
        use std::os::unix::fs::PermissionsExt;

        let mode = |path: &Path| fs::metadata(path).expect("it is there").permissions().mode() & 0o777;
        let folder = tempfile::tempdir().expect("a temporary folder");
        let deep = folder.path().join("a/b");
        private_folder(&deep).expect("made");
        assert_eq!((mode(&deep), mode(&folder.path().join("a"))), (0o700, 0o700));
        let [locked, whole, once, added] = ["locked", "whole", "once", "added"].map(|name| deep.join(name));
        private_file(&locked).expect("made");
        write_privately(&whole, b"x").expect("written");
        write_privately_once(&once, b"x").expect("written");
        append_privately(&added, b"x").expect("written");
        for file in [&locked, &whole, &once, &added] {
            assert_eq!(mode(file), 0o600, "{}", file.display());
        }
        fs::set_permissions(&deep, PermissionsExt::from_mode(0o755)).expect("opened");
        fs::set_permissions(&locked, PermissionsExt::from_mode(0o644)).expect("opened");
        private_folder(&deep).expect("mended");
        private_file(&locked).expect("mended");
        assert_eq!((mode(&deep), mode(&locked)), (0o700, 0o600));
    }
}
