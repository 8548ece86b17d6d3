//! Files of trained words in every format, what is not one, and hostile ones.

mod pickles;

use std::path::Path;

use easel_model::{Embedding, Error};
use rand_mt::Mt64;
use safetensors::tensor::{Dtype, TensorView};

use crate::common::adapters;
use pickles::{Pickle, Tensor, legacy, zip};

fn open(name: &str, bytes: Vec<u8>) -> Result<Embedding, Error> {
    Embedding::from_bytes(Path::new(name), bytes.into())
}

fn words(name: &str, bytes: Vec<u8>) -> String {
    open(name, bytes).expect_err("it is refused").to_string()
}

/// A safetensors file with tensors of ones.
fn safetensors(tensors: &[(&str, &[usize])]) -> Vec<u8> {
    let data: Vec<Vec<u8>> =
        tensors.iter().map(|(_, shape)| 1.0_f32.to_le_bytes().repeat(shape.iter().product())).collect();
    let views = tensors
        .iter()
        .zip(&data)
        .map(|((name, shape), data)| (*name, TensorView::new(Dtype::F32, shape.to_vec(), data).expect("a tensor")));
    safetensors::serialize(views, None).expect("a file")
}

/// Vectors of both encoders as the reference file has them.
fn tensors() -> [Tensor; 2] {
    let bytes = std::fs::read(adapters("files/embeddings/zorbglow.safetensors")).expect("the file is there");
    let file = safetensors::SafeTensors::deserialize(&bytes).expect("a file");
    ["clip_l", "clip_g"].map(|name| {
        let view = file.tensor(name).expect("a tensor");
        let numbers = view.data().as_chunks().0.iter().map(|&number| f32::from_le_bytes(number)).collect();
        Tensor::new(numbers, view.shape())
    })
}

/// The file under the names that a dictionary in it gives the vectors.
fn pair(first: &str, second: &str) -> Pickle {
    let [l, g] = tensors();
    Pickle::dictionary([(first, Pickle::tensor(l)), (second, Pickle::tensor(g))])
}

#[test]
fn every_format_holds_the_same_vectors() {
    let expected = Embedding::open(&adapters("files/embeddings/zorbglow.safetensors")).expect("it opens");
    assert_eq!((expected.word(), expected.vectors(), expected.digest().len()), ("zorbglow", 3, 64));
    let nested = Pickle::dictionary([
        ("string_to_token", Pickle::dictionary([("*", Pickle::number(265))])),
        ("string_to_param", Pickle::dictionary([("*", pair("clip_l", "clip_g"))])),
        ("name", Pickle::text("zorbglow")),
        ("step", Pickle::none()),
    ]);
    let [l, g] = tensors();
    let parameters = Pickle::parameter_dictionary([("clip_l", Pickle::parameter(l)), ("clip_g", Pickle::parameter(g))]);
    let transposed = tensors().map(Pickle::transposed);
    let [l, g] = transposed;
    for (name, bytes) in [
        ("kohya", zip(&pair("clip_l", "clip_g"))),
        ("diffusers", zip(&pair("text_encoders_0", "text_encoders_1"))),
        ("A1111", zip(&nested)),
        ("parameters", zip(&Pickle::dictionary([("emb_params", parameters)]))),
        ("transposed", zip(&Pickle::dictionary([("clip_l", l), ("clip_g", g)]))),
        ("before 1.6", legacy(&pair("clip_l", "clip_g"))),
    ] {
        let found = open("zorbglow.pt", bytes.clone()).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(found.has_vectors_of(&expected), "{name}");
        // The ending says nothing, what is in the file does.
        assert!(open("zorbglow.safetensors", bytes).is_ok(), "{name}");
    }
}

