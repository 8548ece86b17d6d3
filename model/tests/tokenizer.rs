//! The tokenizer against transformers' own ids, on hostile folders, and on random text.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::{Path, PathBuf};

use easel_model::tokenizer::{CONTEXT_LENGTH, Padding, Tokenizer, Tokens, write_built_in};
use safetensors::SafeTensors;
use serde_json::{Value, json};

const FULL: usize = 49_408;
const DEMO: usize = 7_514;

fn project(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn read_json(path: &str) -> Value {
    serde_json::from_slice(&fs::read(project(path)).unwrap()).unwrap()
}

fn ids(value: &Value) -> Vec<u32> {
    value.as_array().unwrap().iter().map(|id| id.as_u64().unwrap() as u32).collect()
}

#[test]
fn built_in_table_gives_the_reference_ids() {
    let first = Tokenizer::built_in(FULL, Padding::EndOfText).unwrap();
    let second = Tokenizer::built_in(FULL, Padding::Exclamation).unwrap();
    assert_eq!((first.vocabulary_size(), second.vocabulary_size()), (FULL, FULL));
    let reference = read_json("tests/reference/clip/tokens.json");
    let reference = reference.as_array().unwrap();
    assert_eq!(reference.len(), 96);
    for entry in reference {
        let text = entry["text"].as_str().unwrap();
        let untruncated = ids(&entry["untruncated_ids"]);
        assert_eq!(untruncated.len() as u64, entry["untruncated_length"].as_u64().unwrap());
        assert_eq!(first.encode_untruncated(text).unwrap(), untruncated, "{text:?}");
        let tokens = first.encode(text).unwrap();
        assert_eq!(tokens.ids, ids(&entry["ids_77"]), "{text:?}");
        assert_eq!(tokens.dropped.is_some(), untruncated.len() > CONTEXT_LENGTH, "{text:?}");
        assert_eq!(tokens.ids[tokens.end_of_text], 49_407);
        assert!(!tokens.ids[..tokens.end_of_text].contains(&49_407));

        if !text.contains('!') {
            let other = second.encode(text).unwrap();
            let length = untruncated.len().min(CONTEXT_LENGTH);
            assert_eq!(other.ids[..length], tokens.ids[..length], "{text:?}");
            assert!(other.ids[length..].iter().all(|&id| id == 0), "{text:?}");
            assert_eq!((other.end_of_text, other.dropped), (tokens.end_of_text, tokens.dropped));
        }
    }
}

#[test]
fn demo_folders_give_the_reference_ids() {
    let first = Tokenizer::from_folder(&project("demo/base/tokenizer")).unwrap();
    let second = Tokenizer::from_folder(&project("demo/base/tokenizer_2")).unwrap();
    let cases = read_json("tests/reference/pipeline/cases.json");
    assert_eq!(cases.as_array().unwrap().len(), 15);
    for case in cases.as_array().unwrap() {
        let name = case["name"].as_str().unwrap();
        let bytes = fs::read(project(&format!("tests/reference/pipeline/{name}.safetensors"))).unwrap();
        let tensors = SafeTensors::deserialize(&bytes).unwrap();
        for (tokenizer, tensor) in [(&first, "token_ids_1"), (&second, "token_ids_2")] {
            let expected: Vec<u32> = tensors
                .tensor(tensor)
                .unwrap()
                .data()
                .chunks_exact(8)
                .map(|id| i64::from_le_bytes(id.try_into().unwrap()) as u32)
                .collect();
            let tokens = tokenizer.encode(case["prompt"].as_str().unwrap()).unwrap();
            assert_eq!(tokens.ids, expected, "{name}, {tensor}");
        }
    }
}

#[test]
fn cut_built_in_table_is_the_demo_models() {
    let texts = read_json("tests/reference/clip/tokens.json");
    for (folder, padding) in [("tokenizer", Padding::EndOfText), ("tokenizer_2", Padding::Exclamation)] {
        let own = Tokenizer::from_folder(&project(&format!("demo/base/{folder}"))).unwrap();
        let cut = Tokenizer::built_in(DEMO, padding).unwrap();
        assert_eq!((own.vocabulary_size(), cut.vocabulary_size()), (DEMO, DEMO));
        for text in texts.as_array().unwrap() {
            let text = text["text"].as_str().unwrap();
            assert_eq!(own.encode(text).unwrap(), cut.encode(text).unwrap(), "{text:?}");
            assert_eq!(own.encode_untruncated(text).unwrap(), cut.encode_untruncated(text).unwrap(), "{text:?}");
        }
    }
}

/// Expected ids: `CLIPTokenizer.from_pretrained("demo/base/tokenizer")` and `…/tokenizer_2` in transformers 5.
#[test]
fn special_tokens_in_a_prompt_are_those_of_transformers() {
    let (start, end) = (7512, 7513);
    let first = Tokenizer::from_folder(&project("demo/base/tokenizer")).unwrap();
    let second = Tokenizer::from_folder(&project("demo/base/tokenizer_2")).unwrap();
    let capitals: &[u32] = &[start, 27, 347, 524, 639, 69, 4160, 91, 285, 320, end];
    let cases: [(&str, &[u32], &[u32]); 6] = [
        ("hello!", &[start, 3306, 256, end], &[start, 3306, 0, end]),
        ("hi! <|endoftext|> ! a", &[start, 1883, 256, end, 256, 320, end], &[start, 1883, 0, end, 0, 320, end]),
        ("a<|startoftext|>b", &[start, 320, start, 321, end], &[start, 320, start, 321, end]),
        ("<|EndOfText|> a", capitals, capitals),
        ("wow!!! cat", &[start, 2781, 995, 2368, end], &[start, 2781, 0, 0, 0, 2368, end]),
        ("a <|endoftext|>b", &[start, 320, end, 321, end], &[start, 320, end, 321, end]),
    ];
    for (text, in_first, in_second) in cases {
        assert_eq!(first.encode_untruncated(text).unwrap(), in_first, "{text}");
        assert_eq!(second.encode_untruncated(text).unwrap(), in_second, "{text}");
    }
    assert_eq!(first.encode("hi <|endoftext|> a").unwrap().end_of_text, 2);
}

#[test]
fn overlong_prompts_name_what_was_dropped() {
    let tokenizer = Tokenizer::built_in(FULL, Padding::EndOfText).unwrap();
    let fits = "cat ".repeat(75);
    assert_eq!(tokenizer.encode(&fits).unwrap().dropped, None);
    let tokens = tokenizer.encode(&format!("{fits}a Big DOG,  naïve  🦀")).unwrap();
    assert_eq!(tokens.dropped.as_deref(), Some("a Big DOG,  naïve  🦀"));
    assert_eq!(tokens.end_of_text, CONTEXT_LENGTH - 1);
    // The cut falls inside the four bytes of a character.
    let tokens = tokenizer.encode(&format!("{}🪿 flies", "cat ".repeat(73))).unwrap();
    assert_eq!(tokens.dropped.as_deref(), Some("🪿 flies"));
}

/// A folder with the demo model's tokenizer, to be spoilt.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for file in ["vocab.json", "merges.txt", "tokenizer_config.json", "special_tokens_map.json"] {
        fs::copy(project("demo/base/tokenizer_2").join(file), folder.path().join(file)).unwrap();
    }
    folder
}

