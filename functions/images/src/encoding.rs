//! Writing images, with how they were made in the files' metadata.

#[cfg(test)]
mod tests;

use std::ffi::OsStr;
use std::path::Path;

use easel_system::files::write_atomically;
use image::codecs::jpeg::JpegEncoder;
use image::codecs::webp::WebPEncoder;
use image::{DynamicImage, ExtendedColorType, ImageBuffer, ImageEncoder, Pixel, RgbImage};

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
    write(path, &encode(path, rgb, metadata)?)
}

/// Like [`save`], for an image that may be transparent, which JPEG cannot be.
///
/// # Errors
/// As [`save`].
pub fn save_with_alpha(path: &Path, image: &DynamicImage, metadata: &Metadata) -> Result<(), ImageFileError> {
    let pixels = match image {
        DynamicImage::ImageRgba8(rgba) => Pixels::of(rgba, true),
        DynamicImage::ImageRgb8(rgb) => Pixels::of(rgb, false),
        other => return save(path, &other.to_rgb8(), metadata),
    };
    write(path, &encode_pixels(path, pixels, metadata)?)
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), ImageFileError> {
    write_atomically(path, bytes).map_err(|source| ImageFileError::Io {
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
    encode_pixels(path, Pixels::of(rgb, false), metadata)
}

/// An image's bytes, 8 bits a colour.
#[derive(Clone, Copy)]
struct Pixels<'a> {
    bytes: &'a [u8],
    width: u32,
    height: u32,
    has_alpha: bool,
}

impl<'a> Pixels<'a> {
    fn of<P: Pixel<Subpixel = u8>>(image: &'a ImageBuffer<P, Vec<u8>>, has_alpha: bool) -> Self {
        Self { bytes: image.as_raw(), width: image.width(), height: image.height(), has_alpha }
    }
}

fn encode_pixels(path: &Path, pixels: Pixels<'_>, metadata: &Metadata) -> Result<Vec<u8>, ImageFileError> {
    let encoded = match format_of(path)? {
        Format::Png => encode_png(pixels, metadata).map_err(|error| error.to_string()),
        Format::Jpeg if pixels.has_alpha => Err("JPEG knows no transparency; name a .png or .webp file".to_owned()),
        Format::Jpeg => {
            let mut bytes = Vec::new();
            encode_with_exif(JpegEncoder::new_with_quality(&mut bytes, JPEG_QUALITY), pixels, metadata).map(|()| bytes)
        }
        Format::WebP => {
            let mut bytes = Vec::new();
            encode_with_exif(WebPEncoder::new_lossless(&mut bytes), pixels, metadata).map(|()| bytes)
        }
    };
    encoded.map_err(|message| ImageFileError::Unencodable { path: path.to_owned(), message })
}

fn encode_png(pixels: Pixels<'_>, metadata: &Metadata) -> Result<Vec<u8>, png::EncodingError> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, pixels.width, pixels.height);
    encoder.set_color(if pixels.has_alpha { png::ColorType::Rgba } else { png::ColorType::Rgb });
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
    writer.write_image_data(pixels.bytes)?;
    writer.finish()?;
    Ok(bytes)
}

fn encode_with_exif(mut encoder: impl ImageEncoder, pixels: Pixels<'_>, metadata: &Metadata) -> Result<(), String> {
    encoder.set_exif_metadata(block(&metadata.infotext, &metadata.json)).map_err(|error| error.to_string())?;
    let colours = if pixels.has_alpha { ExtendedColorType::Rgba8 } else { ExtendedColorType::Rgb8 };
    encoder.write_image(pixels.bytes, pixels.width, pixels.height, colours).map_err(|error| error.to_string())
}
