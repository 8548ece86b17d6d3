//! Picture files: writing what was made, with how it was made in its metadata, and reading init pictures.

mod exif;
#[cfg(test)]
mod tests;

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{Cursor, Read, Write};
use std::path::{Path, PathBuf};

use image::codecs::jpeg::JpegEncoder;
use image::codecs::webp::WebPEncoder;
use image::{DynamicImage, ExtendedColorType, ImageDecoder, ImageEncoder, ImageFormat, ImageReader, RgbImage};

/// The longest side and the most bytes, in the file and decoded, of a picture that is read.
const LONGEST_SIDE: u32 = 16_384;
const MOST_BYTES: u64 = 256 << 20;

/// Little loss; the colour is kept at full resolution.
const JPEG_QUALITY: u8 = 95;

/// Why a picture file could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum PictureError {
    /// The file's name does not say in which format to write.
    #[error("{}: pictures are written as .png, .jpg, .jpeg or .webp; give the file one of these extensions", .0.display())]
    UnknownExtension(PathBuf),
    /// The operating system refused.
    #[error("{action} {}: {source}", path.display())]
    Io {
        /// What was attempted: `reading` or `writing`.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// The file is not a picture that can be read.
    #[error("{}: {message}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What is wrong with it and what to do.
        message: String,
    },
    /// The picture does not fit the format.
    #[error("{}: the picture cannot be encoded: {message}", path.display())]
    Unencodable {
        /// The file that was to be written.
        path: PathBuf,
        /// The encoder's reason.
        message: String,
    },
}

impl PictureError {
    /// Whether the command line is at fault (exit code 2) rather than the files or the system (exit code 1).
    #[must_use]
    pub fn is_wrong_use(&self) -> bool {
        matches!(self, Self::UnknownExtension(_))
    }
}

/// A format that pictures are written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// `.png`
    Png,
    /// `.jpg` or `.jpeg`
    Jpeg,
    /// `.webp`, without loss
    WebP,
}

/// How a picture was made, for the file's metadata.
#[derive(Clone, Debug)]
pub struct Metadata {
    /// The text that AUTOMATIC1111 and ComfyUI users expect; see [`parameters`].
    pub parameters: String,
    /// Easel's own record, a JSON document.
    pub json: String,
}

/// The format that a file's extension asks for.
///
/// # Errors
/// [`PictureError::UnknownExtension`] if it asks for none that can be written.
pub fn format_of(path: &Path) -> Result<Format, PictureError> {
    let extension = path.extension().and_then(OsStr::to_str).map(str::to_ascii_lowercase);
    match extension.as_deref() {
        Some("png") => Ok(Format::Png),
        Some("jpg" | "jpeg") => Ok(Format::Jpeg),
        Some("webp") => Ok(Format::WebP),
        _ => Err(PictureError::UnknownExtension(path.to_owned())),
    }
}

/// The text that AUTOMATIC1111 stores with a picture (`create_infotext` in its `modules/processing.py`): the prompt, the
/// negative prompt if there is one, then `settings` such as `("Steps", "20")` in one line.
#[must_use]
pub fn parameters(prompt: &str, negative_prompt: Option<&str>, settings: &[(&str, String)]) -> String {
    let negative_prompt = negative_prompt.filter(|text| !text.is_empty());
    let negative_prompt = negative_prompt.map(|text| format!("\nNegative prompt: {text}")).unwrap_or_default();
    let settings: Vec<_> = settings.iter().map(|(name, value)| format!("{name}: {}", quoted(value))).collect();
    format!("{prompt}{negative_prompt}\n{}", settings.join(", "))
}

/// Values with the characters that separate settings are written as JSON strings.
fn quoted(value: &str) -> String {
    if value.contains([',', ':', '\n']) { serde_json::Value::from(value).to_string() } else { value.to_owned() }
}

/// Writes a picture in the format that the extension asks for, whole or not at all: a file that is there already is
/// replaced only by a complete one, and nothing is left behind on failure.
///
/// # Errors
/// Any of [`PictureError`] but `Unreadable`, naming the file.
pub fn save(path: &Path, rgb: &RgbImage, metadata: &Metadata) -> Result<(), PictureError> {
    let bytes = encode(path, rgb, metadata)?;
    write_whole(path, &bytes).map_err(|source| PictureError::Io { action: "writing", path: path.to_owned(), source })
}