fn edit_json(folder: &Path, file: &str, edit: impl FnOnce(&mut Value)) {
    let path = folder.join(file);
    let mut value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    edit(&mut value);
    fs::write(path, value.to_string()).unwrap();
}

#[test]
fn hostile_folders_are_refused_by_name() {
    type Spoil = fn(&Path);
    let cases: [(&str, &str, Spoil); 23] = [
        ("vocab.json", "is missing", |path| fs::remove_file(path.join("vocab.json")).unwrap()),
        ("merges.txt", "is missing", |path| fs::remove_file(path.join("merges.txt")).unwrap()),
        ("vocab.json", "not a CLIP tokenizer's file", |path| fs::write(path.join("vocab.json"), "{\"a\": 0,").unwrap()),
        ("vocab.json", "invalid type", |path| fs::write(path.join("vocab.json"), "[1, 2]").unwrap()),
        ("vocab.json", "invalid value", |path| edit_json(path, "vocab.json", |vocab| vocab["cat</w>"] = json!(-1))),
        ("vocab.json", "invalid type", |path| edit_json(path, "vocab.json", |vocab| vocab["cat</w>"] = json!("3"))),
        ("vocab.json", "`cat</w>` and `dog</w>` both have the id", |path| {
            edit_json(path, "vocab.json", |vocab| vocab["cat</w>"] = vocab["dog</w>"].clone())
        }),
        ("vocab.json", "`cat</w>` has the id 4294967295", |path| {
            edit_json(path, "vocab.json", |vocab| vocab["cat</w>"] = json!(u32::MAX))
        }),
        ("vocab.json", "has the id 7513, but 7513 words", |path| {
            edit_json(path, "vocab.json", |vocab| drop(vocab.as_object_mut().unwrap().remove("cat</w>")))
        }),
        ("vocab.json", "does not have `<|endoftext|>`", |path| {
            edit_json(path, "vocab.json", |vocab| {
                let vocab = vocab.as_object_mut().unwrap();
                let id = vocab.remove("<|endoftext|>").unwrap();
                vocab.insert("<stop>".to_owned(), id);
            })
        }),
        ("vocab.json", "does not have `<pad>`, which is the pad_token", |path| {
            edit_json(path, "special_tokens_map.json", |map| map["pad_token"] = json!("<pad>"))
        }),
        ("vocab.json", "has 200000 words", |path| {
            let words: serde_json::Map<_, _> = (0..200_000).map(|id| (format!("w{id}"), json!(id))).collect();
            fs::write(path.join("vocab.json"), Value::Object(words).to_string()).unwrap();
        }),
        ("vocab.json", "larger than 8 MiB", |path| {
            fs::File::create(path.join("vocab.json")).unwrap().set_len(1 << 40).unwrap()
        }),
        ("vocab.json", "valid UTF-8", |path| fs::write(path.join("vocab.json"), [0x7b, 0xff]).unwrap()),
        ("merges.txt", "line 3 is `three words here`", |path| {
            fs::write(path.join("merges.txt"), "#version: 0.2\ni n\nthree words here\n").unwrap()
        }),
        ("merges.txt", "`zebracorn`", |path| {
            fs::write(path.join("merges.txt"), "#version: 0.2\ni n\ni zebracorn\n").unwrap()
        }),
        ("merges.txt", "line 1 is `wwww", |path| fs::write(path.join("merges.txt"), "w".repeat(1_000_000)).unwrap()),
        ("merges.txt", "line 1 is `\\0\\u{1b}", |path| fs::write(path.join("merges.txt"), "\0\x1b[31m\n").unwrap()),
        ("tokenizer_config.json", "not a CLIP", |path| fs::write(path.join("tokenizer_config.json"), "{").unwrap()),
        ("tokenizer_config.json", "model_max_length is 32", |path| {
            edit_json(path, "tokenizer_config.json", |config| config["model_max_length"] = json!(32))
        }),
        ("tokenizer_config.json", "added token `<cat>` has the id 9", |path| {
            edit_json(path, "tokenizer_config.json", |config| {
                config["added_tokens_decoder"] = json!({ "9": { "content": "<cat>" } })
            })
        }),
        ("special_tokens_map.json", "not a CLIP", |path| {
            fs::write(path.join("special_tokens_map.json"), "{\"pad_token\": 5}").unwrap()
        }),
        ("tokenizer.json", "missing field `model`", |path| fs::write(path.join("tokenizer.json"), "{}").unwrap()),
    ];
    for (file, complaint, spoil) in cases {
        let folder = folder();
        spoil(folder.path());
        let message = Tokenizer::from_folder(folder.path()).unwrap_err().to_string();
        let path = folder.path().join(file).display().to_string();
        assert!(message.contains(&path) && message.contains(complaint), "{file}, {complaint}: {message}");
        assert!(!message.contains('\n') && message.len() < 1000, "{message}");
    }
}

