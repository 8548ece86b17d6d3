//! What the tests of this folder share.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use easel_model::weights::{
    Component, ModelFiles, SafetensorsFile, Stored, TensorToWrite, WeightType, save_single_file, write_safetensors,
};
use easel_model::{
    DeviceChoice, DevicePreference, Model, ModelOptions, Precision, Requirement, ResolvedSettings, Result,
};
use serde_json::{Value, json};

/// A tensor by name, shape and content.
pub(crate) type Named = (String, WeightType, Vec<usize>, Bytes);

pub(crate) fn demo(model: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("demo").join(model)
}

/// The demo's base model copied to where it can be changed.
pub(crate) fn copy_of_demo(model: &str) -> tempfile::TempDir {
    let copy = tempfile::tempdir().expect("a temporary folder");
    copy_folder(&demo(model), copy.path());
    copy
}

pub(crate) fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for entry in std::fs::read_dir(from).expect("a folder to copy").flatten() {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).expect("a copy");
        }
    }
}

/// Everything in a safetensors file, as the `safetensors` crate itself reads it.
pub(crate) fn stored(path: &Path) -> BTreeMap<String, Named> {
    let content = std::fs::read(path).expect("a file");
    let tensors = safetensors::SafeTensors::deserialize(&content).expect("a sound file");
    let dtype = |dtype| match dtype {
        safetensors::Dtype::F32 => WeightType::F32,
        safetensors::Dtype::F16 => WeightType::F16,
        safetensors::Dtype::BF16 => WeightType::BF16,
        other => panic!("{other} in {}", path.display()),
    };
    let named = |(name, view): (String, safetensors::tensor::TensorView)| {
        let data = Bytes::copy_from_slice(view.data());
        (name.clone(), (name, dtype(view.dtype()), view.shape().to_vec(), data))
    };
    tensors.tensors().into_iter().map(named).collect()
}

pub(crate) fn write(path: &Path, tensors: impl IntoIterator<Item = Named>) {
    let to_write = tensors.into_iter().map(|(name, dtype, shape, data)| TensorToWrite {
        name,
        stored: Stored::Numbers(dtype),
        shape,
        produce: Box::new(move || Ok(data)),
    });
    write_safetensors(path, &BTreeMap::new(), to_write.collect()).expect("a written file");
}

/// A tensor as a file may have it: name, format, shape and content.
pub(crate) type AnyTensor = (String, &'static str, Vec<usize>, Vec<u8>);

/// Writes a file with tensors in any format.
pub(crate) fn write_any(path: &Path, metadata: &BTreeMap<String, String>, tensors: &[AnyTensor]) {
    let mut header = serde_json::Map::from_iter([("__metadata__".to_owned(), json!(metadata))]);
    let mut content = Vec::new();
    for (name, dtype, shape, bytes) in tensors {
        let offsets = [content.len(), content.len() + bytes.len()];
        header.insert(name.clone(), json!({ "dtype": dtype, "shape": shape, "data_offsets": offsets }));
        content.extend_from_slice(bytes);
    }
    let header = Value::Object(header).to_string();
    let mut file = (header.len() as u64).to_le_bytes().to_vec();
    file.extend_from_slice(header.as_bytes());
    file.extend_from_slice(&content);
    std::fs::write(path, file).expect("written");
}

/// The demo's base model as a single file in `folder`: its path, its free texts and its tensors.
pub(crate) fn single_file(folder: &Path) -> (PathBuf, BTreeMap<String, String>, Vec<AnyTensor>) {
    let path = folder.join("demo.safetensors");
    let model = ModelFiles::open(demo("base")).expect("the demo model");
    save_single_file(&model, &path, None).expect("a saved file");
    let metadata = SafetensorsFile::open(&path).expect("it opens").header().metadata.clone();
    let any = |(name, dtype, shape, data): Named| (name, dtype.name(), shape, data.to_vec());
    let tensors = stored(&path).into_values().map(any).collect();
    (path, metadata, tensors)
}

/// What opening the model at `path` with `options` and generating a small image with it gives.
pub(crate) fn try_image(path: &Path, options: &ModelOptions, precision: Precision) -> Result<Vec<u8>> {
    let requirement = Requirement { precision: Some(precision), ..Requirement::default() };
    let choice = DeviceChoice::select(DevicePreference::Flex, requirement)?;
    let settings = ResolvedSettings {
        width: Some(64),
        height: Some(64),
        steps: 2,
        seed: 5,
        use_refiner: options.refiner.is_some(),
        ..ResolvedSettings::new("a large red heart on a blue background")
    };
    let mut run = Model::open(path, options, &choice)?.start(settings)?;
    Ok(run.finish()?.remove(0).into_raw())
}

/// The small image in f32 of a model that opens.
pub(crate) fn image(path: &Path) -> Vec<u8> {
    try_image(path, &ModelOptions::default(), Precision::F32).expect("an image")
}

/// Every tensor of a component, both mapped and read; the two must agree.
pub(crate) fn tensors_of(model: &ModelFiles, component: Component) -> BTreeMap<String, Named> {
    let source = model.component(component).expect("readable").expect("the component");
    let named = |name: String| {
        let mapped = source.tensor(&name).expect("a mapped tensor");
        let read = source.read(&name).expect("a read tensor");
        assert_eq!(source.describe(&name).expect("a description"), (mapped.dtype, mapped.shape.clone()));
        assert_eq!((mapped.dtype, &mapped.shape, &mapped.data), (read.dtype, &read.shape, &read.data), "{name}");
        assert_eq!(mapped.data.len(), mapped.shape.iter().product::<usize>() * mapped.dtype.bytes());
        assert_eq!(mapped.data.as_ptr().align_offset(mapped.dtype.bytes()), 0, "{name} is not aligned");
        (name.clone(), (name, mapped.dtype, mapped.shape, mapped.data))
    };
    source.names().into_iter().map(named).collect()
}

/// The bytes of a safetensors file with this header and `length` bytes of zeros behind it.
pub(crate) fn file_with(header: &Value, length: usize) -> Vec<u8> {
    let header = header.to_string();
    let mut file = (header.len() as u64).to_le_bytes().to_vec();
    file.extend_from_slice(header.as_bytes());
    file.resize(file.len() + length, 0);
    file
}

/// A sound small file: two tensors and a free text.
pub(crate) fn small_file() -> Vec<u8> {
    let header = json!({
        "__metadata__": { "format": "pt" },
        "first.weight": { "dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24] },
        "second.bias": { "dtype": "BF16", "shape": [4], "data_offsets": [24, 32] },
    });
    file_with(&header, 32)
}

pub(crate) fn open_bytes(content: impl Into<Bytes>) -> Result<SafetensorsFile> {
    SafetensorsFile::from_bytes(PathBuf::from("memory.safetensors"), content.into())
}

/// Asserts that `result` failed with one line that has all of `parts` in it.
pub(crate) fn fails<T>(result: Result<T>, parts: &[&str]) {
    let Err(error) = result else { panic!("succeeded where it should have failed with {parts:?}") };
    let message = error.to_string();
    for part in parts {
        assert!(message.contains(part), "`{part}` is not in: {message}");
    }
    assert!(!message.contains('\n') && message.len() < 2000, "not one readable line: {message}");
}
