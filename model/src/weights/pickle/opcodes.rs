//! The instructions of pickles that tensors and dictionaries need (Python's `pickletools`).

use std::borrow::Cow;

/// One instruction with its argument.
pub(super) enum Instruction<'a> {
    Mark,
    Stop,
    Pop,
    PopMark,
    Duplicate,
    None,
    Bool,
    Int(i64),
    Float,
    Text(Cow<'a, str>),
    Global(Cow<'a, str>, Cow<'a, str>),
    /// A name of a module and a name in it lie on the stack.
    StackGlobal,
    EmptyDict,
    EmptyList,
    EmptyTuple,
    /// Of everything above the mark.
    List,
    Dict,
    Tuple,
    /// Of the topmost values.
    ShortTuple(usize),
    Append,
    Appends,
    SetItem,
    SetItems,
    Reduce,
    NewObject,
    Build,
    PersistentId,
    /// To a place of the memory, or to the next.
    Put(Option<u32>),
    Get(u32),
    /// Nothing to do.
    Skip,
}

/// Reads instructions one after the other.
pub(super) struct Reader<'a> {
    bytes: &'a [u8],
    pub(super) place: usize,
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, place: 0 }
    }

    pub(super) fn next(&mut self) -> Result<Instruction<'a>, String> {
        use Instruction as I;
        let code = self.take(1)?[0];
        Ok(match code {
            b'(' => I::Mark,
            b'.' => I::Stop,
            b'0' => I::Pop,
            b'1' => I::PopMark,
            b'2' => I::Duplicate,
            b'N' => I::None,
            0x88 | 0x89 => I::Bool,
            b'I' => match self.line()? {
                "00" | "01" => I::Bool,
                number => I::Int(number.parse().map_err(|_| damaged())?),
            },
            b'L' => I::Int(self.line()?.trim_end_matches('L').parse().unwrap_or_default()),
            b'J' => I::Int(i64::from(i32::from_le_bytes(self.array()?))),
            b'K' => I::Int(i64::from(self.take(1)?[0])),
            b'M' => I::Int(i64::from(u16::from_le_bytes(self.array()?))),
            0x8a => {
                let length = usize::from(self.take(1)?[0]);
                I::Int(long(self.take(length)?))
            }
            b'F' => {
                self.line()?;
                I::Float
            }
            b'G' => {
                self.take(8)?;
                I::Float
            }
            b'S' => I::Text(self.line()?.trim_matches(['\'', '"']).into()),
            b'V' => I::Text(self.line()?.into()),
            b'T' | b'X' | b'B' => {
                let length = self.length()?;
                I::Text(self.text(length)?)
            }
            b'U' | 0x8c | b'C' => {
                let length = usize::from(self.take(1)?[0]);
                I::Text(self.text(length)?)
            }
            b'c' => I::Global(self.line()?.into(), self.line()?.into()),
            0x93 => I::StackGlobal,
            b'}' => I::EmptyDict,
            b']' => I::EmptyList,
            b')' => I::EmptyTuple,
            b'l' => I::List,
            b'd' => I::Dict,
            b't' => I::Tuple,
            0x85..=0x87 => I::ShortTuple(usize::from(code - 0x84)),
            b'a' => I::Append,
            b'e' => I::Appends,
            b's' => I::SetItem,
            b'u' => I::SetItems,
            b'R' => I::Reduce,
            0x81 => I::NewObject,
            b'b' => I::Build,
            b'Q' => I::PersistentId,
            b'p' => I::Put(Some(self.line()?.parse().map_err(|_| damaged())?)),
            b'q' => I::Put(Some(u32::from(self.take(1)?[0]))),
            b'r' => I::Put(Some(u32::from_le_bytes(self.array()?))),
            0x94 => I::Put(None),
            b'g' => I::Get(self.line()?.parse().map_err(|_| damaged())?),
            b'h' => I::Get(u32::from(self.take(1)?[0])),
            b'j' => I::Get(u32::from_le_bytes(self.array()?)),
            0x80 => {
                self.take(1)?;
                I::Skip
            }
            0x95 => {
                self.take(8)?;
                I::Skip
            }
            other => return Err(format!("has the pickle instruction {other:#04x}, which tensors do not need")),
        })
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], String> {
        let end = self.place.checked_add(length).ok_or_else(damaged)?;
        let taken = self.bytes.get(self.place..end).ok_or_else(damaged)?;
        self.place = end;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], String> {
        self.take(N)?.try_into().map_err(|_| damaged())
    }

    fn length(&mut self) -> Result<usize, String> {
        usize::try_from(u32::from_le_bytes(self.array()?)).map_err(|_| damaged())
    }

    fn text(&mut self, length: usize) -> Result<Cow<'a, str>, String> {
        Ok(String::from_utf8_lossy(self.take(length)?))
    }

    /// Up to the end of the line, which is passed.
    fn line(&mut self) -> Result<&'a str, String> {
        let rest = &self.bytes[self.place..];
        let end = rest.iter().position(|&byte| byte == b'\n').ok_or_else(damaged)?;
        self.place += end + 1;
        std::str::from_utf8(&rest[..end]).map_err(|_| damaged())
    }
}

/// A number of any length; one that does not fit is as good as none.
fn long(bytes: &[u8]) -> i64 {
    if bytes.is_empty() || bytes.len() > 8 {
        return 0;
    }
    let fill = if bytes[bytes.len() - 1] & 0x80 == 0 { 0 } else { 0xff };
    let mut number = [fill; 8];
    number[..bytes.len()].copy_from_slice(bytes);
    i64::from_le_bytes(number)
}

pub(super) fn damaged() -> String {
    "is a damaged or incomplete pickle: copy or download it again".to_owned()
}
