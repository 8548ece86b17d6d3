//! How large an image is, from the beginning of its file: nothing is decoded.

/// Bytes that are enough, but for JPEG files with long metadata.
pub(super) const BEGINNING: usize = 64 * 1024;

/// Width and height of the image whose file begins with `bytes`, if it is PNG, JPEG or WebP and they are in there. A JPEG file
/// may say beside that how it is turned.
pub(super) fn size_in(bytes: &[u8]) -> Option<(u32, u32)> {
    match bytes {
        [0x89, b'P', b'N', b'G', ..] => Some((big(bytes, 16, 4)?, big(bytes, 20, 4)?)),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => webp(bytes),
        [0xFF, 0xD8, ..] => jpeg(bytes),
        _ => None,
    }
}

/// The most significant byte comes first.
fn big(bytes: &[u8], at: usize, length: usize) -> Option<u32> {
    let digits = bytes.get(at..at.checked_add(length)?)?;
    Some(digits.iter().fold(0, |number, byte| number << 8 | u32::from(*byte)))
}

/// The least significant byte comes first.
fn little(bytes: &[u8], at: usize, length: usize) -> Option<u32> {
    let digits = bytes.get(at..at.checked_add(length)?)?;
    Some(digits.iter().rev().fold(0, |number, byte| number << 8 | u32::from(*byte)))
}

/// RFC 9649, sections 2.5 to 2.7.
fn webp(bytes: &[u8]) -> Option<(u32, u32)> {
    match bytes.get(12..16)? {
        b"VP8 " => Some((little(bytes, 26, 2)? & 0x3FFF, little(bytes, 28, 2)? & 0x3FFF)),
        b"VP8L" => {
            let sides = little(bytes, 21, 4)?;
            Some(((sides & 0x3FFF) + 1, (sides >> 14 & 0x3FFF) + 1))
        }
        b"VP8X" => Some((little(bytes, 24, 3)? + 1, little(bytes, 27, 3)? + 1)),
        _ => None,
    }
}

/// The frame header among the segments (ITU-T T.81, annex B).
fn jpeg(bytes: &[u8]) -> Option<(u32, u32)> {
    let mut at = 2;
    loop {
        if *bytes.get(at)? != 0xFF {
            return None;
        }
        match *bytes.get(at + 1)? {
            // What fills up, and markers without a segment.
            0xFF => at += 1,
            0x01 | 0xD0..=0xD8 => at += 2,
            // These between the frame headers are other tables.
            0xC4 | 0xC8 | 0xCC => at += 2 + big(bytes, at + 2, 2)? as usize,
            0xC0..=0xCF => return Some((big(bytes, at + 7, 2)?, big(bytes, at + 5, 2)?)),
            0xD9 | 0xDA => return None,
            _ => at += 2 + big(bytes, at + 2, 2)? as usize,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Files of 300×200 pixels, each up to its size.
    fn files() -> [Vec<u8>; 5] {
        let png = [b"\x89PNG\r\n\x1A\n\0\0\0\x0DIHDR".as_slice(), &[0, 0, 1, 44, 0, 0, 0, 200]].concat();
        let riff = |kind: &[u8], rest: &[u8]| [b"RIFF\0\0\0\0WEBP".as_slice(), kind, &[0; 4], rest].concat();
        let lossy = riff(b"VP8 ", &[0, 0, 0, 0x9D, 1, 0x2A, 44, 0x41, 200, 0x40]);
        let sides: u32 = 299 | 199 << 14;
        let lossless = riff(b"VP8L", &[&[0x2F], sides.to_le_bytes().as_slice()].concat());
        let extended = riff(b"VP8X", &[0, 0, 0, 0, 43, 1, 0, 199, 0, 0]);
        let jpeg = [
            &[0xFF, 0xD8, 0xFF, 0xE0, 0, 4, 9, 9, 0xFF, 0xFF, 0xC4, 0, 3, 7][..],
            &[0xFF, 0xC2, 0, 11, 8, 0, 200, 1, 44, 3],
        ];
        [png, lossy, lossless, extended, jpeg.concat()]
    }

    #[test]
    fn a_file_begins_with_its_size() {
        for file in files() {
            assert_eq!(size_in(&file), Some((300, 200)), "{file:?}");
        }
    }

    #[test]
    fn what_is_cut_off_or_damaged_has_no_size() {
        for file in files() {
            for length in 0..file.len() {
                let found = size_in(&file[..length]);
                assert!(found.is_none() || length + 2 > file.len(), "{length} of {file:?}: {found:?}");
                for byte in [0, 0x7F, 0xFF] {
                    let mut damaged = file.clone();
                    damaged[length] = byte;
                    // Whatever it finds, it ends.
                    let _ = size_in(&damaged);
                }
            }
        }
        assert_eq!(size_in(b"not looked at here"), None);
        assert_eq!(size_in(&[0xFF; 100]), None);
        assert_eq!(size_in(&[&[0xFF, 0xD8][..], &[0xFF; 100]].concat()), None);
    }
}
