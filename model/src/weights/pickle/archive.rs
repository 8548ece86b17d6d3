//! The zip archive that `torch.save` writes: everything stored as it is, so that it can be read where it lies.

use std::collections::BTreeMap;
use std::ops::Range;

/// Where the parts of an archive lie in the file.
pub(super) struct Archive {
    /// `data.pkl`.
    pub(super) pickle: Range<usize>,
    /// What lies in the folder `data`, by name.
    pub(super) storages: BTreeMap<String, Range<usize>>,
}

const DIRECTORY_END: &[u8] = b"PK\x05\x06";
const DIRECTORY_END_LENGTH: usize = 22;
const ENTRY: &[u8] = b"PK\x01\x02";
const ENTRY_LENGTH: usize = 46;
const LOCAL_LENGTH: usize = 30;

impl Archive {
    pub(super) fn read(content: &[u8]) -> Result<Self, String> {
        let damaged = || "is a damaged or incomplete archive: copy or download it again".to_owned();
        // A comment of up to 64 KiB may follow.
        let from = content.len().saturating_sub(DIRECTORY_END_LENGTH + 0xffff);
        let end = content[from..].windows(DIRECTORY_END.len()).rposition(|window| window == DIRECTORY_END);
        let end = from + end.ok_or_else(damaged)?;
        let count = half(content, end + 10).ok_or_else(damaged)?;
        let mut place = word(content, end + 16).ok_or_else(damaged)?;
        let mut entries = BTreeMap::new();
        for _ in 0..count {
            let header =
                content.get(place..place.saturating_add(ENTRY_LENGTH)).filter(|header| header.starts_with(ENTRY));
            let header = header.ok_or_else(damaged)?;
            let lengths = [28, 30, 32].map(|at| half(header, at).unwrap_or_default());
            let (method, stored, length) = (half(header, 10), word(header, 20), word(header, 24));
            let local = word(header, 42).ok_or_else(damaged)?;
            let name = content.get(place + ENTRY_LENGTH..place + ENTRY_LENGTH + lengths[0]).ok_or_else(damaged)?;
            let name = String::from_utf8_lossy(name).into_owned();
            if method != Some(0) || stored != length {
                return Err(format!("has a compressed part, `{name}`, which torch.save never writes"));
            }
            // The lengths of name and extra field differ from those in the directory.
            let skipped = [26, 28].map(|at| half(content, local.saturating_add(at)).unwrap_or_default());
            let begin = local + LOCAL_LENGTH + skipped[0] + skipped[1];
            let range = begin..begin + length.ok_or_else(damaged)?;
            if range.end > content.len() {
                return Err(damaged());
            }
            entries.insert(name, range);
            place += ENTRY_LENGTH + lengths.iter().sum::<usize>();
        }
        let root = entries.keys().find_map(|name| name.strip_suffix("data.pkl").map(str::to_owned));
        let root = root.ok_or("is an archive without `data.pkl`, so torch.save did not write it")?;
        let pickle = entries[&format!("{root}data.pkl")].clone();
        if entries.get(&format!("{root}byteorder")).is_some_and(|range| &content[range.clone()] == b"big") {
            return Err("was written by a big-endian machine; save it again on another".to_owned());
        }
        let folder = format!("{root}data/");
        let storages =
            entries.into_iter().filter_map(|(name, range)| Some((name.strip_prefix(&folder)?.to_owned(), range)));
        Ok(Self { pickle, storages: storages.collect() })
    }
}

fn half(bytes: &[u8], at: usize) -> Option<usize> {
    let bytes = bytes.get(at..at.checked_add(2)?)?;
    Some(usize::from(u16::from_le_bytes(bytes.try_into().ok()?)))
}

fn word(bytes: &[u8], at: usize) -> Option<usize> {
    let bytes = bytes.get(at..at.checked_add(4)?)?;
    usize::try_from(u32::from_le_bytes(bytes.try_into().ok()?)).ok()
}