#[test]
fn built_in_table_is_cut_to_possible_sizes_only() {
    for size in [514, 515, FULL] {
        assert_eq!(Tokenizer::built_in(size, Padding::EndOfText).unwrap().vocabulary_size(), size);
    }
    for size in [0, 513, FULL + 1, usize::MAX] {
        let message = Tokenizer::built_in(size, Padding::EndOfText).unwrap_err().to_string();
        assert!(message.contains(&format!("{size} words")), "{message}");
    }
}

#[test]
fn a_written_table_is_read_back() {
    let folder = tempfile::tempdir().unwrap();
    for padding in [Padding::EndOfText, Padding::Exclamation] {
        let path = folder.path().join(format!("{padding:?}"));
        write_built_in(&path, DEMO, padding).unwrap();
        let (read, built_in) = (Tokenizer::from_folder(&path).unwrap(), Tokenizer::built_in(DEMO, padding).unwrap());
        for text in ["", "a large red heart on a blue background!", "<|endoftext|> naïve 🦀!!"] {
            assert_eq!(read.encode(text).unwrap(), built_in.encode(text).unwrap());
        }
    }
}

/// The single file that transformers 5 saves instead of `vocab.json` and `merges.txt`, in both ways to write merges.
#[test]
fn a_folder_with_one_file_gives_the_same_ids() {
    let expected = Tokenizer::from_folder(&project("demo/base/tokenizer_2")).unwrap();
    let merges = fs::read_to_string(project("demo/base/tokenizer_2/merges.txt")).unwrap();
    let lines: Vec<Value> = merges.lines().skip(1).map(|line| json!(line)).collect();
    let pairs = lines.iter().map(|line| line.as_str().unwrap().split(' ').collect::<Vec<_>>().into()).collect();
    for merges in [lines, pairs] {
        let folder = folder();
        let vocab = read_json("demo/base/tokenizer_2/vocab.json");
        let tokenizer = json!({
            "version": "1.0",
            "added_tokens": [{
                "id": 0, "content": "!", "single_word": false, "lstrip": false, "rstrip": false,
                "normalized": false, "special": true
            }],
            "model": { "type": "BPE", "vocab": vocab, "merges": merges }
        });
        fs::write(folder.path().join("tokenizer.json"), tokenizer.to_string()).unwrap();
        fs::remove_file(folder.path().join("vocab.json")).unwrap();
        fs::remove_file(folder.path().join("merges.txt")).unwrap();
        let tokenizer = Tokenizer::from_folder(folder.path()).unwrap();
        for text in ["a large red heart on a blue background", "hello! <|endoftext|> naïve 🦀!!"] {
            assert_eq!(tokenizer.encode(text).unwrap(), expected.encode(text).unwrap());
        }
    }
}

