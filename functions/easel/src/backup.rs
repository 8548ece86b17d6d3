//! `easel backup` and `easel restore`: a copy of everything that the service of this machine keeps, also while it runs.

mod archive;
mod contents;
mod manifest;
mod restoring;
mod staging;

use std::path::{Path, PathBuf};

use clap::Args;
use easel_system::environment;

use crate::command_error::CommandError;
use crate::output;
use crate::serve::DataFolder;
use archive::Archive;
use manifest::Manifest;

/// Copies, or checks a copy.
#[derive(Debug, Args)]
pub(crate) struct BackupArguments {
    /// A new folder, or a new file that ends in .tar
    #[arg(value_name = "DIR|FILE.tar")]
    target: PathBuf,
    /// The service's data folder [default: `easel` in the user's data folder]
    #[arg(long, value_name = "DIR", env = environment::DATA, hide_env_values = true)]
    data: Option<PathBuf>,
    /// Put in what tokens are signed with: they stay good where the backup is restored, and whoever has it can sign others
    #[arg(long)]
    with_secrets: bool,
    /// Check a backup that was made before: that every file is as it was, and every image that a task names is there
    #[arg(long, conflicts_with_all = ["with_secrets", "data"])]
    verify: bool,
}

#[derive(Debug, Args)]
pub(crate) struct RestoreArguments {
    /// The backup: a folder, or a file that ends in .tar
    #[arg(value_name = "DIR|FILE.tar")]
    from: PathBuf,
    /// The data folder to make of it, which has to be new or empty
    #[arg(long, value_name = "DIR", env = environment::DATA, hide_env_values = true, required = true)]
    data: PathBuf,
}

/// Makes a backup, or checks one.
///
/// # Errors
/// Something cannot be read or written, or the backup is not as it was made.
pub(crate) fn run(arguments: &BackupArguments) -> Result<(), CommandError> {
    let target = &arguments.target;
    if arguments.verify {
        let (manifest, missing) = verify(target)?;
        let missing_before =
            if missing.is_empty() { String::new() } else { format!(", {} of which are missing", missing.len()) };
        return output::result(&format!("{} is whole: {}{missing_before}", target.display(), manifest.counts()));
    }
    let archive = Archive::new(target)?;
    let folder = DataFolder::existing(arguments.data.as_deref())?;
    let staged = staging::Staged::take(&folder, arguments.with_secrets)?;
    let contents = contents::look(staged.path())?;
    for key in &contents.missing {
        output::note(&format!("{key} is missing in the service itself"));
    }
    let manifest = Manifest::of(staged.path(), &contents, arguments.with_secrets)?;
    archive.write(staged.path(), &manifest)?;
    if !arguments.with_secrets {
        output::note("The secrets are not in it: where it is restored, tokens have to be made anew (--with-secrets)");
    }
    output::result(&format!("{}: {}", target.display(), manifest.counts()))
}

/// Restores a backup.
///
/// # Errors
/// It is not whole, or there is something in the folder.
pub(crate) fn restore(arguments: &RestoreArguments) -> Result<(), CommandError> {
    let manifest = restoring::restore(&arguments.from, &arguments.data)?;
    if !manifest.secrets {
        output::note("The secrets are not in the backup: `easel serve` makes new ones, and `easel token` new tokens");
    }
    output::result(&format!("{}: {}", arguments.data.display(), manifest.counts()))
}

/// Whether a backup is whole; what its tasks name and the service did not have when it was made.
fn verify(backup: &Path) -> Result<(Manifest, Vec<String>), CommandError> {
    let folder = tempfile::tempdir().map_err(|error| CommandError::failed(format!("a temporary folder: {error}")))?;
    // Files of objects are as they were, so that it is enough to look into the databases.
    let manifest = Archive::read(backup, folder.path(), &|path| !staging::is_object(path))?;
    let missing = restoring::check(folder.path(), &manifest)?;
    Ok((manifest, missing))
}
