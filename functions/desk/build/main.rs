//! Packs `pages/` into the program: the modules as one script, the text compressed, every file under an address that
//! contains a hash of all of them.

mod bundle;

use std::error::Error;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest, Sha256};

/// What is served at `/`; everything else is what it refers to.
const INDEX: &str = "index.html";
/// The module that imports all the others.
const ENTRY: &str = "desk.js";
/// Stands in the page for the version of its files.
const VERSION: &str = "{version}";

const MUST_REVALIDATE: &str = "no-cache";
const IMMUTABLE: &str = "public, max-age=31536000, immutable";

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=build");
    println!("cargo::rerun-if-changed=pages");
    let files = read(Path::new("pages"))?;
    let version = hash(files.iter().flat_map(|(name, bytes)| [name.as_bytes(), bytes]));
    let output = PathBuf::from(std::env::var("OUT_DIR")?);
    let mut assets = String::from("&[\n");
    for (name, bytes) in &files {
        let is_module = name.ends_with(".js");
        if is_module && name != ENTRY {
            continue;
        }
        let (path, cache_control, content) = if name == INDEX {
            ("/".to_owned(), MUST_REVALIDATE, String::from_utf8(bytes.clone())?.replace(VERSION, &version).into_bytes())
        } else {
            let content = if is_module { bundle::bundle(ENTRY, &files)?.into_bytes() } else { bytes.clone() };
            (format!("/desk/{version}/{name}"), IMMUTABLE, content)
        };
        let compressed = format!("{name}.gz");
        fs::write(output.join(&compressed), compress(&content)?)?;
        fs::write(output.join(name), &content)?;
        assets.push_str(&format!(
            "Asset {{ path: {path:?}, media_type: {:?}, cache_control: {cache_control:?}, etag: {:?}, \
             plain: include_bytes!({:?}), compressed: include_bytes!({:?}) }},\n",
            media_type(name)?,
            format!("W/\"{}\"", hash([content.as_slice()])),
            output.join(name),
            output.join(&compressed),
        ));
    }
    assets.push(']');
    fs::write(output.join("assets.rs"), assets)?;
    Ok(())
}

/// Names and contents of files.
type NamedFiles = Vec<(String, Vec<u8>)>;

/// The files of a folder by name, in order.
fn read(folder: &Path) -> Result<NamedFiles, Box<dyn Error>> {
    let mut files = Vec::new();
    for entry in folder.read_dir()? {
        let entry = entry?;
        let name = entry.file_name().into_string().map_err(|name| format!("{} is not UTF-8", name.display()))?;
        files.push((name, fs::read(entry.path())?));
    }
    files.sort_unstable();
    Ok(files)
}

/// Tells contents apart, for browsers' caches; the same with every compiler. The parts' lengths keep them apart.
fn hash<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> String {
    let mut digest = Sha256::new();
    for part in parts {
        digest.update(part.len().to_le_bytes());
        digest.update(part);
    }
    hex::encode(&digest.finalize()[..8])
}

fn compress(content: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(content)?;
    encoder.finish()
}

/// A file's type by its name.
fn media_type(name: &str) -> Result<&'static str, String> {
    match name.rsplit_once('.') {
        Some((_, "css")) => Ok("text/css; charset=utf-8"),
        Some((_, "html")) => Ok("text/html; charset=utf-8"),
        Some((_, "js")) => Ok("text/javascript; charset=utf-8"),
        Some((_, "svg")) => Ok("image/svg+xml"),
        _ => Err(format!("pages/{name}: the build script does not know its media type; add it there")),
    }
}
