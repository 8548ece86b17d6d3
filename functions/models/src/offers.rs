//! What a service offers beside its first model: LoRAs, textual inversions and further models, each by a name.
//!
//! LoRAs and textual inversions are the files of a folder, or of an address like a model's, in which they are found by name
//! and known by their digests ([`Catalogue`]). Models are listed with a name each ([`NamedModel`]).

mod catalogue;
mod digests;
mod error;
mod listing;
mod named_model;
mod offer_kind;
mod place;

pub use catalogue::{Catalogue, OfferedFile, OfferedName};
pub use error::OfferError;
pub use named_model::NamedModel;
pub use offer_kind::OfferKind;
