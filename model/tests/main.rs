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
mod hires;
mod hostile_adapters;
mod hostile_checkpoints;
mod hostile_upscalers;
mod image_prompts;
mod inpainting;
mod less_work;
mod loras;
mod noise;
mod overlay;
mod prompt_cases;
mod prompt_score;
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
mod upscalers;
mod variations;
mod weights;
