//! CLIP's tokenizer: from a prompt to the 77 ids that a text encoder reads.
//!
//! The steps are those of `CLIPTokenizer` in transformers 5: special tokens are taken out of the text, the rest is
//! brought into Unicode's composed form (NFC), runs of white space become one space, letters become lower case; then
//! the text is split into words, numbers and punctuation, written as bytes, and pairs of symbols are merged (byte pair
//! encoding, Sennrich et al. 2016) with `</w>` marking the end of a word.
//!
//! A model folder brings its own table. A single-file checkpoint does not; for those CLIP's table is part of the
//! program: `bpe_simple_vocab_16e6.txt.gz`, from <https://github.com/openai/CLIP>, © 2021 OpenAI, MIT licence.

mod added_token;
mod files;
mod padding;
mod special_tokens;
mod vocabulary;
mod write;

use std::path::Path;

use tokenizers::SplitDelimiterBehavior;
use tokenizers::models::bpe::BPE;
use tokenizers::normalizers::replace::ReplacePattern;
use tokenizers::normalizers::{Lowercase, NFC, Replace, Sequence as Normalizers};
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::pre_tokenizers::sequence::Sequence as PreTokenizers;
use tokenizers::pre_tokenizers::split::{Split, SplitPattern};

use crate::error::{Error, Result};
use special_tokens::SpecialTokens;
use vocabulary::Vocabulary;

pub(crate) use files::have_same_files;
pub use padding::{CONTEXT_LENGTH, Padding};
pub use write::write_built_in;

/// English endings, words of letters of any script, single digits, and runs of anything else that is not white space.
const WORDS: &str = r"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+";

/// A prompt as a text encoder reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tokens {
    /// [`CONTEXT_LENGTH`] ids: start of text, the prompt, end of text, padding.
    pub ids: Vec<u32>,
    /// The place of the first end-of-text token, whose state is the pooled embedding.
    pub end_of_text: usize,
    /// The part of the prompt that did not fit, if any, as it was written.
    pub dropped: Option<String>,
}

/// Turns prompts into token ids.
#[derive(Debug)]
pub struct Tokenizer {
    inner: tokenizers::Tokenizer,
    vocabulary_size: usize,
    start: u32,
    end: u32,
    padding: u32,
}

impl Tokenizer {
    /// Reads a model's `tokenizer` or `tokenizer_2` folder.
    ///
    /// The table is `tokenizer.json` if there is one (as transformers 5 saves it), else `vocab.json` and `merges.txt`;
    /// the special tokens are those of `tokenizer_config.json` and `special_tokens_map.json`, else CLIP's own.
    ///
    /// # Errors
    /// [`Error::Config`] or [`Error::Io`] naming the file that is missing, malformed or disagrees with the others.
    pub fn from_folder(folder: &Path) -> Result<Self> {
        let vocabulary = Vocabulary::from_folder(folder)?;
        let special = SpecialTokens::from_folder(folder, &vocabulary)?;
        Self::new(vocabulary, special)
    }

    /// CLIP's own table, cut to its first `vocabulary_size` words as a text encoder's `config.json` gives it (49,408
    /// is all of it), for models that come without a tokenizer.
    ///
    /// # Errors
    /// [`Error::Config`] if the table cannot be cut to that size.
    pub fn built_in(vocabulary_size: usize, padding: Padding) -> Result<Self> {
        Self::new(Vocabulary::built_in(vocabulary_size)?, SpecialTokens::clip(padding))
    }