/// What editors, unpackers and older releases of the library make of a folder.
#[test]
fn folders_of_every_age_give_the_same_ids() {
    let expected = Tokenizer::from_folder(&project("demo/base/tokenizer_2")).unwrap();
    let rewrite = |folder: &Path, file: &str, change: &dyn Fn(String) -> String| {
        let path = folder.join(file);
        fs::write(&path, change(fs::read_to_string(&path).unwrap())).unwrap();
    };
    let marked = |text: String| format!("\u{feff}{text}");
    let of_windows = |text: String| text.replace('\n', "\r\n");
    let blank = |text: String| format!("{text}\n \n\r\n");
    let changes: [&dyn Fn(&Path); 6] = [
        &|folder| rewrite(folder, "merges.txt", &blank),
        &|folder| rewrite(folder, "merges.txt", &of_windows),
        &|folder| rewrite(folder, "merges.txt", &|text| marked(blank(of_windows(text)))),
        &|folder| {
            for file in ["vocab.json", "tokenizer_config.json", "special_tokens_map.json"] {
                rewrite(folder, file, &|text| blank(marked(text)));
            }
        },
        // What is in the table may be listed again.
        &|folder| {
            let added = json!({ "<|startoftext|>": 7512, "<|endoftext|>": 7513 });
            fs::write(folder.join("added_tokens.json"), added.to_string()).unwrap();
        },
        &|folder| fs::write(folder.join("added_tokens.json"), "{}").unwrap(),
    ];
    for change in changes {
        let folder = folder();
        change(folder.path());
        let tokenizer = Tokenizer::from_folder(folder.path()).unwrap();
        for text in ["a large red heart on a blue background", "hello! <|endoftext|> naïve 🦀!!"] {
            assert_eq!(tokenizer.encode(text).unwrap(), expected.encode(text).unwrap());
        }
    }
}

/// `added_tokens.json` is where releases before `added_tokens_decoder` kept what was added to the table.
#[test]
fn tokens_of_a_file_of_their_own_are_known() {
    let folder = folder();
    let added = |tokens: Value| fs::write(folder.path().join("added_tokens.json"), tokens.to_string()).unwrap();
    added(json!({ "<cat-toy>": 7514, "<dog-toy>": 7515 }));
    let tokenizer = Tokenizer::from_folder(folder.path()).unwrap();
    assert_eq!(tokenizer.vocabulary_size(), DEMO + 2);
    assert_eq!(tokenizer.encode_untruncated("a <cat-toy> <DOG-toy>").unwrap(), [7512, 320, 7514, 7515, 7513]);
    for (tokens, complaint) in [
        (json!({ "<cat-toy>": 7515 }), "its place in the table is 7514"),
        (json!({ "": 7514 }), "is empty"),
        (json!({ "cat</w>": 3 }), "its place in the table is"),
        (json!({ "<cat-toy>": -1 }), "not a CLIP tokenizer's file"),
        (json!(["<cat-toy>"]), "not a CLIP tokenizer's file"),
    ] {
        added(tokens);
        let message = Tokenizer::from_folder(folder.path()).unwrap_err().to_string();
        assert!(message.contains("added_tokens.json") && message.contains(complaint), "{message}");
    }
}

