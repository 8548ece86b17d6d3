//! Files on disk to raw tensors and back: layouts, names, number formats, and files that mean harm.

mod export;
mod fuzz;
mod hostile;
mod layouts;
mod manifests;
mod support;
