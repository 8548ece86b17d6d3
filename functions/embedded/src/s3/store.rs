//! The store of objects: an index in SQLite, and each object's bytes in a file of its own that is never changed.
//!
//! A write puts a new file beside the others and then lets the index name it, in one transaction. So an object is
//! seen whole or not at all, whenever the process dies, and a file that the index does not name is left from a write
//! that never happened.

use std::collections::HashSet;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use easel_system::files;
use jiff::Timestamp;
use parking_lot::{Mutex, MutexGuard};
use rusqlite::{Connection, OptionalExtension, Row, params};
use s3s::{S3Error, S3Result, s3_error};
use uuid::Uuid;

use super::conditions::Conditions;
use super::object::IndexedObject;
use crate::{Error, Result};

const SCHEMA: &str = "
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = FULL;
    CREATE TABLE IF NOT EXISTS objects (
        key TEXT NOT NULL PRIMARY KEY,
        file TEXT NOT NULL UNIQUE,
        size INTEGER NOT NULL,
        e_tag TEXT NOT NULL,
        last_modified INTEGER NOT NULL, -- seconds since 1970
        attributes TEXT NOT NULL -- JSON
    ) WITHOUT ROWID;";
const COLUMNS: &str = "key, file, size, e_tag, last_modified, attributes";

/// A file that is deleted again unless the index comes to name it.
#[derive(Debug)]
pub(super) struct NewFile {
    pub(super) name: String,
    pub(super) path: PathBuf,
    kept: bool,
}

impl Drop for NewFile {
    fn drop(&mut self) {
        if !self.kept {
            remove_file(&self.path);
        }
    }
}

/// The objects of a bucket.
#[derive(Debug)]
pub(crate) struct ObjectStore {
    files: PathBuf,
    index: Mutex<Index>,
}

#[derive(Debug)]
struct Index {
    connection: Connection,
    last_sequencer: u64,
    /// Bytes of all objects.
    used: u64,
}

impl ObjectStore {
    /// Opens the store in `folder`, or makes it, and clears away what interrupted writes have left.
    pub(super) fn open(folder: &Path) -> Result<Self> {
        let objects = Self::files_of(folder);
        let database = Self::index_file(folder);
        let in_folder = |source| Error::Folder { folder: folder.to_owned(), source };
        let in_database =
            |error: rusqlite::Error| Error::Database { file: database.clone(), reason: error.to_string() };

        files::private_folder(&objects).map_err(in_folder)?;
        // SQLite gives the files beside it the same permissions.
        files::private_file(&database).map_err(in_folder)?;
        let connection = Connection::open(&database).map_err(in_database)?;
        connection.execute_batch(SCHEMA).map_err(in_database)?;
        files::make_files_private(folder).map_err(in_folder)?;
        files::make_files_private(&objects).map_err(in_folder)?;
        let named = names(&connection).map_err(in_database)?;
        for entry in fs::read_dir(&objects).map_err(in_folder)? {
            let entry = entry.map_err(in_folder)?;
            if !entry.file_name().to_str().is_some_and(|name| named.contains(name)) {
                remove_file(&entry.path());
            }
        }
        let used = used_bytes(&connection).map_err(in_database)?;
        Ok(Self { files: objects, index: Mutex::new(Index { connection, last_sequencer: 0, used }) })
    }

    /// Where the index of a folder is.
    pub(crate) fn index_file(folder: &Path) -> PathBuf {
        folder.join("s3.sqlite")
    }

    /// Where the files of a folder's objects are.
    pub(crate) fn files_of(folder: &Path) -> PathBuf {
        folder.join("objects")
    }

    /// Where the objects' files are.
    pub(super) fn folder(&self) -> &Path {
        &self.files
    }

    /// The bytes of all objects.
    pub(super) fn used_bytes(&self) -> u64 {
        self.index().used
    }

    /// A name for a file to write, which [`ObjectStore::put`] takes.
    pub(super) fn new_file(&self) -> NewFile {
        let name = Uuid::new_v4().simple().to_string();
        NewFile { path: self.files.join(&name), name, kept: false }
    }

    /// The object of a key.
    pub(super) fn find(&self, key: &str) -> S3Result<Option<IndexedObject>> {
        find(&self.index().connection, key).map_err(S3Error::internal_error)
    }

    /// The object of a key and its bytes, which stay readable when the object is replaced meanwhile.
    pub(super) fn read(&self, key: &str) -> S3Result<Option<(IndexedObject, File)>> {
        let index = self.index();
        let Some(object) = find(&index.connection, key).map_err(S3Error::internal_error)? else { return Ok(None) };
        let file = File::open(self.files.join(&object.file)).map_err(S3Error::internal_error)?;
        Ok(Some((object, file)))
    }

    /// Makes `object`, with the bytes of `file`, the object of its key if the conditions hold. Returns a number that
    /// grows with each call.
    pub(super) fn put(&self, object: &IndexedObject, mut file: NewFile, conditions: &Conditions) -> S3Result<u64> {
        let mut index = self.index();
        let existing = find(&index.connection, &object.key).map_err(S3Error::internal_error)?;
        conditions.check(existing.as_ref())?;
        insert(&index.connection, object).map_err(S3Error::internal_error)?;
        file.kept = true;
        index.used += object.size;
        if let Some(replaced) = existing {
            index.used = index.used.saturating_sub(replaced.size);
            remove_file(&self.files.join(replaced.file));
        }
        let now = u64::try_from(Timestamp::now().as_nanosecond()).unwrap_or_default();
        index.last_sequencer = now.max(index.last_sequencer + 1);
        Ok(index.last_sequencer)
    }