    fn new(vocabulary: Vocabulary, special: SpecialTokens) -> Result<Self> {
        let Vocabulary { merges_file, words, merges, .. } = vocabulary;
        let broken = |error: tokenizers::Error| Error::Config {
            file: merges_file.clone(),
            message: format!(
                "{}; the words, merges and special tokens must be of one tokenizer",
                files::shown(&error.to_string())
            ),
        };
        let model = BPE::builder()
            .vocab_and_merges(words, merges)
            .unk_token(special.unknown)
            .continuing_subword_prefix(String::new())
            .end_of_word_suffix("</w>".to_owned())
            .build()
            .map_err(broken)?;
        let mut inner = tokenizers::Tokenizer::new(model);
        let white_space = Replace::new(ReplacePattern::Regex(r"\s+".to_owned()), " ").map_err(broken)?;
        inner.with_normalizer(Some(Normalizers::new(vec![NFC.into(), white_space.into(), Lowercase.into()])));
        let words = SplitPattern::Regex(WORDS.to_owned());
        let words = Split::new(words, SplitDelimiterBehavior::Removed, true).map_err(broken)?;
        let bytes = ByteLevel::default().add_prefix_space(false);
        inner.with_pre_tokenizer(Some(PreTokenizers::new(vec![words.into(), bytes.into()])));
        inner.add_special_tokens(&special.all);

        let id = |token: String| inner.token_to_id(&token).ok_or_else(|| broken(format!("`{token}` has no id").into()));
        let (start, end, padding) = (id(special.start)?, id(special.end)?, id(special.padding)?);
        let vocabulary_size = inner.get_vocab_size(true);
        Ok(Self { inner, vocabulary_size, start, end, padding })
    }

    /// One more than the highest id: how many rows a text encoder's token embedding must have at least.
    pub fn vocabulary_size(&self) -> usize {
        self.vocabulary_size
    }

    /// The ids of a prompt, cut or padded to [`CONTEXT_LENGTH`].
    ///
    /// Special tokens written in the prompt are special tokens, as in transformers.
    ///
    /// # Errors
    /// [`Error::Computation`] if the tokenizer refuses the text, which no text is known to cause.
    pub fn encode(&self, text: &str) -> Result<Tokens> {
        let prompt = self.encode_prompt(text)?;
        let room = CONTEXT_LENGTH - 2;
        let mut ids = vec![self.start];
        ids.extend(prompt.get_ids().iter().take(room));
        ids.push(self.end);
        ids.resize(CONTEXT_LENGTH, self.padding);
        let end_of_text = ids.iter().position(|&id| id == self.end).unwrap_or(CONTEXT_LENGTH - 1);
        let first_dropped = prompt.get_offsets().get(room);
        let dropped = first_dropped.map(|&(begin, _)| text[text.floor_char_boundary(begin)..].to_owned());
        Ok(Tokens { ids, end_of_text, dropped })
    }

    /// All ids of a prompt between start and end of text, however many there are.
    ///
    /// # Errors
    /// As [`Self::encode`].
    pub fn encode_untruncated(&self, text: &str) -> Result<Vec<u32>> {
        let prompt = self.encode_prompt(text)?;
        Ok([&[self.start], prompt.get_ids(), &[self.end]].concat())
    }

    /// The ids of a text without start and end, and where in the text each begins.
    pub(crate) fn tokens(&self, text: &str) -> Result<Vec<(u32, usize)>> {
        let encoding = self.encode_prompt(text)?;
        let begins = encoding.get_offsets().iter().map(|&(begin, _)| text.floor_char_boundary(begin));
        Ok(encoding.get_ids().iter().copied().zip(begins).collect())
    }

    /// The ids of start, end and padding.
    pub(crate) fn marks(&self) -> (u32, u32, u32) {
        (self.start, self.end, self.padding)
    }

    /// The id of a token as the table writes it, such as `,</w>`.
    pub(crate) fn id(&self, token: &str) -> Option<u32> {
        self.inner.token_to_id(token)
    }

    /// A token as the table writes it.
    pub(crate) fn token(&self, id: u32) -> Option<String> {
        self.inner.id_to_token(id)
    }

    fn encode_prompt(&self, text: &str) -> Result<tokenizers::Encoding> {
        let refused = |error: tokenizers::Error| Error::Computation { part: "token ids", message: error.to_string() };
        self.inner.encode(text, false).map_err(refused)
    }
}
