//! The tensors of one component, wherever and under whatever names the files keep them.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::convert::Infallible;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;

use super::safetensors::{aligned, short, shorten};
use super::scale::{self, Scale};
use super::stored_numbers::StoredNumbers;
use super::{RawTensor, SafetensorsFile, TensorSource, Transform};
use crate::error::{Error, Result};
use crate::precision::WeightType;

/// A tensor that a component's configuration asks for.
pub(super) struct Wanted {
    /// Its name in diffusers.
    pub(super) name: String,
    /// Its shape in diffusers.
    pub(super) shape: Vec<usize>,
    /// What files may call it and how they may store it; the usual one first.
    pub(super) candidates: Vec<(String, Transform)>,
}

/// A component's tensors, each found and checked.
pub(super) struct ComponentTensors {
    label: PathBuf,
    places: BTreeMap<String, TensorPlace>,
}

/// Where a tensor lies.
struct TensorPlace {
    file: Arc<SafetensorsFile>,
    /// Its name in the file.
    original: String,
    range: Range<usize>,
    stored: StoredNumbers,
    /// What its numbers are multiplied with, if the file scales them.
    scale: Option<Scale>,
    /// Its shape in diffusers.
    shape: Vec<usize>,
    transform: Transform,
}

impl ComponentTensors {
    /// Finds every wanted tensor in `files`. `label` is what messages call the files together; `belongs` says of a
    /// name that nothing asked for whether it is one that the component would have computed with.
    pub(super) fn locate(
        label: &Path,
        files: &[Arc<SafetensorsFile>],
        wanted: Vec<Wanted>,
        belongs: impl Fn(&str) -> bool,
    ) -> Result<Self> {
        let mut stored = HashMap::new();
        for file in files {
            for (name, entry) in &file.header().tensors {
                if stored.insert(name.as_str(), (file, entry)).is_some() {
                    return Err(Error::Weights {
                        file: file.path().to_owned(),
                        tensor: Some(shorten(name)),
                        message: "is in another shard too; every tensor must be in one only".to_owned(),
                    });
                }
            }
        }
        let total = wanted.len();
        let mut used = HashSet::new();
        let mut places = BTreeMap::new();
        let mut missing = Vec::new();
        for Wanted { name, shape, candidates } in wanted {
            let present = || {
                candidates.iter().filter_map(|(name, transform)| Some((name, *transform, *stored.get(name.as_str())?)))
            };
            let fits = present().find(|(_, transform, (_, entry))| entry.shape == transform.original_shape(&shape));
            let Some((original, transform, (file, entry))) = fits.or_else(|| present().next()) else {
                missing.push(candidates.into_iter().next().map_or(name, |(original, _)| original));
                continue;
            };
            let fault =
                |message| Err(Error::Weights { file: file.path().to_owned(), tensor: Some(original.clone()), message });
            let expected = transform.original_shape(&shape);
            if entry.shape != expected {
                return fault(format!(
                    "has shape {} where the configuration asks for {expected:?}; weights and configuration are \
                     not of the same model",
                    short(&entry.shape)
                ));
            }
            let Some(format) = StoredNumbers::of(entry.dtype) else {
                return fault(format!(
                    "is stored as {}; weights may be F32, F16, BF16, F64 or 8-bit floats (F8_E4M3, F8_E5M2), and what \
                     other programs have quantized further (NF4, int8, GGUF) is not supported: get the model in one of \
                     these formats",
                    entry.dtype
                ));
            };
            let bytes = shape.iter().product::<usize>() * format.bytes();
            let third = if let Transform::Third(index) = transform { index } else { 0 };
            let start = entry.range.start + third * bytes;
            used.insert(original.clone());
            let companions = scale::companions(original, |name| stored.get(name).copied());
            used.extend(companions.names);
            let first_row = third * shape.first().copied().unwrap_or_default();
            let scale =
                companions.scale.map(|(name, (file, entry))| Scale::read(file, &name, entry, &expected, first_row));
            let place = TensorPlace {
                file: file.clone(),
                original: original.clone(),
                range: start..start + bytes,
                stored: format,
                scale: scale.transpose()?,
                shape,
                transform,
            };
            places.insert(name, place);
        }
        if let Some(first) = missing.first() {
            return Err(Error::Weights {
                file: label.to_owned(),
                tensor: Some(first.clone()),
                message: format!(
                    "is missing ({} of the {total} tensors that the configuration asks for are); weights and \
                     configuration are not of the same model, or the files are not complete",
                    missing.len()
                ),
            });
        }
        let mut others: Vec<_> = stored.keys().filter(|name| !used.contains(**name) && belongs(name)).collect();
        others.sort();
        if let Some(name) = others.first() {
            return Err(Error::Weights {
                file: label.to_owned(),
                tensor: Some(shorten(name)),
                message: format!(
                    "is there ({} such in all), but the configuration has no place for it, and it is none of the \
                     tensors that are known to be left over; weights and configuration are not of the same model",
                    others.len()
                ),
            });
        }
        Ok(Self { label: label.to_owned(), places })
    }

