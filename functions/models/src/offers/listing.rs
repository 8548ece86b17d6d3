//! Names for the files of a place.
//!
//! A file's name is its stem, whichever subfolder it is in. Where several files have the same, each is called by its path
//! without the extension, such as `portraits/ink`, which names any other file, too. Of kinds that are saved as folders, a
//! folder with a `config.json` is called by its own name, and no file in it has one.

use std::collections::BTreeMap;
use std::path::Path;

use easel_settings::MAX_OFFERED_NAME;

use super::{OfferError, OfferKind};

/// What makes a folder one thing that can be asked for.
const CONFIG: &str = "config.json";

/// The files of a place by their names.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Listing {
    /// The path in the place by the path without the extension. Several have the same if only their extensions differ. The
    /// path of a folder ends in `/`.
    files: BTreeMap<String, Vec<String>>,
    /// The files of each folder that can be asked for, by its path.
    folders: BTreeMap<String, Vec<String>>,
}

impl Listing {
    /// The files of this kind among those with these paths. What nobody can ask for has no name: hidden files, and names
    /// that are too long or hold control characters.
    pub(super) fn new<'p>(kind: OfferKind, paths: impl Iterator<Item = &'p str>) -> Self {
        let paths: Vec<&str> = paths.filter(|path| !path.split('/').any(|part| part.starts_with('.'))).collect();
        let folders = paths.iter().filter(|_| kind.has_folders()).filter_map(|path| path.strip_suffix(CONFIG));
        let mut folders: BTreeMap<String, Vec<String>> =
            folders.filter(|folder| folder.len() > 1).map(|folder| (folder.to_owned(), Vec::new())).collect();
        let mut alone = Vec::new();
        for path in paths {
            let folder = path.rsplit_once('/').and_then(|(folder, _)| folders.get_mut(&format!("{folder}/")));
            match folder {
                Some(files) => files.push(path.to_owned()),
                None => alone.push(path.to_owned()),
            }
        }
        alone.extend(folders.keys().cloned());
        let mut files: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for path in alone {
            let place = match path.strip_suffix('/') {
                Some(folder) => folder,
                None => {
                    let Some((place, extension)) = path.rsplit_once('.') else { continue };
                    if !kind.extensions().iter().any(|known| extension.eq_ignore_ascii_case(known)) {
                        continue;
                    }
                    place
                }
            };
            if place.chars().count() > MAX_OFFERED_NAME || place.contains(char::is_control) || place.trim() != place {
                tracing::warn!(
                    path,
                    "nobody can ask for this file: give it a name of at most {MAX_OFFERED_NAME} letters"
                );
                continue;
            }
            files.entry(place.to_owned()).or_default().push(path.clone());
        }
        Self { files, folders }
    }

    /// The files of the folder with this path that are of use: descriptions and weights.
    pub(super) fn files_of(&self, kind: OfferKind, folder: &str) -> Vec<&str> {
        let is_used = |path: &&str| {
            let extension = path.rsplit_once('.').map_or("", |(_, extension)| extension);
            extension == "json" || kind.extensions().contains(&extension)
        };
        self.folders.get(folder).into_iter().flatten().map(String::as_str).filter(is_used).collect()
    }

    /// A name for each file, and the file's path.
    pub(super) fn names(&self) -> Vec<(String, &str)> {
        let mut by_stem: BTreeMap<&str, usize> = BTreeMap::new();
        for place in self.files.keys() {
            *by_stem.entry(stem(place)).or_default() += 1;
        }
        let name = |place: &str| if by_stem.get(stem(place)) == Some(&1) { stem(place) } else { place }.to_owned();
        let unique = self.files.iter().filter_map(|(place, paths)| match paths.as_slice() {
            [path] => Some((name(place), path.as_str())),
            _ => None,
        });
        let mut names: Vec<_> = unique.collect();
        names.sort_unstable();
        names
    }

    /// The path of the file with this name.
    ///
    /// # Errors
    /// No file has it, or several have.
    pub(super) fn find(&self, kind: OfferKind, name: &str) -> Result<&str, OfferError> {
        let named: Vec<&str> = match self.files.get(name) {
            Some(paths) => paths.iter().map(String::as_str).collect(),
            None => {
                let by_stem = self.files.iter().filter(|(place, _)| stem(place) == name);
                by_stem.flat_map(|(_, paths)| paths).map(String::as_str).collect()
            }
        };
        let name = name.to_owned();
        match named.as_slice() {
            [path] => Ok(path),
            [] => {
                let names = self.names().into_iter().map(|(name, _)| name).collect();
                Err(OfferError::Unknown { kind, name, names })
            }
            several => Err(OfferError::Ambiguous {
                kind,
                name,
                names: several.iter().map(|path| (*path).to_owned()).collect(),
            }),
        }
    }
}

