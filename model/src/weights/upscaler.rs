//! Files of networks that enlarge images: `.safetensors`, or what `torch.save` wrote (`.pth`), of which nothing is run.
//!
//! Their tensors are given under BasicSR's names, whichever of the three ways of naming the file has. What they are is told
//! by names and shapes; there is no configuration.

mod file;
mod names;
mod numbers;
mod other_network;
mod shape;

pub use file::UpscalerFile;
