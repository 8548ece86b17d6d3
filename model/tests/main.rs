//! SDXL against the reference implementation, and what a generation promises. One program: every one of its own would
//! link Burn again.

mod adapter_cases;
mod clip_skip;
mod common;
mod controls;
mod cuda;
mod embeddings;
mod fingerprints;
mod formats;
mod guidance_interval;
mod hostile_adapters;
mod hostile_checkpoints;
mod image_prompts;
mod loras;
mod noise;
mod overlay;
mod prompt_cases;
mod prompts;
mod reference;
mod repeated_prompts;
mod requests;
mod resuming;
mod reused_features;
mod scheduler_choice;
mod schedulers;
mod several_images;
mod tiny_vae;
mod tokenizer;
mod weights;