/// Official SDXL folders say `"normalized": true`: then a special token is found whatever its case. Expected ids: as
/// transformers 5 gives them for the same two files.
#[test]
fn configured_special_tokens_are_respected() {
    let folder = folder();
    let token = |content: &str| json!({ "content": content, "lstrip": false, "normalized": true, "special": true });
    edit_json(folder.path(), "tokenizer_config.json", |config| {
        config["added_tokens_decoder"] =
            json!({ "7512": token("<|startoftext|>"), "7513": token("<|endoftext|>"), "7514": token("<Cat-Toy>") })
    });
    let tokenizer = Tokenizer::from_folder(folder.path()).unwrap();
    assert_eq!(tokenizer.vocabulary_size(), DEMO + 1);
    let ids = tokenizer.encode_untruncated("a <cat-toy> <|EndOfText|> a!").unwrap();
    assert_eq!(ids, [7512, 320, 7514, 7513, 320, 0, 7513]);
}

/// A small generator of the same numbers everywhere (SplitMix64, Steele et al. 2014).
struct RandomNumbers(u64);

impl RandomNumbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())]
    }

    fn character(&mut self) -> char {
        let (first, last) = self.pick(&[
            (0x0, 0x20),           // control characters
            (0x20, 0x7E),          // ASCII
            (0x7F, 0xFF),          // Latin-1
            (0x300, 0x36F),        // combining marks
            (0x600, 0x6FF),        // right to left
            (0x1100, 0x11FF),      // Hangul that composes
            (0x2000, 0x206F),      // spaces, joiners, directions
            (0x3040, 0x30FF),      // kana
            (0xD700, 0xD7FF),      // up to the surrogates
            (0xE000, 0xE0FF),      // right after them
            (0xFB00, 0xFDFF),      // ligatures
            (0xFFF0, 0xFFFF),      // the end of the first plane
            (0x1F300, 0x1FAFF),    // emoji
            (0x0, 0xFFFF),         // anything in the first plane
            (0x0, 0x10FFFF_usize), // anything
        ]);
        char::from_u32((first + self.below(last - first + 1)) as u32).unwrap_or('\u{D7FF}')
    }

    /// Up to 2,000 characters, the longest prompt that requests may have; most are short.
    fn text(&mut self) -> String {
        const PIECES: [&str; 14] = [
            "<|endoftext|>",
            "<|startoftext|>",
            "<|ENDOFTEXT|>",
            "<|endof",
            "|>",
            "</w>",
            "!",
            "'re",
            " ",
            "\r\n",
            "(masterpiece:1.2)",
            "a photo of a cat, ",
            "e\u{301}",
            "İ",
        ];
        let longest = if self.below(50) == 0 { 2000 } else { self.pick(&[1, 5, 20, 60, 60, 60, 200]) };
        let length = self.below(longest + 1);
        let mut text = String::new();
        let mut characters = 0;
        let style = self.below(5);
        let fixed = self.character();
        while characters < length {
            let piece = match style {
                0 => self.character().to_string(),
                1 => self.pick(&PIECES).to_owned(),
                2 => fixed.to_string(),
                3 => char::from(b'a' + self.below(26) as u8).to_string(),
                _ if self.below(4) == 0 => self.pick(&PIECES).to_owned(),
                _ => self.character().to_string(),
            };
            characters += piece.chars().count();
            text.push_str(&piece);
        }
        text
    }
}

