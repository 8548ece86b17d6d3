//! LoRA and its family (Hu et al. 2021): small files that change a model's weights, in every format that is found in the
//! wild, merged into the weights as they are packed, so that a step costs what it did.
//!
//! | Format | What a layer's change is |
//! |---|---|
//! | LoRA, LoCon | up · down, of linear layers and of convolutions, with or without a core (`lora_mid`) |
//! | LoHa | the product, number by number, of two such products (Hyeon-Woo et al. 2022, as LyCORIS has it) |
//! | LoKr | the Kronecker product of two matrices, each whole or a product (LyCORIS) |
//! | DoRA | one of these, after which the rows of the merged weight get the lengths in the file (Liu et al. 2024) |
//! | full | the difference itself (`diff`, `diff_b`) |

mod difference;
mod file;
#[cfg(test)]
mod hostile;
mod key;
mod layer;
mod lora_weights;
mod merge;
mod merged_tensors;
mod peft_metadata;
mod places;
mod products;
mod requested;
mod tensors;

pub use file::LoraFile;
pub use lora_weights::LoraWeights;
pub(crate) use merge::{ComponentMerge, Merge};
pub(crate) use merged_tensors::MergedTensors;
pub(crate) use places::Places;
pub use requested::RequestedLora;