#[test]
fn a_file_of_another_kind_is_named_as_what_it_is() {
    let l = |width| Tensor::new(vec![0.5; width], &[1, width]);
    let one =
        |width| zip(&Pickle::dictionary([("string_to_param", Pickle::dictionary([("*", Pickle::tensor(l(width)))]))]));
    assert!(words("a.pt", one(768)).contains("Stable Diffusion 1,"));
    assert!(words("a.pt", one(1024)).contains("Stable Diffusion 2,"));
    assert!(words("a.safetensors", safetensors(&[("emb_params", &[2, 768])])).contains("Stable Diffusion 1,"));
    assert!(words("a.safetensors", safetensors(&[("clip_g", &[2, 1280])])).contains("one text encoder"));
    assert!(words("a.safetensors", safetensors(&[("<cat>", &[768])])).contains("Stable Diffusion 1,"));
    assert!(words("a.safetensors", safetensors(&[("clip_l", &[2, 768]), ("clip_g", &[3, 1280])])).contains("clip_g"));
    assert!(words("a.safetensors", safetensors(&[("clip_l", &[76, 8]), ("clip_g", &[76, 8])])).contains("1 to 75"));
    let names: Vec<String> = (0..20).map(|index| format!("lora_unet_{index}.lora_down.weight")).collect();
    let lora: Vec<(&str, &[usize])> = names.iter().map(|name| (name.as_str(), &[1, 2][..])).collect();
    assert!(words("a.safetensors", safetensors(&lora)).contains("a LoRA"));
    assert!(words("a.safetensors", b"version https://git-lfs".to_vec()).contains("Git LFS"));
    assert!(words("a.safetensors", Vec::new()).contains("a.safetensors"));
    assert!(words("a.safetensors", b"<!DOCTYPE html>".to_vec()).contains("web page"));
    let nan = Pickle::dictionary([
        ("clip_l", Pickle::tensor(Tensor::new(vec![f32::NAN], &[1, 1]))),
        ("clip_g", Pickle::tensor(l(1))),
    ]);
    assert!(words("a.pt", zip(&nan)).contains("NaN"));
    let error = Embedding::open(Path::new("/does/not/exist.pt")).expect_err("it is not there");
    assert!(matches!(error, Error::Io { .. }), "{error}");
    assert!(Embedding::open(&adapters("files")).expect_err("a folder").to_string().contains("is a folder"));
}

#[test]
fn nothing_in_a_pickle_is_run() {
    for code in
        [&b"cos\nsystem\nX\x02\0\0\0ls\x85R."[..], b"cbuiltins\neval\nX\x01\0\0\0a\x85R.", b"c__builtin__\ngetattr\n."]
    {
        let bytes = [b"\x80\x02", code].concat();
        let error = words("a.pt", pickles::archive(&bytes, &[]));
        assert!(error.contains("is not run"), "{error}");
    }
}

/// How often a property is tried.
fn cases(usual: usize) -> usize {
    std::env::var("EASEL_PROPERTY_CASES").ok().and_then(|count| count.parse().ok()).unwrap_or(usual)
}

#[test]
fn hostile_files_are_refused_in_words() {
    let good = [
        zip(&pair("clip_l", "clip_g")),
        legacy(&pair("clip_l", "clip_g")),
        zip(&Pickle::dictionary([("string_to_param", Pickle::dictionary([("*", pair("clip_l", "clip_g"))]))])),
        std::fs::read(adapters("files/embeddings/zorbglow.safetensors")).expect("the file is there"),
    ];
    let pieces: [&[u8]; 14] = [
        b"\xff\xff\xff\xff",
        b"\xff\xff\xff\x7f",
        b"(",
        b"}",
        b"u",
        b"R",
        b"b",
        b"t",
        b"q\x00",
        b"h\x00",
        b"2222",
        b"PK\x05\x06",
        b"ctorch._utils\n_rebuild_tensor_v2\n",
        b"\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f",
    ];
    let mut random = Mt64::new(5);
    let mut below = |bound: usize| (random.next_u64() % bound.max(1) as u64) as usize;
    for _ in 0..cases(600) {
        let mut bytes = good[below(good.len())].clone();
        // The numbers are most of a file, and nothing depends on them.
        let ends = [400, bytes.len()];
        for _ in 0..=below(4) {
            let limit = bytes.len().min(ends[below(2)]);
            let place = if below(4) == 0 { bytes.len() - 1 - below(200.min(bytes.len() - 1)) } else { below(limit) };
            match below(5) {
                0 => bytes[place] = below(256) as u8,
                1 => bytes[place] ^= 1 << below(8),
                2 => drop(bytes.splice(place..place, pieces[below(pieces.len())].iter().copied())),
                3 => drop(bytes.drain(place..(place + 1 + below(8)).min(bytes.len()))),
                _ => {
                    let piece = pieces[below(pieces.len())];
                    let end = (place + piece.len()).min(bytes.len());
                    bytes.splice(place..end, piece.iter().copied());
                }
            }
            if bytes.len() < 300 {
                break;
            }
        }
        match open("word.pt", bytes) {
            Ok(embedding) => assert!((1..=75).contains(&embedding.vectors())),
            Err(error) => assert!(error.to_string().starts_with("word.pt"), "{error}"),
        }
    }
}
