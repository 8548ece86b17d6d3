//! Files that stay open for the next tasks.

use std::sync::Arc;

use easel_model::{Error, Result};
use easel_models::offers::OfferedFile;
use parking_lot::Mutex;

/// What was made of files, by what tells it from others; what was used last comes first.
pub(super) struct Shelf<T> {
    kept: usize,
    opened: Mutex<Vec<(String, Arc<T>)>>,
}

impl<T> Shelf<T> {
    /// A shelf that keeps so many.
    pub(super) fn keeping(kept: usize) -> Self {
        Self { kept, opened: Mutex::default() }
    }

    /// What is on the shelf by `key`, or what `open` makes of the file.
    ///
    /// # Errors
    /// Returns [`Error::InvalidRequest`] of `field`, with the file's name, if it cannot be opened.
    pub(super) fn open(
        &self,
        key: &str,
        offered: &OfferedFile,
        field: &'static str,
        open: impl FnOnce() -> Result<T>,
    ) -> Result<Arc<T>> {
        let mut opened = self.opened.lock();
        let content = match opened.iter().position(|(known, _)| known == key) {
            Some(place) => opened.remove(place).1,
            None => Arc::new(open().map_err(|error| fault(offered, field, &error))?),
        };
        opened.insert(0, (key.to_owned(), content.clone()));
        opened.truncate(self.kept);
        Ok(content)
    }
}

/// What is wrong with a file, said of its name: who asks for it learns nothing of where the worker has it.
pub(super) fn fault(offered: &OfferedFile, field: &'static str, error: &Error) -> Error {
    let reason = match error {
        Error::InvalidRequest { message, .. } => message.clone(),
        other => other.to_string(),
    };
    let place = offered.path.display().to_string();
    Error::invalid(field, format!("`{}`: {}", offered.name, reason.replace(&place, "its file")))
}
