//! The files of `pages/`, which are part of the program.

macro_rules! files {
    ($($name:literal),* $(,)?) => {
        &[$(File { name: $name, bytes: include_bytes!(concat!("../pages/", $name)) }),*]
    };
}

/// A file of the page.
pub(crate) struct File {
    pub(crate) name: &'static str,
    pub(crate) bytes: &'static [u8],
}

/// What is served at `/`; everything else is what it leads to.
pub(crate) const INDEX: &str = "index.html";
/// The module that all the others are imported by.
pub(crate) const ENTRY: &str = "desk.js";

/// Every file of the folder.
pub(crate) const FILES: &[File] = files![
    "api.js",
    "ask.js",
    "decisions.js",
    "desk.css",
    "desk.js",
    "element.js",
    "icon.svg",
    "index.html",
    "init_image.js",
    "json.js",
    "keys.js",
    "library.js",
    "machine.js",
    "make.js",
    "notices.js",
    "open_id.js",
    "outbox.js",
    "picture_settings.js",
    "picture_viewer.js",
    "progress.js",
    "random.js",
    "refused_decisions.js",
    "rejection.js",
    "review.js",
    "rows_in_sight.js",
    "session.js",
    "settings_form.js",
    "sign_in.js",
    "task_card.js",
    "task_details.js",
    "task_history.js",
    "task_moves.js",
    "task_page.js",
    "task_panel.js",
    "time_ago.js",
    "watch.js",
    "words.js"
];

impl File {
    /// Whether it is a module.
    pub(crate) fn is_module(&self) -> bool {
        self.media_type().starts_with("text/javascript")
    }

    /// What browsers are told that it is.
    pub(crate) fn media_type(&self) -> &'static str {
        match self.name.rsplit_once('.') {
            Some((_, "css")) => "text/css; charset=utf-8",
            Some((_, "html")) => "text/html; charset=utf-8",
            Some((_, "js")) => "text/javascript; charset=utf-8",
            Some((_, "svg")) => "image/svg+xml",
            _ => "application/octet-stream",
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn the_list_is_what_the_folder_holds() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("pages");
        let entries = folder.read_dir().expect("a folder");
        let mut held: Vec<_> = entries.map(|entry| entry.expect("a file").file_name()).collect();
        held.sort_unstable();
        let listed: Vec<_> = FILES.iter().map(|file| file.name).collect();
        assert_eq!(listed, held, "the list in files.rs, in order, is the folder's content");
    }

    #[test]
    fn browsers_are_told_what_each_file_is() {
        for file in FILES {
            assert_ne!(file.media_type(), "application/octet-stream", "{}", file.name);
        }
    }
}