/// The last part of a path.
fn stem(place: &str) -> &str {
    Path::new(place).file_name().and_then(|name| name.to_str()).unwrap_or(place)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listing(paths: &[&str]) -> Listing {
        Listing::new(OfferKind::Lora, paths.iter().copied())
    }

    #[test]
    fn files_are_called_by_their_stems_and_paths() {
        let listing = listing(&["ink.safetensors", "people/ada.v1.SAFETENSORS", "readme.md", ".hidden/x.safetensors"]);
        let names: Vec<_> = listing.names().into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["ada.v1", "ink"]);
        assert_eq!(listing.find(OfferKind::Lora, "ada.v1"), Ok("people/ada.v1.SAFETENSORS"));
        assert_eq!(listing.find(OfferKind::Lora, "people/ada.v1"), Ok("people/ada.v1.SAFETENSORS"));
        let unknown = listing.find(OfferKind::Lora, "ada").expect_err("unknown").to_string();
        assert_eq!(unknown, "there is no LoRA `ada`: there are ada.v1, ink");
        let none = Listing::default().find(OfferKind::Embedding, "x").expect_err("unknown").to_string();
        assert_eq!(none, "there is no embedding `x`: no embeddings are offered");
    }

    #[test]
    fn a_name_of_several_files_is_refused_where_it_is_used() {
        let listing = listing(&["a/ink.safetensors", "b/ink.safetensors", "c/pen.safetensors"]);
        let names: Vec<_> = listing.names().into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["a/ink", "b/ink", "pen"]);
        assert_eq!(listing.find(OfferKind::Lora, "b/ink"), Ok("b/ink.safetensors"));
        let error = listing.find(OfferKind::Lora, "ink").expect_err("ambiguous").to_string();
        assert!(error.contains("a/ink.safetensors, b/ink.safetensors"), "{error}");
        let same = Listing::new(OfferKind::Embedding, ["x.pt", "x.safetensors"].into_iter());
        assert!(matches!(same.find(OfferKind::Embedding, "x"), Err(OfferError::Ambiguous { .. })));
    }

    #[test]
    fn a_folder_with_a_description_is_one_thing() {
        let paths = [
            "canny.v1/config.json",
            "canny.v1/diffusion_pytorch_model.safetensors",
            "canny.v1/readme.md",
            "people/pose.safetensors",
            "config.json",
        ];
        let listing = Listing::new(OfferKind::Control, paths.into_iter());
        let names: Vec<_> = listing.names().into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["canny.v1", "pose"]);
        assert_eq!(listing.find(OfferKind::Control, "canny.v1"), Ok("canny.v1/"));
        let files = listing.files_of(OfferKind::Control, "canny.v1/");
        assert_eq!(files, ["canny.v1/config.json", "canny.v1/diffusion_pytorch_model.safetensors"]);
        let loras = Listing::new(OfferKind::Lora, paths.into_iter());
        assert_eq!(loras.names().len(), 2, "LoRAs are files");
    }

    #[test]
    fn what_nobody_can_ask_for_has_no_name() {
        let long = format!("{}.safetensors", "x".repeat(101));
        assert_eq!(listing(&[&long, "a\u{7}.safetensors", "safetensors", " .safetensors"]), Listing::default());
    }

    #[test]
    fn of_thousands_of_names_a_message_lists_some() {
        let paths: Vec<_> = (0..5_000).map(|number| format!("{number:04}.safetensors")).collect();
        let listing = Listing::new(OfferKind::Lora, paths.iter().map(String::as_str));
        let error = listing.find(OfferKind::Lora, "x").expect_err("unknown").to_string();
        assert!(error.ends_with("0019 and 4980 more") && error.len() < 300, "{error}");
    }
}
