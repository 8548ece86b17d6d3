//! The folder that keeps everything of the service on one machine.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::Write;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::command_error::CommandError;

const SECRETS: &str = "secrets.json";
const LOCK: &str = "lock";

/// The folder, made if it was not there.
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
    /// The folder at `path`, or the user's own.
    ///
    /// # Errors
    /// It cannot be made.
    pub(crate) fn open(path: Option<&Path>) -> Result<Self, CommandError> {
        let own = || dirs::data_local_dir().map(|folder| folder.join("easel"));
        let nowhere = || CommandError::wrong_use("--data: there is no data folder of yours; name one");
        let path = path.filter(|path| !path.as_os_str().is_empty()).map(Path::to_owned).or_else(own);
        let path = path.ok_or_else(nowhere)?;
        fs::create_dir_all(&path).map_err(|error| failed(&path, &error))?;
        Ok(Self { path })
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
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(&path);
        let file = file.map_err(|error| failed(&path, &error))?;
        match file.try_lock() {
            Ok(()) => Ok(file),
            Err(TryLockError::WouldBlock) => {
                let message = "another `easel serve` uses it: stop that one or name another folder";
                Err(CommandError::failed(format!("--data: {}: {message}", self.path.display())))
            }
            Err(TryLockError::Error(error)) => Err(failed(&path, &error)),
        }
    }

    /// The secrets, drawn when the folder is new.
    ///
    /// # Errors
    /// They cannot be read or written.
    pub(crate) fn secrets(&self) -> Result<Secrets, CommandError> {
        let path = self.place(SECRETS);
        if !path.exists() {
            let secrets = Secrets {
                token_secret: random_text(),
                access_key_id: "EASEL".to_owned(),
                secret_access_key: random_text(),
            };
            let text =
                serde_json::to_string_pretty(&secrets).map_err(|error| CommandError::failed(error.to_string()))?;
            // Whole or not at all, and nobody else may read it; of two at once, the first one's stay.
            let mut file = tempfile::NamedTempFile::new_in(&self.path).map_err(|error| failed(&path, &error))?;
            file.write_all(text.as_bytes()).map_err(|error| failed(&path, &error))?;
            match file.persist_noclobber(&path) {
                Err(error) if error.error.kind() != std::io::ErrorKind::AlreadyExists => {
                    return Err(failed(&path, &error.error));
                }
                _ => {}
            }
        }
        let text = fs::read_to_string(&path).map_err(|error| failed(&path, &error))?;
        let damaged = |error| format!("--data: {} is damaged ({error}): remove it for new secrets", path.display());
        serde_json::from_str(&text).map_err(|error| CommandError::failed(damaged(error)))
    }
}

fn failed(path: &Path, error: &std::io::Error) -> CommandError {
    CommandError::failed(format!("--data: {}: {error}", path.display()))
}

/// 256 random bits in hexadecimal.
fn random_text() -> String {
    let bytes: [u8; 32] = rand::random();
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_stay_the_same_and_one_service_holds_the_folder() {
        let folder = tempfile::tempdir().expect("a folder");
        let data = DataFolder::open(Some(&folder.path().join("deep/data"))).expect("made");
        let secrets = data.secrets().expect("drawn");
        assert_eq!(secrets.token_secret.len(), 64);
        assert_ne!(secrets.token_secret, secrets.secret_access_key);
        assert_eq!(data.secrets().expect("read").token_secret, secrets.token_secret);
        let lock = data.lock().expect("free");
        assert!(data.lock().is_err());
        drop(lock);
        assert!(data.lock().is_ok());
    }
}
