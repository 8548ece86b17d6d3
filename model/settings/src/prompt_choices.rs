//! How a prompt is read.

use serde::{Deserialize, Serialize};

macro_rules! choices {
    ($( #[doc = $type_help:literal] )+ $type:ident { $( #[doc = $help:literal] $variant:ident = $name:literal, )+ }) => {
        $( #[doc = $type_help] )+
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub enum $type {
            $( #[doc = $help] #[serde(rename = $name)] $variant, )+
        }

        impl $type {
            /// Every name, as written on the command line and in requests.
            pub const NAMES: &[&str] = &[$( $name, )+];

            /// The name as written on the command line and in requests.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self {
                    $( Self::$variant => $name, )+
                }
            }
        }
    };
}

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
