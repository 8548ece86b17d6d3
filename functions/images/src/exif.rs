//! The EXIF block of JPEG and WebP files: two texts, in the smallest TIFF structure that holds them.
//!
//! <https://www.cipa.jp/std/documents/e/DC-008-2012_E.pdf>, sections 4.5 and 4.6.

/// A JPEG segment has at most 65,533 bytes, of which 6 say that it is EXIF.
const LARGEST_BLOCK: usize = 65_533 - 6;

const IMAGE_DESCRIPTION: u16 = 0x010E;
const EXIF_DIRECTORY: u16 = 0x8769;
const USER_COMMENT: u16 = 0x9286;

/// Field types.
const ASCII: u16 = 2;
const LONG: u16 = 4;
const UNDEFINED: u16 = 7;

/// A block with `comment` as the user comment, in UTF-16 as AUTOMATIC1111 writes it, and `json` as the image
/// description. What does not fit is left out: first the JSON, then the end of the comment.
pub(crate) fn block(comment: &str, json: &str) -> Vec<u8> {
    let room = LARGEST_BLOCK - assemble(&[], None).len();
    let mut user_comment = b"UNICODE\0".to_vec();
    for character in comment.chars() {
        if user_comment.len() + 2 * character.len_utf16() > room {
            break;
        }
        user_comment.extend(character.encode_utf16(&mut [0; 2]).iter().flat_map(|unit| unit.to_be_bytes()));
    }
    // The field is ASCII; JSON can say everything in it.
    let description = ascii_json(json).into_bytes();
    let with_both = assemble(&user_comment, Some(&[&description, &b"\0"[..]].concat()));
    // A text of four bytes would go into the directory itself; a JSON document so short says nothing.
    if with_both.len() <= LARGEST_BLOCK && description.len() > 4 { with_both } else { assemble(&user_comment, None) }
}

/// Big-endian, as the user comment's UTF-16 is then without doubt, too: a header, the main directory, the EXIF
/// directory, then the texts.
fn assemble(user_comment: &[u8], description: Option<&[u8]>) -> Vec<u8> {
    const HEADER: u32 = 8;
    let directory_length = |entries: u32| 2 + 12 * entries + 4;
    let exif_directory = HEADER + directory_length(1 + u32::from(description.is_some()));
    let texts = exif_directory + directory_length(1);

    let mut bytes = b"MM\0\x2A".to_vec();
    bytes.extend(HEADER.to_be_bytes());
    bytes.extend((1 + u16::from(description.is_some())).to_be_bytes());
    if let Some(description) = description {
        entry(&mut bytes, IMAGE_DESCRIPTION, ASCII, description.len() as u32, texts + user_comment.len() as u32);
    }
    entry(&mut bytes, EXIF_DIRECTORY, LONG, 1, exif_directory);
    bytes.extend([0; 4]);
    bytes.extend(1u16.to_be_bytes());
    entry(&mut bytes, USER_COMMENT, UNDEFINED, user_comment.len() as u32, texts);
    bytes.extend([0; 4]);
    bytes.extend(user_comment);
    bytes.extend(description.unwrap_or_default());
    bytes
}

/// One field of a directory: its value if that is a number, else the place of its text.
fn entry(bytes: &mut Vec<u8>, tag: u16, field_type: u16, count: u32, value_or_offset: u32) {
    bytes.extend(tag.to_be_bytes());
    bytes.extend(field_type.to_be_bytes());
    bytes.extend(count.to_be_bytes());
    bytes.extend(value_or_offset.to_be_bytes());
}

/// Outside ASCII, only strings have characters in a JSON document, and there they may be written as escapes.
fn ascii_json(json: &str) -> String {
    let mut ascii = String::with_capacity(json.len());
    for character in json.chars() {
        if character.is_ascii() {
            ascii.push(character);
        } else {
            let mut units = [0; 2];
            ascii.extend(character.encode_utf16(&mut units).iter().map(|unit| format!("\\u{unit:04x}")));
        }
    }
    ascii
}
