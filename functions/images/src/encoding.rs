//! Writing images, with how they were made in the files' metadata.

#[cfg(test)]
mod tests;

use std::ffi::OsStr;
use std::path::Path;

use easel_system::files::write_atomically;
use image::codecs::jpeg::JpegEncoder;
use image::codecs::webp::WebPEncoder;
use image::{ExtendedColorType, ImageEncoder, RgbImage};

use crate::error::ImageFileError;
use crate::exif::block;
use crate::metadata::Metadata;

/// Little loss; the colour is kept at full resolution.
const JPEG_QUALITY: u8 = 95;

/// A format that images are written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// `.png`
    Png,
    /// `.jpg` or `.jpeg`
    Jpeg,
    /// `.webp`, lossless
    WebP,
}

/// The format that a file's extension names.
///
/// # Errors
/// Returns [`ImageFileError::UnknownExtension`] if images are not written in that format.
pub fn format_of(path: &Path) -> Result<Format, ImageFileError> {
    let extension = path.extension().and_then(OsStr::to_str).map(str::to_ascii_lowercase);
    match extension.as_deref() {
        Some("png") => Ok(Format::Png),
        Some("jpg" | "jpeg") => Ok(Format::Jpeg),
        Some("webp") => Ok(Format::WebP),
        _ => Err(ImageFileError::UnknownExtension(path.to_owned())),
    }
}

/// Writes an image atomically, in the format that the extension of `path` names: an existing file is replaced only by a
/// complete one, and nothing is left behind on failure.
///
/// # Errors
/// Returns [`ImageFileError::UnknownExtension`], [`ImageFileError::Unencodable`] or [`ImageFileError::Io`], naming the
/// file.
pub fn save(path: &Path, rgb: &RgbImage, metadata: &Metadata) -> Result<(), ImageFileError> {
    let bytes = encode(path, rgb, metadata)?;
    write_atomically(path, &bytes).map_err(|source| ImageFileError::Io {
        action: "writing",
        path: path.to_owned(),
        source,
    })
}

/// Encodes an image in the format that the extension of `path` names.
///
/// PNG carries the metadata as text chunks `parameters` and `easel`; JPEG and WebP as EXIF, in `UserComment` (as
/// AUTOMATIC1111 does) and, if it fits, `ImageDescription`.
///
/// # Errors
/// Returns [`ImageFileError::UnknownExtension`] or [`ImageFileError::Unencodable`], naming the file.
pub fn encode(path: &Path, rgb: &RgbImage, metadata: &Metadata) -> Result<Vec<u8>, ImageFileError> {
    let encoded = match format_of(path)? {
        Format::Png => encode_png(rgb, metadata).map_err(|error| error.to_string()),
        Format::Jpeg => {
            let mut bytes = Vec::new();
            encode_with_exif(JpegEncoder::new_with_quality(&mut bytes, JPEG_QUALITY), rgb, metadata).map(|()| bytes)
        }
        Format::WebP => {
            let mut bytes = Vec::new();
            encode_with_exif(WebPEncoder::new_lossless(&mut bytes), rgb, metadata).map(|()| bytes)
        }
    };
    encoded.map_err(|message| ImageFileError::Unencodable { path: path.to_owned(), message })
}

fn encode_png(rgb: &RgbImage, metadata: &Metadata) -> Result<Vec<u8>, png::EncodingError> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, rgb.width(), rgb.height());
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    for (keyword, text) in [("parameters", &metadata.infotext), ("easel", &metadata.json)] {
        // PNG's text ends at a NUL, and its plain text chunk has only Latin-1.
        let text = text.replace('\0', "\u{FFFD}");
        if text.chars().all(|character| u8::try_from(character).is_ok()) {
            encoder.add_text_chunk(keyword.to_owned(), text)?;
        } else {
            encoder.add_itxt_chunk(keyword.to_owned(), text)?;
        }
    }
    let mut writer = encoder.write_header()?;
    writer.write_image_data(rgb)?;
    writer.finish()?;
    Ok(bytes)
}

fn encode_with_exif(mut encoder: impl ImageEncoder, rgb: &RgbImage, metadata: &Metadata) -> Result<(), String> {
    encoder.set_exif_metadata(block(&metadata.infotext, &metadata.json)).map_err(|error| error.to_string())?;
    encoder.write_image(rgb, rgb.width(), rgb.height(), ExtendedColorType::Rgb8).map_err(|error| error.to_string())
}