    /// A new file with the bytes of an object, without copying them where the file system can do so.
    pub(super) fn copy_file(&self, key: &str) -> S3Result<Option<(IndexedObject, NewFile)>> {
        let index = self.index();
        let Some(object) = find(&index.connection, key).map_err(S3Error::internal_error)? else { return Ok(None) };
        let file = self.new_file();
        let source = self.files.join(&object.file);
        let copied = fs::hard_link(&source, &file.path).or_else(|_| {
            fs::copy(&source, &file.path)?;
            File::open(&file.path)?.sync_all()
        });
        let copied = copied.and_then(|()| files::sync_folder(&self.files));
        copied.map_err(S3Error::internal_error)?;
        Ok(Some((object, file)))
    }

    /// Deletes the object of a key, if there is one and the conditions hold.
    pub(super) fn delete(&self, key: &str, conditions: &Conditions) -> S3Result<()> {
        let mut index = self.index();
        let existing = find(&index.connection, key).map_err(S3Error::internal_error)?;
        conditions.check(existing.as_ref())?;
        if let Some(object) = existing {
            index.connection.execute("DELETE FROM objects WHERE key = ?1", [key]).map_err(S3Error::internal_error)?;
            index.used = index.used.saturating_sub(object.size);
            remove_file(&self.files.join(object.file));
        }
        Ok(())
    }

    /// Takes all tags from the object of a key, if there is one.
    pub(super) fn remove_tags(&self, key: &str) -> S3Result<()> {
        let index = self.index();
        let mut object = find(&index.connection, key).map_err(S3Error::internal_error)?;
        let object = object.as_mut().ok_or_else(|| s3_error!(NoSuchKey))?;
        object.attributes.tags.clear();
        insert(&index.connection, object).map_err(S3Error::internal_error)
    }

    /// Calls `visit` with each object from key `start` on, in the order of the keys' bytes, until it returns false.
    pub(super) fn visit(&self, start: &str, mut visit: impl FnMut(IndexedObject) -> bool) -> S3Result<()> {
        let index = self.index();
        let mut all = || -> rusqlite::Result<()> {
            let sql = format!("SELECT {COLUMNS} FROM objects WHERE key >= ?1 ORDER BY key");
            let mut statement = index.connection.prepare_cached(&sql)?;
            let mut rows = statement.query([start])?;
            while let Some(row) = rows.next()? {
                if !visit(object(row)?) {
                    break;
                }
            }
            Ok(())
        };
        all().map_err(S3Error::internal_error)
    }

    fn index(&self) -> MutexGuard<'_, Index> {
        // SQLite rolls back what a panic has left half-way.
        self.index.lock()
    }
}

fn find(connection: &Connection, key: &str) -> rusqlite::Result<Option<IndexedObject>> {
    let sql = format!("SELECT {COLUMNS} FROM objects WHERE key = ?1");
    connection.prepare_cached(&sql)?.query_row([key], object).optional()
}

fn insert(connection: &Connection, object: &IndexedObject) -> rusqlite::Result<()> {
    let IndexedObject { key, file, size, e_tag, last_modified, attributes } = object;
    let attributes = serde_json::to_string(attributes).map_err(|error| invalid(&error.to_string()))?;
    let sql = format!("INSERT OR REPLACE INTO objects ({COLUMNS}) VALUES (?1, ?2, ?3, ?4, ?5, ?6)");
    let values = params![key, file, size, e_tag, last_modified.as_second(), attributes];
    connection.prepare_cached(&sql)?.execute(values)?;
    Ok(())
}

fn object(row: &Row<'_>) -> rusqlite::Result<IndexedObject> {
    let last_modified = Timestamp::from_second(row.get(4)?).map_err(|error| invalid(&error.to_string()))?;
    let attributes = serde_json::from_str(row.get_ref(5)?.as_str()?).map_err(|error| invalid(&error.to_string()))?;
    Ok(IndexedObject {
        key: row.get(0)?,
        file: row.get(1)?,
        size: row.get(2)?,
        e_tag: row.get(3)?,
        last_modified,
        attributes,
    })
}

fn invalid(reason: &str) -> rusqlite::Error {
    rusqlite::Error::UserFunctionError(reason.into())
}

fn names(connection: &Connection) -> rusqlite::Result<HashSet<String>> {
    connection.prepare("SELECT file FROM objects")?.query_map([], |row| row.get(0))?.collect()
}

fn used_bytes(connection: &Connection) -> rusqlite::Result<u64> {
    connection.query_row("SELECT coalesce(sum(size), 0) FROM objects", [], |row| row.get(0))
}

fn remove_file(path: &Path) {
    // What stays behind is cleared away at the next start.
    if let Err(error) = fs::remove_file(path)
        && error.kind() != std::io::ErrorKind::NotFound
    {
        tracing::warn!(%error, file = %path.display(), "could not delete a file");
    }
}
