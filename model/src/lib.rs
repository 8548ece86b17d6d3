//! SDXL (Podell et al. 2023) on Burn: from a prompt to a picture, on any device.
//!
//! ```no_run
//! use std::path::Path;
//! use easel_model::{DeviceChoice, DevicePreference, Model, Request, Requirement, Retention};
//!
//! # fn main() -> easel_model::Result<()> {
//! let choice = DeviceChoice::select(DevicePreference::Auto, Requirement::default())?;
//! let model = Model::open(Path::new("sdxl-base"), None, &choice, Retention::OneShot)?;
//! let mut run = model.start(Request::new("a lighthouse in a storm"))?;
//! while let Some(progress) = run.advance()? {
//!     println!("{}/{}", progress.step, progress.total);
//! }
//! let pictures = run.finish()?;
//! # Ok(())
//! # }
//! ```

mod bands;
pub mod bench;
mod cache;
mod checkpoint;
mod computing;
mod conditioning;
pub mod config;
mod device;
mod error;
mod generation;
mod guidance;
mod kernels;
mod layers;
pub mod manifest;
pub mod memory;
mod model;
mod needs;
mod noise;
mod packing;
mod parameters;
mod parts;
mod picture;
mod plan;
mod precision;
mod preview;
mod random;
pub mod random_model;
pub mod request;
mod resnet;
pub mod scheduler;
mod shape;
mod source;
mod stage;
mod text_cache;
mod text_encoder;
pub mod tokenizer;
mod trace;
mod unet;
mod vae;
pub mod weights;
mod work;

pub use cache::Cache;
pub use checkpoint::Checkpoint;
pub use device::{Backend, DeviceChoice, DevicePreference, Finding, Requirement, examine};
pub use error::{Error, Result};
pub use generation::{Generation, Progress, Timings};
pub use model::{Model, Retention, Stage};
pub use noise::{NoiseGenerator, NoiseState};
pub use precision::Precision;
pub use request::Request;
pub use scheduler::SchedulerName;
pub use shape::Shape;
pub use source::ModelSource;
pub use trace::Trace;
