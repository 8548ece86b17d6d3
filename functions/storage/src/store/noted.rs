//! Rows that need not be written or read again so soon.

use std::collections::HashSet;
use std::sync::Arc;

use parking_lot::Mutex;

/// How many rows a process remembers.
const REMEMBERED: usize = 10_000;

/// Rows that this process has written or read lately, by their partition and sort keys.
#[derive(Debug, Clone, Default)]
pub(super) struct Noted(Arc<Mutex<HashSet<(String, String)>>>);

impl Noted {
    pub(super) fn has(&self, row: &(String, String)) -> bool {
        self.0.lock().contains(row)
    }

    pub(super) fn add(&self, row: (String, String)) {
        let mut rows = self.0.lock();
        if rows.len() >= REMEMBERED {
            rows.clear();
        }
        rows.insert(row);
    }

    pub(super) fn clear(&self) {
        self.0.lock().clear();
    }
}