    /// Bytes of all tensors together.
    pub(super) fn size_in_bytes(&self) -> u64 {
        self.places.values().map(|place| place.range.len() as u64).sum()
    }

    fn place(&self, name: &str) -> Result<&TensorPlace> {
        self.places.get(name).ok_or_else(|| Error::Weights {
            file: self.label.clone(),
            tensor: Some(name.to_owned()),
            message: "is not a tensor of this component".to_owned(),
        })
    }
}

impl TensorPlace {
    /// The format that its numbers are given in.
    fn dtype(&self) -> WeightType {
        self.stored.widened(self.scale.is_some())
    }

    /// Whether its numbers are given as they are stored.
    fn is_plain(&self) -> bool {
        self.scale.is_none() && matches!(self.stored, StoredNumbers::Plain(_))
    }

    /// The numbers `stored`, the first of which is the tensor's number `first` in the order of the file.
    fn widen(&self, stored: Bytes, first: usize) -> Bytes {
        match &self.scale {
            None => self.stored.widen(stored, None),
            Some(scale) => self.stored.widen(stored, Some(&|place| scale.factor(first + place))),
        }
    }

    fn tensor(&self, stored: Bytes) -> RawTensor {
        let (data, dtype) = (self.widen(stored, 0), self.dtype());
        let data = match (self.transform, self.shape.as_slice()) {
            (Transform::Transposed, &[rows, columns]) => transpose(&data, rows, columns, dtype.bytes()),
            _ => data,
        };
        RawTensor { dtype, shape: self.shape.clone(), data }
    }
}

/// `stored` is `[columns, rows]`; gives `[rows, columns]`.
pub(super) fn transpose(stored: &[u8], rows: usize, columns: usize, size: usize) -> Bytes {
    let Ok(data) = aligned(stored.len(), |data| {
        for row in 0..rows {
            for column in 0..columns {
                let (from, to) = ((column * rows + row) * size, (row * columns + column) * size);
                data[to..to + size].copy_from_slice(&stored[from..from + size]);
            }
        }
        Ok::<_, Infallible>(())
    });
    data
}

impl TensorSource for ComponentTensors {
    fn names(&self) -> Vec<String> {
        self.places.keys().cloned().collect()
    }

    fn describe(&self, name: &str) -> Result<(WeightType, Vec<usize>)> {
        let place = self.place(name)?;
        Ok((place.dtype(), place.shape.clone()))
    }

    fn tensor(&self, name: &str) -> Result<RawTensor> {
        let place = self.place(name)?;
        Ok(place.tensor(place.file.mapped(place.range.clone(), place.stored.bytes())))
    }

    fn read(&self, name: &str) -> Result<RawTensor> {
        let place = self.place(name)?;
        Ok(place.tensor(place.file.read(place.range.clone())?))
    }

    fn read_range(&self, name: &str, range: Range<usize>) -> Result<Bytes> {
        let place = self.place(name)?;
        if place.transform == Transform::Transposed {
            return Ok(self.read(name)?.data.slice(range));
        }
        let start = place.range.start;
        if place.is_plain() {
            return place.file.read(start + range.start..start + range.end);
        }
        // Whole numbers around the bytes that are asked for.
        let (given, stored) = (place.dtype().bytes(), place.stored.bytes());
        let numbers = range.start / given..range.end.div_ceil(given);
        let read = place.file.read(start + numbers.start * stored..start + numbers.end * stored)?;
        let skipped = range.start - numbers.start * given;
        Ok(place.widen(read, numbers.start).slice(skipped..skipped + range.len()))
    }

    fn file_of(&self, name: &str) -> Option<PathBuf> {
        self.places.get(name).map(|place| place.file.path().to_owned())
    }

    fn name_in_file(&self, name: &str) -> String {
        self.places.get(name).map_or_else(|| name.to_owned(), |place| place.original.clone())
    }
}
