//! The demo model, which is embedded in the program, unpacked into files that a model can be opened from.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use easel_system::files::folder_of;
use easel_system::temporary::TemporaryFolder;

use crate::error::{Error, Result};

/// The number of denoising steps that the demo model was trained for.
pub const STEPS: u32 = 20;

/// Paths and contents of the named files of `model/demo`.
macro_rules! demo_files {
    ($($path:literal),+ $(,)?) => {
        [$(($path, include_bytes!(concat!("../../../model/demo/", $path)).as_slice())),+]
    };
}

static FILES: [(&str, &[u8]); 22] = demo_files![
    "base/model_index.json",
    "base/scheduler/scheduler_config.json",
    "base/text_encoder/config.json",
    "base/text_encoder/model.safetensors",
    "base/text_encoder_2/config.json",
    "base/text_encoder_2/model.safetensors",
    "base/tokenizer/merges.txt",
    "base/tokenizer/special_tokens_map.json",
    "base/tokenizer/tokenizer_config.json",
    "base/tokenizer/vocab.json",
    "base/tokenizer_2/merges.txt",
    "base/tokenizer_2/special_tokens_map.json",
    "base/tokenizer_2/tokenizer_config.json",
    "base/tokenizer_2/vocab.json",
    "base/unet/config.json",
    "base/unet/diffusion_pytorch_model.safetensors",
    "base/vae/config.json",
    "base/vae/diffusion_pytorch_model.safetensors",
    "refiner/model_index.json",
    "refiner/scheduler/scheduler_config.json",
    "refiner/unet/config.json",
    "refiner/unet/diffusion_pytorch_model.safetensors",
];

/// The demo model's folders, for as long as this lives.
#[derive(Debug)]
pub struct DemoModel {
    /// Holds `base` and `refiner`.
    folder: PathBuf,
    /// Without a cache folder, the files are removed when the process ends.
    _temporary: Option<TemporaryFolder>,
}

impl DemoModel {
    /// Finds the files that an earlier call has written, or writes them into the user's cache folder, else into a
    /// temporary one. Several processes may do so at the same time.
    ///
    /// # Errors
    /// Fails if the files can be written to neither folder.
    pub fn unpack() -> Result<Self> {
        let cache = dirs::cache_dir().map(|cache| cache.join("easel"));
        if let Some(cache) = cache {
            match unpack_into(&cache) {
                Ok(folder) => return Ok(Self { folder, _temporary: None }),
                Err(error) => {
                    tracing::info!("no demo model in {}: {error}; using a temporary folder", cache.display());
                }
            }
        }
        let temporary = std::env::temp_dir();
        let failed = |error: io::Error| {
            let size = FILES.iter().map(|(_, content)| content.len()).sum::<usize>() >> 20;
            Error::Failed(format!(
                "the demo model needs {size} MiB in the cache folder or in {}: {error}; make room there, or set TMPDIR \
                 to a folder that has enough",
                temporary.display()
            ))
        };
        let temporary_folder = TemporaryFolder::inside(&temporary).map_err(failed)?;
        write_files(temporary_folder.path()).map_err(failed)?;
        Ok(Self { folder: temporary_folder.path().to_owned(), _temporary: Some(temporary_folder) })
    }

    /// The folder of the base model.
    #[must_use]
    pub fn base(&self) -> PathBuf {
        self.folder.join("base")
    }

    /// The folder of the refiner.
    #[must_use]
    pub fn refiner(&self) -> PathBuf {
        self.folder.join("refiner")
    }
}

/// The folder in `cache` that holds the files; its name says which version of them.
fn unpack_into(cache: &Path) -> io::Result<PathBuf> {
    let mut checksum = crc32fast::Hasher::new();
    FILES.iter().for_each(|(_, content)| checksum.update(content));
    let folder = cache.join(format!("demo-{}-{:08x}", env!("CARGO_PKG_VERSION"), checksum.finalize()));
    if is_complete(&folder) {
        return Ok(folder);
    }
    fs::create_dir_all(cache)?;
    // One process writes at a time: what another one has written and opens at this moment must not be moved away. Where
    // folders cannot be locked, whoever is last replaces it.
    let _lock = File::open(cache).ok().filter(|cache| cache.lock().is_ok());
    if is_complete(&folder) {
        return Ok(folder);
    }
    let temporary = TemporaryFolder::inside(cache)?;
    let fresh = temporary.path().join("fresh");
    write_files(&fresh)?;
    // An incomplete folder is moved out of the way.
    let _ = fs::rename(&folder, temporary.path().join("broken"));
    match fs::rename(&fresh, &folder) {
        // Another process was first.
        Err(_) if is_complete(&folder) => Ok(folder),
        result => result.map(|()| folder),
    }
}

fn is_complete(folder: &Path) -> bool {
    FILES.iter().all(|(path, content)| fs::read(folder.join(path)).is_ok_and(|found| found == *content))
}

fn write_files(folder: &Path) -> io::Result<()> {
    for (path, content) in FILES {
        let path = folder.join(path);
        fs::create_dir_all(folder_of(&path))?;
        fs::write(path, content)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files_below(folder: &Path) -> Vec<PathBuf> {
        let entries = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
        entries.flat_map(|path| if path.is_dir() { files_below(&path) } else { vec![path] }).collect()
    }

    #[test]
    fn every_file_of_the_demo_model_is_part_of_the_program() {
        let demo = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../model/demo"));
        let mut found: Vec<_> = ["base", "refiner"].iter().flat_map(|part| files_below(&demo.join(part))).collect();
        found.sort();
        let listed: Vec<_> = FILES.iter().map(|(path, _)| demo.join(path)).collect();
        assert_eq!(found, listed);
    }

    #[test]
    fn a_damaged_copy_is_replaced_and_a_whole_one_kept() {
        let cache = tempfile::tempdir().expect("a temporary folder");
        let folder = unpack_into(cache.path()).expect("unpacked");
        let unet = folder.join("base/unet/diffusion_pytorch_model.safetensors");
        fs::write(&unet, "damaged").expect("written");
        fs::remove_file(folder.join("refiner/model_index.json")).expect("removed");
        assert_eq!(unpack_into(cache.path()).expect("unpacked again"), folder);
        assert!(is_complete(&folder));
        let written = fs::metadata(&unet).and_then(|file| file.modified()).expect("a time");
        unpack_into(cache.path()).expect("found");
        assert_eq!(fs::metadata(&unet).and_then(|file| file.modified()).expect("a time"), written);
        assert_eq!(fs::read_dir(cache.path()).expect("a folder").count(), 1, "nothing is left behind");
    }
}
