//! Reading images to start from, and masks of them.

#[cfg(test)]
mod tests;

use std::fs::File;
use std::io::{Cursor, Read};
use std::path::Path;

use image::{DynamicImage, GrayImage, ImageDecoder, ImageFormat, ImageReader, Luma, RgbImage};

use crate::error::ImageFileError;

/// The longest side and the most bytes, in the file and decoded, of an image that is read.
const LONGEST_SIDE: u32 = 16_384;
const MOST_BYTES: u64 = 256 << 20;
/// Alpha from which on a pixel counts as there.
const OPAQUE: u8 = 128;
/// Bytes of the longest infotext that is kept: many times that of the longest prompts.
const LONGEST_INFOTEXT: usize = 100_000;

/// Reads a PNG, JPEG or WebP file, recognized by its content: turned upright, and on white where it is transparent.
///
/// # Errors
/// Returns [`ImageFileError::Io`] or [`ImageFileError::Unreadable`], naming the file. Images of more than 16,384 pixels
/// a side or 256 MiB are refused before they are decoded.
pub fn load(path: &Path) -> Result<RgbImage, ImageFileError> {
    decode(path, &content(path)?)
}

/// Like [`load`], and where the image is transparent, white is: a mask of what to repaint. There is none if every pixel is
/// more opaque than transparent.
///
/// # Errors
/// As [`load`].
pub fn load_with_transparency(path: &Path) -> Result<(RgbImage, Option<GrayImage>), ImageFileError> {
    decode_with_transparency(path, &content(path)?)
}

/// Reads a mask from a PNG, JPEG or WebP file: its brightness, on black where it is transparent.
///
/// # Errors
/// As [`load`].
pub fn load_mask(path: &Path) -> Result<GrayImage, ImageFileError> {
    decode_mask(path, &content(path)?)
}

/// Like [`load`], but what is transparent stays so: an image of 8 bits a colour, with alpha if the file's has it, and the
/// infotext that a PNG file carries.
///
/// # Errors
/// As [`load`].
pub fn load_with_alpha(path: &Path) -> Result<(DynamicImage, Option<String>), ImageFileError> {
    let bytes = content(path)?;
    let image = upright(path, &bytes)?;
    let image = if image.color().has_alpha() {
        DynamicImage::ImageRgba8(image.into_rgba8())
    } else {
        DynamicImage::ImageRgb8(image.into_rgb8())
    };
    Ok((image, kept_infotext(&bytes)))
}

fn content(path: &Path) -> Result<Vec<u8>, ImageFileError> {
    let failed = |source| ImageFileError::Io { action: "reading", path: path.to_owned(), source };
    let mut bytes = Vec::new();
    File::open(path).and_then(|file| file.take(MOST_BYTES + 1).read_to_end(&mut bytes)).map_err(failed)?;
    Ok(bytes)
}

/// The infotext in a PNG file, where Easel, AUTOMATIC1111 and others write it.
fn kept_infotext(bytes: &[u8]) -> Option<String> {
    let limits = png::Limits { bytes: MOST_BYTES as usize };
    let reader = png::Decoder::new_with_limits(Cursor::new(bytes), limits).read_info().ok()?;
    let info = reader.info();
    let plain = info.uncompressed_latin1_text.iter().find(|chunk| chunk.keyword == "parameters");
    let unicode = info.utf8_text.iter().find(|chunk| chunk.keyword == "parameters");
    let text = plain.map(|chunk| chunk.text.clone()).or_else(|| unicode.and_then(|chunk| chunk.get_text().ok()))?;
    (text.len() <= LONGEST_INFOTEXT).then_some(text)
}

/// Like [`load`], for the content of the file `path`.
///
/// # Errors
/// Returns [`ImageFileError::Unreadable`], naming the file.
pub fn decode(path: &Path, bytes: &[u8]) -> Result<RgbImage, ImageFileError> {
    Ok(on_white(upright(path, bytes)?))
}

/// Like [`load_with_transparency`], for the content of the file `path`.
///
/// # Errors
/// Returns [`ImageFileError::Unreadable`], naming the file.
pub fn decode_with_transparency(path: &Path, bytes: &[u8]) -> Result<(RgbImage, Option<GrayImage>), ImageFileError> {
    let image = upright(path, bytes)?;
    if !image.color().has_alpha() {
        return Ok((on_white(image), None));
    }
    let rgba = image.to_rgba8();
    let is_transparent = rgba.pixels().any(|pixel| pixel.0[3] < OPAQUE);
    let mask = is_transparent
        .then(|| GrayImage::from_fn(rgba.width(), rgba.height(), |x, y| Luma([255 - rgba.get_pixel(x, y).0[3]])));
    drop(rgba);
    Ok((on_white(image), mask))
}

