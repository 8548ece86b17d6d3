//! The folder that keeps everything of the service on one machine. Nobody but its owner can look into it.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use easel_embedded::s3::{self, PrefixUsage};
use easel_system::files;
use serde::{Deserialize, Serialize};

use crate::command_error::CommandError;

const SECRETS: &str = "secrets.json";
const LOCK: &str = "lock";
/// Where the service was when it was last started.
const ADDRESS: &str = "address";
/// What the embedded S3 keeps.
pub(super) const OBJECTS: &str = "s3";

/// The folder of a service.
#[derive(Debug)]
pub(crate) struct DataFolder {
    path: PathBuf,
}

/// What must not leave the machine.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Secrets {
    /// Signs tokens.
    pub(crate) token_secret: String,
    /// The embedded S3's and DynamoDB's.
    pub(crate) access_key_id: String,
    /// The embedded S3's and DynamoDB's.
    pub(crate) secret_access_key: String,
}

impl DataFolder {
    /// The folder at `path`, or the user's own, made with new secrets if it is not there.
    ///
    /// # Errors
    /// It cannot be made, or is somebody else's.
    pub(crate) fn create(path: Option<&Path>) -> Result<Self, CommandError> {
        let folder = Self { path: named(path)? };
        files::private_folder(&folder.path).map_err(|error| failed(&folder.path, &error))?;
        files::make_files_private(&folder.path).map_err(|error| failed(&folder.path, &error))?;
        folder.make_secrets()?;
        Ok(folder)
    }

    /// The folder of a service that was started before: a name that was mistyped makes no new one.
    ///
    /// # Errors
    /// No service keeps anything there.
    pub(crate) fn existing(path: Option<&Path>) -> Result<Self, CommandError> {
        let folder = Self { path: named(path)? };
        if folder.place(SECRETS).is_file() {
            return Ok(folder);
        }
        let shown = folder.path.display();
        let message =
            format!("--data: {shown} is no service's: name the folder that `easel serve` runs on, or run it first");
        Err(CommandError::wrong_use(message))
    }

    /// The folder of a service, if there is one.
    pub(crate) fn find(path: Option<&Path>) -> Option<Self> {
        Self::existing(path).ok()
    }

    /// What the embedded S3 keeps, by prefix.
    ///
    /// # Errors
    /// Its index cannot be read.
    pub(crate) fn usage(&self) -> Result<Vec<PrefixUsage>, CommandError> {
        Ok(s3::usage(&self.place(OBJECTS))?)
    }

    /// The folder.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// A place in the folder.
    pub(crate) fn place(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Keeps other services from the folder for as long as the file is open.
    ///
    /// # Errors
    /// Another service has it.
    pub(crate) fn lock(&self) -> Result<File, CommandError> {
        let path = self.place(LOCK);
        let file = files::private_file(&path).map_err(|error| failed(&path, &error))?;
        match file.try_lock() {
            Ok(()) => Ok(file),
            Err(TryLockError::WouldBlock) => {
                let message = "another `easel serve` uses it: stop that one or name another folder";
                Err(CommandError::failed(format!("--data: {}: {message}", self.path.display())))
            }
            Err(TryLockError::Error(error)) => Err(failed(&path, &error)),
        }
    }

    /// Writes down where the service is, for links to it.
    ///
    /// # Errors
    /// It cannot be written.
    pub(crate) fn note_address(&self, address: &str) -> Result<(), CommandError> {
        let path = self.place(ADDRESS);
        files::write_privately(&path, address.as_bytes()).map_err(|error| failed(&path, &error))
    }

    /// Where the service is, or was when it last ran.
    pub(crate) fn address(&self) -> Option<String> {
        fs::read_to_string(self.place(ADDRESS)).ok().filter(|address| !address.is_empty())
    }

    /// The secrets.
    ///
    /// # Errors
    /// They cannot be read.
    pub(crate) fn secrets(&self) -> Result<Secrets, CommandError> {
        let path = self.place(SECRETS);
        let text = fs::read_to_string(&path).map_err(|error| failed(&path, &error))?;
        let damaged = |error| format!("--data: {} is damaged ({error}): remove it for new secrets", path.display());
        serde_json::from_str(&text).map_err(|error| CommandError::failed(damaged(error)))
    }

    /// Draws the secrets of a new folder; of two at once, the first one's stay.
    fn make_secrets(&self) -> Result<(), CommandError> {
        let path = self.place(SECRETS);
        if path.exists() {
            return Ok(());
        }
        let secrets = Secrets {
            token_secret: random_text(),
            access_key_id: "EASEL".to_owned(),
            secret_access_key: random_text(),
        };
        let text = serde_json::to_string_pretty(&secrets).map_err(|error| CommandError::failed(error.to_string()))?;
        files::write_privately_once(&path, text.as_bytes()).map_err(|error| failed(&path, &error))
    }
}

fn named(path: Option<&Path>) -> Result<PathBuf, CommandError> {
    let own = || dirs::data_local_dir().map(|folder| folder.join("easel"));
    let nowhere = || CommandError::wrong_use("--data: there is no data folder of yours; name one");
    path.filter(|path| !path.as_os_str().is_empty()).map(Path::to_owned).or_else(own).ok_or_else(nowhere)
}

fn failed(path: &Path, error: &std::io::Error) -> CommandError {
    CommandError::failed(format!("--data: {}: {error}", path.display()))
}

/// 256 random bits in hexadecimal.
fn random_text() -> String {
    hex::encode(rand::random::<[u8; 32]>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_stay_the_same_and_one_service_holds_the_folder() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("deep/data");
        let data = DataFolder::create(Some(&path)).expect("made");
        let secrets = data.secrets().expect("drawn");
        assert_eq!(secrets.token_secret.len(), 64);
        assert_ne!(secrets.token_secret, secrets.secret_access_key);
        let again = DataFolder::create(Some(&path)).expect("there");
        assert_eq!(again.secrets().expect("read").token_secret, secrets.token_secret);
        let lock = data.lock().expect("free");
        assert!(data.lock().is_err());
        drop(lock);
        assert!(data.lock().is_ok());
    }

    #[test]
    fn a_mistyped_folder_stays_unmade() {
        let folder = tempfile::tempdir().expect("a folder");
        let typo = folder.path().join("tpyo");
        let error = DataFolder::existing(Some(&typo)).expect_err("nothing there");
        let error = error.to_string();
        assert!(error.contains("tpyo") && error.contains("easel serve"), "{error}");
        assert!(!typo.exists());
        DataFolder::create(Some(&typo)).expect("made");
        DataFolder::existing(Some(&typo)).expect("there");
    }
}
