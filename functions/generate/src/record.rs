//! How a picture was made: everything needed to make it again, kept in its file.

use easel_model::{Backend, Precision, Request};
use serde::Serialize;

use crate::error::{Error, Result};
use crate::parameters_text::parameters_text;
use crate::picture::Metadata;

/// Easel's own record of one picture. Names of files only: a picture may be shown to people whom folders do not concern.
#[derive(Debug, Serialize)]
pub struct Record<'a> {
    /// This program's version.
    pub easel: &'static str,
    /// What was asked for, with every default filled in.
    pub request: &'a Request,
    /// The model's name.
    pub model: &'a str,
    /// The refiner's, if it took part.
    pub refiner: Option<&'a str>,
    /// The tiny VAE's, if one decoded the picture.
    pub tiny_vae: Option<&'a str>,
    /// `cpu` or `cuda`.
    pub device: &'static str,
    /// What computes.
    pub backend: Backend,
    /// Of the weights.
    pub precision: Precision,
    /// The name of the init picture's file; how much of it may change is the request's `strength`.
    pub init: Option<&'a str>,
    /// Which of the request's pictures this is, from 0.
    pub index: usize,
}

impl Record<'_> {
    /// The record in the forms that a picture's file keeps.
    ///
    /// # Errors
    /// Never for the values there are.
    pub fn metadata(&self) -> Result<Metadata> {
        let json = serde_json::to_string(self);
        let json = json.map_err(|error| Error::Failed(format!("describing the picture: {error}")))?;
        Ok(Metadata { parameters: parameters_text(self), json })
    }
}
