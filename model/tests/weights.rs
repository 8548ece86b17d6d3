//! Files on disk to raw tensors and back: layouts, names, number formats, and files that mean harm.

mod eight_bits;
mod export;
mod fuzz;
mod hostile;
mod layouts;
mod left_over;
mod manifests;
mod strange_numbers;
mod support;
mod vaes;
