//! How a prompt is read.

use crate::choices::choices;

choices! {
    /// What the marks in a prompt mean.
    PromptSyntax {
        /// AUTOMATIC1111's: `(red:1.3)`, `[red]`, `BREAK`, `AND`, `[red:blue:0.5]`, `[red|blue]`, `# comments`.
        A1111 = "a1111",
        /// compel's: `red++`, `(red)1.3`, `("red", "blue").and()`, `("red", "blue").blend(1, 0.5)`.
        Compel = "compel",
        /// Nothing: every character is text.
        Plain = "plain",
    }
}

choices! {
    /// What is done about a prompt and a negative prompt of different lengths.
    PromptPadding {
        /// The model reads them one after the other.
        None = "none",
        /// The shorter one is filled up with empty texts.
        Empty = "empty",
    }
}