/// Like [`load_mask`], for the content of the file `path`.
///
/// # Errors
/// Returns [`ImageFileError::Unreadable`], naming the file.
pub fn decode_mask(path: &Path, bytes: &[u8]) -> Result<GrayImage, ImageFileError> {
    let rgba = upright(path, bytes)?.into_rgba8();
    let mut mask = GrayImage::new(rgba.width(), rgba.height());
    for (to, from) in mask.pixels_mut().zip(rgba.pixels()) {
        let [red, green, blue, alpha] = from.0.map(u32::from);
        // The brightness of ITU-R 601-2, in Pillow's whole numbers.
        let brightness = (red * 19_595 + green * 38_470 + blue * 7_471 + 0x8000) >> 16;
        *to = Luma([((brightness * alpha + 127) / 255) as u8]);
    }
    Ok(mask)
}

/// What is in the file, with its orientation applied.
fn upright(path: &Path, bytes: &[u8]) -> Result<DynamicImage, ImageFileError> {
    let failed = |source| ImageFileError::Io { action: "reading", path: path.to_owned(), source };
    let unreadable = |message: String| ImageFileError::Unreadable { path: path.to_owned(), message };
    if bytes.len() as u64 > MOST_BYTES {
        return Err(unreadable(format!("is larger than {} MiB; make the image smaller", MOST_BYTES >> 20)));
    }
    let mut reader = ImageReader::new(Cursor::new(bytes)).with_guessed_format().map_err(failed)?;
    let format = match reader.format() {
        Some(ImageFormat::Png) => "PNG",
        Some(ImageFormat::Jpeg) => "JPEG",
        Some(ImageFormat::WebP) => "WebP",
        _ => return Err(unreadable("is not a PNG, JPEG or WebP image; convert it to one of these".to_owned())),
    };
    let too_large = |size: String| {
        let most = format!("at most {LONGEST_SIDE} pixels a side and {} MiB decoded", MOST_BYTES >> 20);
        unreadable(format!("{size}; make it smaller, {most}"))
    };
    let broken = |error: image::ImageError| match error {
        image::ImageError::Limits(_) => too_large("is too large".to_owned()),
        error => {
            let reason = error.to_string().split_whitespace().collect::<Vec<_>>().join(" ");
            unreadable(format!("is a broken {format} file ({reason}); make it again from its source"))
        }
    };
    if format == "JPEG" && is_cut_jpeg(bytes) {
        return Err(unreadable("is a JPEG file without its end; make it again from its source".to_owned()));
    }
    let mut limits = image::Limits::no_limits();
    limits.max_alloc = Some(MOST_BYTES);
    reader.limits(limits);
    let mut decoder = reader.into_decoder().map_err(broken)?;
    let (width, height) = decoder.dimensions();
    if width.max(height) > LONGEST_SIDE || decoder.total_bytes() > MOST_BYTES {
        return Err(too_large(format!("is {width}×{height} pixels")));
    }
    // A broken orientation is no reason to refuse an image.
    let orientation = decoder.orientation().ok();
    let mut image = DynamicImage::from_decoder(decoder).map_err(broken)?;
    if let Some(orientation) = orientation {
        image.apply_orientation(orientation);
    }
    Ok(image)
}

/// Whether a JPEG file's scans lack the marker that ends them; the decoder would make the missing part grey.
fn is_cut_jpeg(bytes: &[u8]) -> bool {
    const START_OF_SCAN: u8 = 0xDA;
    const END_OF_IMAGE: [u8; 2] = [0xFF, 0xD9];
    // Step over the segments before the first scan: a thumbnail in one of them has an end marker of its own.
    let mut segments = bytes.get(2..).unwrap_or_default();
    while let &[0xFF, marker, high, low, ..] = segments {
        if marker == START_OF_SCAN {
            return !segments.windows(2).any(|pair| pair == END_OF_IMAGE);
        }
        let length = usize::from(u16::from_be_bytes([high, low]));
        segments = segments.get(2 + length..).unwrap_or_default();
    }
    // The decoder says what is wrong with these.
    false
}

fn on_white(image: DynamicImage) -> RgbImage {
    if !image.color().has_alpha() {
        return image.into_rgb8();
    }
    let rgba = image.into_rgba8();
    let mut rgb = RgbImage::new(rgba.width(), rgba.height());
    for (to, from) in rgb.pixels_mut().zip(rgba.pixels()) {
        let [red, green, blue, alpha] = from.0.map(u32::from);
        to.0 = [red, green, blue].map(|colour| ((colour * alpha + 255 * (255 - alpha) + 127) / 255) as u8);
    }
    rgb
}
