//! How long an encoded prompt is, and what fills it up.

/// How many tokens SDXL's text encoders read, start, end and padding included.
pub const CONTEXT_LENGTH: usize = 77;

/// What fills the places after the end of a short prompt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Padding {
    /// `<|endoftext|>`, as SDXL's first tokenizer does.
    EndOfText,
    /// `!`, id 0, as SDXL's second tokenizer does. In a prompt, too, every `!` is then this token, as in transformers.
    Exclamation,
}
