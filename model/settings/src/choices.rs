//! Settings that are one of several names.

/// An enumeration of the values of a setting, each with its name.
macro_rules! choices {
    ($( #[doc = $type_help:literal] )+ $type:ident { $( #[doc = $help:literal] $variant:ident = $name:literal, )+ }) => {
        $( #[doc = $type_help] )+
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
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

pub(crate) use choices;
