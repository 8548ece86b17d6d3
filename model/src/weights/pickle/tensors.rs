//! The tensors among the objects of a pickle, under their names.

use std::collections::BTreeMap;
use std::ops::Range;

use half::{bf16, f16};

use super::globals::NumberKind;
use super::objects::{Objects, Storage, Value};

/// How deep dictionaries are searched.
const DEEPEST: usize = 8;
/// Most objects that are looked at; a large model has some thousand tensors.
const MOST_OBJECTS: usize = 100_000;
/// The longest name of a tensor.
const LONGEST_NAME: usize = 1_000;

/// A tensor that lies in a storage with steps between its numbers.
#[derive(Debug, Clone)]
pub(super) struct StridedTensor {
    pub(super) storage: Storage,
    offset: usize,
    pub(super) shape: Vec<usize>,
    strides: Vec<usize>,
}

/// Every tensor in the dictionaries of `objects`, with the keys on the way to it, joined by points, as its name.
pub(super) fn found(
    objects: &Objects,
    storages: &BTreeMap<String, Range<usize>>,
) -> Result<BTreeMap<String, StridedTensor>, String> {
    let mut found = BTreeMap::new();
    let mut looked_at = 0;
    let mut waiting: Vec<(String, usize, &Value)> = objects.root.iter().map(|root| (String::new(), 0, root)).collect();
    while let Some((name, depth, value)) = waiting.pop() {
        looked_at += 1;
        match value {
            Value::Dict(dict) => {
                for (key, value) in &objects.dicts[*dict] {
                    let key = match key {
                        Value::Text(text) => text.chars().take(LONGEST_NAME).collect(),
                        Value::Int(number) => number.to_string(),
                        _ => continue,
                    };
                    let is_too_long = name.len() + key.len() > LONGEST_NAME;
                    if looked_at + waiting.len() > MOST_OBJECTS || depth > DEEPEST || is_too_long {
                        return Err("has more dictionaries, or deeper ones, than any file of tensors".to_owned());
                    }
                    let name = if name.is_empty() { key } else { format!("{name}.{key}") };
                    waiting.push((name, depth + 1, value));
                }
            }
            Value::Tensor(tensor) => {
                let described = &objects.tensors[*tensor];
                let tensor = StridedTensor {
                    storage: objects.storage(described.storage).clone(),
                    offset: described.offset,
                    shape: described.shape.clone(),
                    strides: described.strides.clone(),
                };
                let room = storages.get(&tensor.storage.key).map(Range::len);
                let room = room.ok_or_else(|| format!("has no numbers for `{name}`; it is incomplete"))?;
                tensor.check(room / tensor.storage.kind.bytes()).map_err(|fault| format!("`{name}` {fault}"))?;
                found.insert(name, tensor);
            }
            _ => {}
        }
    }
    Ok(found)
}

impl StridedTensor {
    /// Checks that the tensor lies within a storage of `room` numbers and has no more numbers than that.
    fn check(&self, room: usize) -> Result<(), String> {
        let count = self.shape.iter().try_fold(1_usize, |count, &length| count.checked_mul(length));
        let count = count.filter(|&count| count <= room).ok_or("has more numbers than are stored for it")?;
        let mut steps = self.shape.iter().zip(&self.strides);
        let last = steps.try_fold(self.offset, |last, (&length, &stride)| {
            last.checked_add(length.saturating_sub(1).checked_mul(stride)?)
        });
        if count > 0 && last.is_none_or(|last| last >= room) {
            return Err("lies beyond what is stored for it".to_owned());
        }
        Ok(())
    }

    /// The numbers, row-major, from the bytes of the storage.
    pub(super) fn floats(&self, bytes: &[u8]) -> Result<Vec<f32>, String> {
        let read: fn(&[u8]) -> f32 = match self.storage.kind {
            NumberKind::Double => |bytes| f64::from_le_bytes(bytes.try_into().unwrap_or_default()) as f32,
            NumberKind::Float => |bytes| f32::from_le_bytes(bytes.try_into().unwrap_or_default()),
            NumberKind::Half => |bytes| f16::from_le_bytes(bytes.try_into().unwrap_or_default()).to_f32(),
            NumberKind::BFloat16 => |bytes| bf16::from_le_bytes(bytes.try_into().unwrap_or_default()).to_f32(),
            NumberKind::Other(_) => return Err("has whole numbers where floating-point ones are needed".to_owned()),
        };
        let width = self.storage.kind.bytes();
        let count: usize = self.shape.iter().product();
        let mut floats = Vec::with_capacity(count);
        let mut index = vec![0; self.shape.len()];
        for _ in 0..count {
            let place =
                self.offset + index.iter().zip(&self.strides).map(|(index, stride)| index * stride).sum::<usize>();
            floats.push(read(&bytes[place * width..(place + 1) * width]));
            for axis in (0..index.len()).rev() {
                index[axis] += 1;
                if index[axis] < self.shape[axis] {
                    break;
                }
                index[axis] = 0;
            }
        }
        Ok(floats)
    }
}
