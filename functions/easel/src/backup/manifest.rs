//! The list of a backup's files, by which it is checked.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Component, Path};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::contents::Contents;
use crate::command_error::CommandError;

/// Its name in a backup.
pub(super) const NAME: &str = "manifest.json";
const FORMAT: u32 = 1;
const PIECE: usize = 1 << 20;

/// What is in a backup.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Manifest {
    /// How the rest is to be read.
    format: u32,
    /// Which Easel made it.
    easel: String,
    created_at: Timestamp,
    pub(super) tasks: u64,
    pub(super) objects: u64,
    /// Whether what tokens are signed with is in it.
    pub(super) secrets: bool,
    /// What tasks named and the service did not have.
    pub(super) missing: Vec<String>,
    pub(super) files: Vec<ListedFile>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct ListedFile {
    /// Within the backup, with slashes.
    pub(super) path: String,
    pub(super) bytes: u64,
    /// In hexadecimal.
    pub(super) sha256: String,
}

impl Manifest {
    /// The list of a folder's files.
    ///
    /// # Errors
    /// One cannot be read.
    pub(super) fn of(folder: &Path, contents: &Contents, secrets: bool) -> Result<Self, CommandError> {
        let mut files = Vec::new();
        list(folder, "", &mut files).map_err(|error| CommandError::failed(format!("backup: {error}")))?;
        files.sort_by(|one, other| one.path.cmp(&other.path));
        Ok(Self {
            format: FORMAT,
            easel: env!("CARGO_PKG_VERSION").to_owned(),
            created_at: Timestamp::now(),
            tasks: contents.tasks,
            objects: u64::try_from(contents.objects.len()).unwrap_or_default(),
            secrets,
            missing: contents.missing.clone(),
            files,
        })
    }

    /// Reads a manifest, whose paths lead nowhere but into the backup.
    ///
    /// # Errors
    /// It is none, or of another format.
    pub(super) fn read(text: &[u8]) -> Result<Self, String> {
        let manifest: Self = serde_json::from_slice(text).map_err(|error| format!("{NAME} is damaged: {error}"))?;
        if manifest.format != FORMAT {
            return Err(format!(
                "{NAME} has the format {}, and this Easel reads {FORMAT}: use the one that made it",
                manifest.format
            ));
        }
        let wrong = manifest.files.iter().find(|file| !is_within(&file.path));
        wrong.map_or(Ok(()), |file| Err(format!("{NAME} names {}, which is not within the backup", file.path)))?;
        Ok(manifest)
    }

    /// How much there is, for people.
    pub(super) fn counts(&self) -> String {
        let bytes: u64 = self.files.iter().map(|file| file.bytes).sum();
        let megabytes = bytes.div_ceil(1_000_000);
        format!("{} tasks, {} objects, {} files, {megabytes} MB", self.tasks, self.objects, self.files.len())
    }
}

fn is_within(path: &str) -> bool {
    let path = Path::new(path);
    path.components().count() > 0 && path.components().all(|part| matches!(part, Component::Normal(_)))
}

fn list(folder: &Path, prefix: &str, files: &mut Vec<ListedFile>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().into_string().map_err(|_| io::Error::other("a name is not UTF-8"))?;
        let path = format!("{prefix}{name}");
        if entry.file_type()?.is_dir() {
            list(&entry.path(), &format!("{path}/"), files)?;
        } else if !path.ends_with(".lock") {
            let (bytes, sha256) = hash(&mut File::open(entry.path())?, &mut io::sink())?;
            files.push(ListedFile { path, bytes, sha256 });
        }
    }
    Ok(())
}

/// Copies everything, and says how much it is and what its SHA-256 is.
pub(super) fn hash(from: &mut impl Read, to: &mut impl io::Write) -> io::Result<(u64, String)> {
    let (mut digest, mut bytes, mut piece) = (Sha256::new(), 0, vec![0; PIECE]);
    loop {
        let read = from.read(&mut piece)?;
        if read == 0 {
            return Ok((bytes, hex::encode(digest.finalize())));
        }
        digest.update(&piece[..read]);
        to.write_all(&piece[..read])?;
        bytes += read as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_leads_nowhere_but_into_the_backup() {
        let text = |path: &str, format: u32| {
            serde_json::json!({
                "format": format, "easel": "0.1.0", "created_at": "2026-01-01T00:00:00Z", "tasks": 0, "objects": 0,
                "secrets": false, "missing": [], "files": [{"path": path, "bytes": 0, "sha256": ""}],
            })
            .to_string()
        };
        assert!(Manifest::read(text("s3/objects/a", 1).as_bytes()).is_ok());
        for path in ["../a", "/etc/passwd", "s3/../../a", "", "."] {
            assert!(Manifest::read(text(path, 1).as_bytes()).is_err(), "{path}");
        }
        assert!(Manifest::read(text("a", 2).as_bytes()).is_err_and(|error| error.contains("format")));
        assert!(Manifest::read(b"{").is_err());
    }
}
