//! How much is kept, and whether there is room for more.

use std::path::Path;
use std::sync::Arc;

use easel_system::disk;
use hyper::StatusCode;
use jiff::Timestamp;
use rusqlite::{Connection, OpenFlags};
use s3s::{S3Error, S3ErrorCode, S3Result};

use super::object::IndexedObject;
use super::store::ObjectStore;
use crate::{Error, Result};

/// How much S3 keeps before it takes no more.
#[derive(Debug, Clone, Default)]
pub struct Capacity {
    /// Most bytes of objects; none is as much as fits on the disk.
    pub limit: Option<u64>,
    /// Bytes that stay free on the disk, so that databases can still be written.
    pub reserve: u64,
    /// Key prefixes that the limit and the reserve hold for. Other objects are what becomes of those that were taken: they
    /// may have all of the limit, and all but an eighth of the reserve.
    pub limited_prefixes: Vec<String>,
}

/// What makes an eighth of the reserve.
const LAST_PART: u64 = 8;

/// There is no room for more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Full {
    /// The objects take as much as they may.
    #[error("the service keeps {used} MB of at most {limit} MB: delete tasks, or raise --storage-limit")]
    Limit {
        /// Megabytes of objects.
        used: u64,
        /// Most megabytes.
        limit: u64,
    },
    /// The disk is nearly full.
    #[error("the disk of the service has {free} MB left, and {reserve} MB stay free: make room on it, or delete tasks")]
    Disk {
        /// Megabytes left.
        free: u64,
        /// Megabytes to be left.
        reserve: u64,
    },
}

const MEGABYTE: u64 = 1_000_000;

/// What objects under a prefix take.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct PrefixUsage {
    /// The part of the keys up to the first slash.
    pub prefix: String,
    /// How many there are.
    pub objects: u64,
    /// Bytes of all together.
    pub bytes: u64,
    /// When the oldest was written.
    pub oldest: Timestamp,
}

/// What is kept, as the service itself sees it.
#[derive(Debug, Clone)]
pub struct Storage {
    store: Arc<ObjectStore>,
    capacity: Arc<Capacity>,
}

impl Storage {
    pub(super) fn new(store: Arc<ObjectStore>, capacity: Capacity) -> Self {
        Self { store, capacity: Arc::new(capacity) }
    }

    /// Whether there is room for so many bytes more of what people bring.
    ///
    /// # Errors
    /// Returns [`Full`] if there is not.
    pub fn room_for(&self, bytes: u64) -> Result<(), Full> {
        let used = self.store.used_bytes();
        if let Some(limit) = self.capacity.limit
            && used.saturating_add(bytes) > limit
        {
            return Err(Full::Limit { used: used / MEGABYTE, limit: limit / MEGABYTE });
        }
        self.disk_for(bytes, self.capacity.reserve)
    }

    /// Bytes of all objects.
    #[must_use]
    pub fn used_bytes(&self) -> u64 {
        self.store.used_bytes()
    }

    /// Most bytes of them, if that is limited.
    #[must_use]
    pub fn limit_bytes(&self) -> Option<u64> {
        self.capacity.limit
    }

    /// Bytes that are free on the disk, as far as the system says.
    #[must_use]
    pub fn free_bytes(&self) -> Option<u64> {
        disk::free_bytes(self.store.folder())
    }

    fn disk_for(&self, bytes: u64, reserve: u64) -> Result<(), Full> {
        match disk::free_bytes(self.store.folder()) {
            Some(free) if free.saturating_sub(bytes) < reserve => {
                Err(Full::Disk { free: free / MEGABYTE, reserve: reserve / MEGABYTE })
            }
            _ => Ok(()),
        }
    }

    /// Whether an object of this key and length may be written.
    pub(super) fn check(&self, key: &str, bytes: u64) -> S3Result<()> {
        let is_limited = self.capacity.limited_prefixes.iter().any(|prefix| key.starts_with(prefix));
        let room =
            if is_limited { self.room_for(bytes) } else { self.disk_for(bytes, self.capacity.reserve / LAST_PART) };
        room.map_err(|full| {
            let mut error = S3Error::with_message(S3ErrorCode::Custom("InsufficientStorage".into()), full.to_string());
            error.set_status_code(StatusCode::INSUFFICIENT_STORAGE);
            error
        })
    }

    /// The keys under a prefix that were last written before `time`.
    ///
    /// # Errors
    /// Fails if the index cannot be read.
    pub fn written_before(&self, prefix: &str, time: Timestamp) -> std::io::Result<Vec<String>> {
        let mut keys = Vec::new();
        let visited = self.store.visit(prefix, |IndexedObject { key, last_modified, .. }| {
            let within = key.starts_with(prefix);
            if within && last_modified < time {
                keys.push(key);
            }
            within
        });
        visited.map(|()| keys).map_err(|error| std::io::Error::other(error.to_string()))
    }
}

/// What is kept in the folder of an S3, which may be running, by prefix; nothing if there is none.
///
/// # Errors
/// Fails if its index cannot be read.
pub fn usage(folder: &Path) -> Result<Vec<PrefixUsage>> {
    let file = ObjectStore::index_file(folder);
    if !file.is_file() {
        return Ok(Vec::new());
    }
    let read = || -> rusqlite::Result<Vec<PrefixUsage>> {
        let connection = Connection::open_with_flags(&file, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        let sql = "SELECT substr(key, 1, instr(key || '/', '/')) AS prefix, count(*), sum(size), min(last_modified)
                   FROM objects GROUP BY prefix ORDER BY prefix";
        let mut statement = connection.prepare(sql)?;
        let rows = statement.query_map([], |row| {
            let oldest = Timestamp::from_second(row.get(3)?);
            Ok(PrefixUsage {
                prefix: row.get(0)?,
                objects: row.get(1)?,
                bytes: row.get(2)?,
                oldest: oldest.map_err(|error| rusqlite::Error::UserFunctionError(error.to_string().into()))?,
            })
        })?;
        rows.collect()
    };
    read().map_err(|error| Error::Database { file: file.clone(), reason: error.to_string() })
}
