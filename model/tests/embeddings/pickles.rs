//! Files as `torch.save` writes them.

use std::collections::BTreeMap;

/// Numbers and their shape.
#[derive(Clone)]
pub(crate) struct Tensor {
    numbers: Vec<f32>,
    shape: Vec<usize>,
}

impl Tensor {
    pub(crate) fn new(numbers: Vec<f32>, shape: &[usize]) -> Self {
        Self { numbers, shape: shape.to_vec() }
    }
}

/// An object: the instructions that build it, and the numbers that it refers to by their place.
#[derive(Clone, Default)]
pub(crate) struct Pickle {
    code: Vec<Code>,
    storages: Vec<Vec<f32>>,
}

#[derive(Clone)]
enum Code {
    Bytes(Vec<u8>),
    /// The key of a storage of this pickle.
    Key(usize),
}

fn text(text: &str) -> Vec<u8> {
    [b"X", &(text.len() as u32).to_le_bytes()[..], text.as_bytes()].concat()
}

fn number(number: usize) -> Vec<u8> {
    [b"J", &(number as i32).to_le_bytes()[..]].concat()
}

fn tuple(numbers: &[usize]) -> Vec<u8> {
    let numbers: Vec<u8> = numbers.iter().flat_map(|&value| number(value)).collect();
    [b"(", numbers.as_slice(), b"t"].concat()
}

impl Pickle {
    fn of(bytes: Vec<u8>) -> Self {
        Self { code: vec![Code::Bytes(bytes)], storages: Vec::new() }
    }

    fn then(mut self, other: Self) -> Self {
        let before = self.storages.len();
        self.code.extend(other.code.into_iter().map(|code| match code {
            Code::Key(key) => Code::Key(before + key),
            bytes => bytes,
        }));
        self.storages.extend(other.storages);
        self
    }

    pub(crate) fn text(value: &str) -> Self {
        Self::of(text(value))
    }

    pub(crate) fn number(value: usize) -> Self {
        Self::of(number(value))
    }

    pub(crate) fn none() -> Self {
        Self::of(b"N".to_vec())
    }

    pub(crate) fn dictionary<const N: usize>(entries: [(&str, Self); N]) -> Self {
        let filled = entries
            .into_iter()
            .fold(Self::of(b"}q\x07(".to_vec()), |all, (key, value)| all.then(Self::text(key)).then(value));
        filled.then(Self::of(b"u".to_vec()))
    }

    /// `torch.nn.ParameterDict` of old, which keeps its parameters in its state.
    pub(crate) fn parameter_dictionary<const N: usize>(entries: [(&str, Self); N]) -> Self {
        let state =
            Self::dictionary([("training", Self::of(b"\x88".to_vec())), ("_parameters", Self::dictionary(entries))]);
        Self::of(b"ctorch.nn.modules.container\nParameterDict\n)\x81".to_vec())
            .then(state)
            .then(Self::of(b"b".to_vec()))
    }

    pub(crate) fn tensor(tensor: Tensor) -> Self {
        let strides: Vec<usize> =
            (0..tensor.shape.len()).map(|axis| tensor.shape[axis + 1..].iter().product()).collect();
        Self::strided(tensor.numbers, &tensor.shape, &strides)
    }

    /// The same tensor of two axes whose numbers are stored column by column.
    pub(crate) fn transposed(tensor: Tensor) -> Self {
        let [rows, width] = tensor.shape[..] else { panic!("two axes") };
        let columns = (0..width).flat_map(|column| (0..rows).map(move |row| row * width + column));
        let numbers = columns.map(|place| tensor.numbers[place]).collect();
        Self::strided(numbers, &tensor.shape, &[1, rows])
    }

    fn strided(numbers: Vec<f32>, shape: &[usize], strides: &[usize]) -> Self {
        let before =
            [b"ctorch._utils\n_rebuild_tensor_v2\n((", text("storage").as_slice(), b"ctorch\nFloatStorage\n"].concat();
        let count = numbers.len();
        let after = [text("cpu"), number(count), b"tQ".to_vec(), number(0), tuple(shape), tuple(strides)].concat();
        let after = [after.as_slice(), b"\x89ccollections\nOrderedDict\n)RtR"].concat();
        Self { code: vec![Code::Bytes(before), Code::Key(0), Code::Bytes(after)], storages: vec![numbers] }
    }

