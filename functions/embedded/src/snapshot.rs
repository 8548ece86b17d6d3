//! A copy of what the embedded services keep, as it all was at one moment, while they run in another process.
//!
//! For that moment every database is held against writing, the index of objects first: objects are there before rows name
//! them, so that those which rows name are in the copy. What is held is then read in peace.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use easel_system::files;
use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags};

use crate::s3::ObjectStore;
use crate::{Error, Result, dynamodb};

/// How long others may take for what they write at the moment.
const PATIENCE: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(10);

/// An object as the index names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredObject {
    /// Its key.
    pub key: String,
    /// The name of the file with its bytes.
    pub file: String,
    /// Bytes.
    pub size: u64,
}

/// What is copied.
#[derive(Debug, Clone)]
pub struct Sources {
    /// The folder of a DynamoDB.
    pub dynamodb: PathBuf,
    /// The folder of an S3.
    pub s3: PathBuf,
    /// Further SQLite databases of the same program.
    pub databases: Vec<PathBuf>,
}

/// Where it is copied to: other folders on the same file system, if objects are not to be copied byte by byte.
pub type Targets = Sources;

/// Copies everything as it is at one moment. Objects never change, so their files are linked where the file system can.
///
/// # Errors
/// Fails if something cannot be read, or not be held because it is being written all the time.
pub fn take(from: &Sources, to: &Targets) -> Result<()> {
    let (source, target) = (ObjectStore::files_of(&from.s3), ObjectStore::files_of(&to.s3));
    for folder in [&to.dynamodb, &to.s3, &target] {
        files::private_folder(folder).map_err(|source| Error::Folder { folder: folder.clone(), source })?;
    }
    // Most are linked before anybody has to wait.
    link(&objects(&from.s3)?, &source, &target, Missing::Skipped)?;

    let pairs: Vec<_> = databases(from).into_iter().zip(databases(to)).collect();
    let held = pairs.iter().map(|(from, _)| Held::new(from)).collect::<Result<Vec<_>>>()?;
    let readers = pairs.iter().map(|(from, _)| reader(from)).collect::<Result<Vec<_>>>()?;
    let objects = objects(&from.s3)?;
    link(&objects, &source, &target, Missing::Wrong)?;
    drop(held);

    for (reader, (_, to)) in readers.iter().zip(&pairs) {
        copy(reader, to)?;
    }
    let named: HashSet<_> = objects.iter().map(|object| object.file.as_str()).collect();
    let failed = |error| Error::Folder { folder: target.clone(), source: error };
    for entry in fs::read_dir(&target).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        if !entry.file_name().to_str().is_some_and(|name| named.contains(name)) {
            fs::remove_file(entry.path()).map_err(failed)?;
        }
    }
    Ok(())
}

/// The objects in the folder of an S3, by key; none if there is no index.
///
/// # Errors
/// Fails if the index cannot be read.
pub fn objects(s3: &Path) -> Result<Vec<StoredObject>> {
    let file = ObjectStore::index_file(s3);
    if !file.is_file() {
        return Ok(Vec::new());
    }
    let read = || -> rusqlite::Result<Vec<StoredObject>> {
        let connection = open(&file)?;
        let mut statement = connection.prepare("SELECT key, file, size FROM objects ORDER BY key")?;
        let rows = statement
            .query_map([], |row| Ok(StoredObject { key: row.get(0)?, file: row.get(1)?, size: row.get(2)? }))?;
        rows.collect()
    };
    read().map_err(|error| failed(&file, &error))
}

/// Where an object's bytes are in the folder of an S3.
#[must_use]
pub fn file_of(s3: &Path, object: &StoredObject) -> PathBuf {
    ObjectStore::files_of(s3).join(&object.file)
}

/// The databases in the order in which they are held.
fn databases(of: &Sources) -> Vec<PathBuf> {
    let own = [ObjectStore::index_file(&of.s3), of.dynamodb.join(dynamodb::FILE)];
    own.into_iter().chain(of.databases.iter().cloned()).collect()
}

/// A database that nobody else writes to for as long as this is there.
struct Held(Connection);

impl Held {
    fn new(file: &Path) -> Result<Self> {
        let connection = open(file).map_err(|error| failed(file, &error))?;
        connection.execute_batch("BEGIN IMMEDIATE").map_err(|error| failed(file, &error))?;
        Ok(Self(connection))
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        // Closing it would do the same.
        let _ = self.0.execute_batch("ROLLBACK");
    }
}

/// A connection that sees the database as it is at this moment, for good.
fn reader(file: &Path) -> Result<Connection> {
    let connection = open(file).map_err(|error| failed(file, &error))?;
    let began = connection.execute_batch("BEGIN; SELECT count(*) FROM sqlite_schema;");
    began.map_err(|error| failed(file, &error))?;
    Ok(connection)
}

fn copy(reader: &Connection, to: &Path) -> Result<()> {
    let in_folder = |source: io::Error| Error::Folder { folder: to.to_owned(), source };
    // SQLite gives the files beside it the same permissions.
    files::private_file(to).map_err(in_folder)?;
    let copied = || -> rusqlite::Result<()> {
        let mut target = Connection::open(to)?;
        {
            let backup = Backup::new(reader, &mut target)?;
            while backup.step(-1)? != StepResult::Done {
                thread::sleep(PAUSE);
            }
        }
        // In one file, with nothing beside it.
        target.pragma_update(None, "journal_mode", "DELETE")?;
        target.close().map_err(|(_, error)| error)
    };
    copied().map_err(|error| failed(to, &error))
}

/// What is to be done about a file that is not there.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Missing {
    /// It was removed a moment ago, with its object.
    Skipped,
    Wrong,
}

fn link(objects: &[StoredObject], source: &Path, target: &Path, missing: Missing) -> Result<()> {
    for StoredObject { file, .. } in objects {
        let (from, to) = (source.join(file), target.join(file));
        if to.exists() {
            continue;
        }
        match fs::hard_link(&from, &to) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound && missing == Missing::Skipped => {}
            Err(_) => match fs::copy(&from, &to) {
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound && missing == Missing::Skipped => {}
                Err(source) => return Err(Error::Folder { folder: from, source }),
            },
        }
    }
    Ok(())
}

fn open(file: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    connection.busy_timeout(PATIENCE)?;
    Ok(connection)
}

fn failed(file: &Path, error: &rusqlite::Error) -> Error {
    Error::Database { file: file.to_owned(), reason: error.to_string() }
}