/// A picture's file in the format that the extension of `path` asks for.
///
/// PNG carries the metadata as text chunks `parameters` and `easel`; JPEG and WebP as EXIF, in `UserComment` (as
/// AUTOMATIC1111 does) and, if it fits, `ImageDescription`.
///
/// # Errors
/// [`PictureError::UnknownExtension`] or [`PictureError::Unencodable`], naming the file.
pub fn encode(path: &Path, rgb: &RgbImage, metadata: &Metadata) -> Result<Vec<u8>, PictureError> {
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
    encoded.map_err(|message| PictureError::Unencodable { path: path.to_owned(), message })
}

fn encode_png(rgb: &RgbImage, metadata: &Metadata) -> Result<Vec<u8>, png::EncodingError> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, rgb.width(), rgb.height());
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    for (keyword, text) in [("parameters", &metadata.parameters), ("easel", &metadata.json)] {
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
    encoder.set_exif_metadata(exif::block(&metadata.parameters, &metadata.json)).map_err(|error| error.to_string())?;
    encoder.write_image(rgb, rgb.width(), rgb.height(), ExtendedColorType::Rgb8).map_err(|error| error.to_string())
}

/// Writes beside the file, then renames.
fn write_whole(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    // A symbolic link stays one.
    let path = if path.is_symlink() { fs::canonicalize(path)? } else { path.to_owned() };
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // If there is no such folder, this says so better than the error of a temporary file.
    fs::metadata(folder)?;
    let mut builder = tempfile::Builder::new();
    builder.prefix(".easel-");
    // A picture gets the permissions that any new file gets, not a temporary file's.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let mut file = builder.tempfile_in(folder)?;
    file.as_file_mut().write_all(bytes)?;
    // Some file systems report a full disk only now.
    file.as_file().sync_all()?;
    file.persist(&path)?;
    Ok(())
}

/// Reads a PNG, JPEG or WebP file, recognized by its content: turned upright, and on white where it is transparent.
///
/// # Errors
/// [`PictureError::Io`] or [`PictureError::Unreadable`], naming the file. Pictures of more than 16,384 pixels a side or
/// 256 MiB are refused before they are decoded.
pub fn load(path: &Path) -> Result<RgbImage, PictureError> {
    let failed = |source| PictureError::Io { action: "reading", path: path.to_owned(), source };
    let mut bytes = Vec::new();
    File::open(path).and_then(|file| file.take(MOST_BYTES + 1).read_to_end(&mut bytes)).map_err(failed)?;
    decode(path, &bytes)
}

/// Like [`load`], for the content of the file `path`.
///
/// # Errors
/// [`PictureError::Unreadable`], naming the file.
pub fn decode(path: &Path, bytes: &[u8]) -> Result<RgbImage, PictureError> {
    let failed = |source| PictureError::Io { action: "reading", path: path.to_owned(), source };
    let unreadable = |message: String| PictureError::Unreadable { path: path.to_owned(), message };
    if bytes.len() as u64 > MOST_BYTES {
        return Err(unreadable(format!("is larger than {} MiB; make the picture smaller", MOST_BYTES >> 20)));
    }
    let mut reader = ImageReader::new(Cursor::new(bytes)).with_guessed_format().map_err(failed)?;
    let format = match reader.format() {
        Some(ImageFormat::Png) => "PNG",
        Some(ImageFormat::Jpeg) => "JPEG",
        Some(ImageFormat::WebP) => "WebP",
        _ => return Err(unreadable("is not a PNG, JPEG or WebP picture; convert it to one of these".to_owned())),
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
    // A broken orientation is no reason to refuse a picture.
    let orientation = decoder.orientation().ok();
    let mut picture = DynamicImage::from_decoder(decoder).map_err(broken)?;
    if let Some(orientation) = orientation {
        picture.apply_orientation(orientation);
    }
    Ok(on_white(picture))
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

fn on_white(picture: DynamicImage) -> RgbImage {
    if !picture.color().has_alpha() {
        return picture.into_rgb8();
    }
    let rgba = picture.into_rgba8();
    let mut rgb = RgbImage::new(rgba.width(), rgba.height());
    for (to, from) in rgb.pixels_mut().zip(rgba.pixels()) {
        let [red, green, blue, alpha] = from.0.map(u32::from);
        to.0 = [red, green, blue].map(|colour| ((colour * alpha + 255 * (255 - alpha) + 127) / 255) as u8);
    }
    rgb
}