    /// The tensor as a parameter.
    pub(crate) fn parameter(tensor: Tensor) -> Self {
        let hooks = b"\x89ccollections\nOrderedDict\n)R\x87R".to_vec();
        Self::of(b"ctorch._utils\n_rebuild_parameter\n".to_vec()).then(Self::tensor(tensor)).then(Self::of(hooks))
    }

    fn bytes(&self) -> Vec<u8> {
        let code = self.code.iter().flat_map(|code| match code {
            Code::Bytes(bytes) => bytes.clone(),
            Code::Key(key) => text(&key.to_string()),
        });
        b"\x80\x02".iter().copied().chain(code).chain(*b".").collect()
    }

    fn numbers(&self) -> Vec<Vec<u8>> {
        self.storages.iter().map(|numbers| numbers.iter().flat_map(|number| number.to_le_bytes()).collect()).collect()
    }
}

/// The file since version 1.6.
pub(crate) fn zip(pickle: &Pickle) -> Vec<u8> {
    archive(&pickle.bytes(), &pickle.numbers())
}

/// An archive with a pickle and the numbers that it refers to.
pub(crate) fn archive(pickle: &[u8], storages: &[Vec<u8>]) -> Vec<u8> {
    let mut entries =
        BTreeMap::from([("word/data.pkl".to_owned(), pickle.to_vec()), ("word/version".to_owned(), b"3\n".to_vec())]);
    entries.insert("word/byteorder".to_owned(), b"little".to_vec());
    entries.extend(storages.iter().enumerate().map(|(key, bytes)| (format!("word/data/{key}"), bytes.clone())));
    let (mut file, mut directory) = (Vec::new(), Vec::new());
    for (name, bytes) in &entries {
        let begin = file.len() as u32;
        let lengths = [bytes.len() as u32, bytes.len() as u32].map(u32::to_le_bytes).concat();
        let common = |extra: u16| {
            let checksum = crc32fast::hash(bytes).to_le_bytes();
            [&[0; 8][..], &checksum, &lengths, &(name.len() as u16).to_le_bytes(), &extra.to_le_bytes()].concat()
        };
        // Numbers begin at a multiple of 64 bytes, which an extra field sees to.
        let padding = 64 - (file.len() + 30 + name.len()) % 64;
        file.extend(
            [b"PK\x03\x04\0\0", common(padding as u16).as_slice(), name.as_bytes(), &vec![b'Z'; padding], bytes]
                .concat(),
        );
        directory.extend(
            [b"PK\x01\x02\0\0\0\0", common(0).as_slice(), &[0; 10], &begin.to_le_bytes(), name.as_bytes()].concat(),
        );
    }
    let (count, begin, length) = (entries.len() as u16, file.len() as u32, directory.len() as u32);
    file.extend(directory);
    let counts = [count, count].map(u16::to_le_bytes).concat();
    file.extend(
        [b"PK\x05\x06\0\0\0\0", counts.as_slice(), &length.to_le_bytes(), &begin.to_le_bytes(), &[0; 2]].concat(),
    );
    file
}

/// The file before version 1.6.
pub(crate) fn legacy(pickle: &Pickle) -> Vec<u8> {
    let mut code = Vec::new();
    for part in &pickle.code {
        match part {
            Code::Bytes(bytes) => code.extend(bytes.clone()),
            Code::Key(key) => code.extend(text(&key.to_string())),
        }
    }
    let keys: Vec<u8> = (0..pickle.storages.len()).flat_map(|key| text(&key.to_string())).collect();
    let mut file = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.\x80\x02M\xe9\x03.\x80\x02}.".to_vec();
    file.extend([b"\x80\x02", code.as_slice(), b".\x80\x02](", &keys, b"e."].concat());
    for bytes in pickle.numbers() {
        file.extend((bytes.len() as u64 / 4).to_le_bytes());
        file.extend(bytes);
    }
    file
}