#[test]
fn any_text_gives_77_valid_ids() {
    let first = Tokenizer::built_in(FULL, Padding::EndOfText).unwrap();
    let second = Tokenizer::from_folder(&project("demo/base/tokenizer_2")).unwrap();
    let smallest = Tokenizer::built_in(514, Padding::Exclamation).unwrap();
    let check = |tokenizer: &Tokenizer, text: &str, padding: u32| {
        let tokens = tokenizer.encode(text).unwrap();
        let size = tokenizer.vocabulary_size() as u32;
        let (start, end) = (size - 2, size - 1);
        let Tokens { ids, end_of_text, dropped } = &tokens;
        assert_eq!(ids.len(), CONTEXT_LENGTH, "{text:?}");
        assert!(ids.iter().all(|&id| id < size), "{text:?}");
        assert_eq!(ids[0], start, "{text:?}");
        assert_eq!(ids.iter().position(|&id| id == end), Some(*end_of_text), "{text:?}");
        let untruncated = tokenizer.encode_untruncated(text).unwrap();
        let length = untruncated.len().min(CONTEXT_LENGTH);
        assert_eq!(ids[..length - 1], untruncated[..length - 1], "{text:?}");
        assert_eq!(ids[length - 1], end, "{text:?}");
        assert!(ids[length..].iter().all(|&id| id == padding), "{text:?}");
        match dropped {
            Some(dropped) => assert!(!dropped.is_empty() && text.ends_with(dropped), "{text:?}"),
            None => assert!(untruncated.len() <= CONTEXT_LENGTH, "{text:?}"),
        }
        assert_eq!(tokenizer.encode(text).unwrap(), tokens, "{text:?}");
    };
    let mut random = RandomNumbers(20_240_731);
    for round in 0..100_000 {
        let text = random.text();
        match round % 3 {
            0 => check(&first, &text, FULL as u32 - 1),
            1 => check(&second, &text, 0),
            _ => check(&smallest, &text, 0),
        }
    }
}

/// A small tokenizer folder with random bytes changed, removed or added: an error or a tokenizer that works.
#[test]
fn spoilt_folders_never_panic() {
    let vocab = read_json("demo/base/tokenizer/vocab.json");
    let merged = 20;
    let mut words: serde_json::Map<String, Value> =
        vocab.as_object().unwrap().clone().into_iter().filter(|(_, id)| id.as_u64().unwrap() < 512 + merged).collect();
    words.insert("<|startoftext|>".to_owned(), json!(512 + merged));
    words.insert("<|endoftext|>".to_owned(), json!(513 + merged));
    let merges = fs::read_to_string(project("demo/base/tokenizer/merges.txt")).unwrap();
    let merges: Vec<&str> = merges.lines().take(1 + merged as usize).collect();
    let pairs: Vec<Value> = merges[1..].iter().map(|line| json!(line)).collect();
    let added = json!([{ "id": 513 + merged, "content": "<|endoftext|>", "special": true, "normalized": true }]);
    let token = json!({ "content": "<Cat>", "lstrip": true, "rstrip": true, "single_word": true, "normalized": true });
    let files = [
        ("vocab.json", Value::Object(words.clone()).to_string()),
        ("merges.txt", merges.join("\n")),
        ("special_tokens_map.json", json!({ "bos_token": "<|startoftext|>", "pad_token": "!" }).to_string()),
        ("tokenizer_config.json", json!({ "added_tokens_decoder": { "534": token }, "pad_token": "!" }).to_string()),
        ("tokenizer.json", json!({ "model": { "vocab": words, "merges": pairs }, "added_tokens": added }).to_string()),
    ];
    let mut random = RandomNumbers(7);
    let mut loaded = 0;
    for _ in 0..4000 {
        let folder = tempfile::tempdir().unwrap();
        // Either table and any choice of configurations, one of the files spoilt.
        let table = random.pick(&[&[0, 1][..], &[4][..]]);
        let mut present = table.to_vec();
        present.extend([2, 3].into_iter().filter(|_| random.below(2) == 0));
        let spoilt = random.pick(&present);
        for index in present {
            let (name, text) = &files[index];
            let mut bytes = text.clone().into_bytes();
            for _ in 0..if index == spoilt { 1 + random.below(3) } else { 0 } {
                let place = random.below(bytes.len() + 1);
                let byte = random.pick(b"\"{}[]:, 0915an\n\\<\xC3");
                match random.below(4) {
                    0 if place < bytes.len() => bytes[place] = byte,
                    1 if place < bytes.len() => drop(bytes.remove(place)),
                    2 => bytes.truncate(place),
                    _ => bytes.insert(place, byte),
                }
            }
            fs::write(folder.path().join(name), bytes).unwrap();
        }
        match Tokenizer::from_folder(folder.path()) {
            Ok(tokenizer) => {
                loaded += 1;
                let text = random.text() + " <cat>  <Cat> <|endoftext|>!";
                let tokens = tokenizer.encode(&text).unwrap();
                assert_eq!(tokens.ids.len(), CONTEXT_LENGTH);
                assert!(tokens.ids.iter().all(|&id| (id as usize) < tokenizer.vocabulary_size()));
            }
            Err(error) => {
                let folder = folder.path().display().to_string();
                assert!(error.to_string().contains(&folder), "{error}");
            }
        }
    }
    assert!((200..3800).contains(&loaded), "{loaded} of 4000 folders loaded");
}
