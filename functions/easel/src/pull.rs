//! `easel pull`: a model, fetched once.

use std::path::{Path, PathBuf};
use std::time::Instant;

use easel_model::weights::{ModelFiles, TinyVaeFiles, VaeFiles};
use easel_models::pull::{FetchProgress, Layout, Pulled, Source, local, pull};
use serde_json::json;

use crate::cache;
use crate::command_error::CommandError;
use crate::output;
use crate::progress::PullProgress;
use crate::units;
use clap::Args;

#[derive(Debug, Args)]
pub(crate) struct PullArguments {
    /// owner/name on the Hugging Face hub (HF_ENDPOINT, HF_TOKEN), owner/name/FILE.safetensors for one of several
    /// checkpoints there, or s3://bucket/prefix
    pub(crate) source: String,
    /// The folder to fetch it into; what is there already and right is not fetched again
    #[arg(short, long, value_name = "DIR")]
    pub(crate) output: PathBuf,
    /// A branch, tag or commit of the hub [default: main]
    #[arg(long, value_name = "R")]
    pub(crate) revision: Option<String>,
    /// fp16 or bf16: the weights in that format, where there are such [default: those without a name]
    #[arg(long, value_name = "V")]
    pub(crate) variant: Option<String>,
    /// Print one JSON object on standard output
    #[arg(long)]
    pub(crate) json: bool,
}

/// Fetches the model and checks that Easel can open it.
pub(crate) fn run(arguments: &PullArguments) -> Result<(), CommandError> {
    let began = Instant::now();
    let mut source = Source::parse(&arguments.source)?;
    if let Some(revision) = &arguments.revision {
        source = source.at_revision(revision)?;
    }
    source = source.with_variant(arguments.variant.as_deref())?;
    let pulled = watched(|watch| Ok(pull(&source, &arguments.output, watch)?))?;
    let opened = opening(&pulled).map_err(|failure| failure.context("the model is here, but Easel cannot use it"))?;
    let fetched: u64 = pulled.files.iter().map(|file| file.fetched).sum();
    if arguments.json {
        let file = |file: &easel_models::pull::PulledFile| {
            json!({
                "path": file.path,
                "bytes": file.bytes,
                "checked_by": file.checked_by,
                "fetched_bytes": file.fetched,
            })
        };
        return output::json(&json!({
            "path": pulled.path.display().to_string(),
            "source": source.to_string(),
            "revision": pulled.revision,
            "fetched_bytes": fetched,
            "seconds": began.elapsed().as_secs_f64(),
            "files": pulled.files.iter().map(file).collect::<Vec<_>>(),
        }));
    }
    let bytes = pulled.files.iter().map(|file| file.bytes).sum();
    output::note(&format!(
        "{} in {} files, {} of them fetched now, in {}; checked by {}",
        units::bytes(bytes),
        pulled.files.len(),
        units::bytes(fetched),
        units::seconds(began.elapsed().as_secs_f64()),
        checks(&pulled)
    ));
    output::note(&format!("Draw with it: easel generate \"a lighthouse in a storm\" {opened}"));
    output::result(&pulled.path.display().to_string())
}

/// The paths on this machine of what may be models elsewhere: in the cache, fetched where they are not there yet.
///
/// # Errors
/// What kept one from being fetched.
pub(crate) fn fetched<const N: usize>(named: [(&str, Option<&Path>); N]) -> Result<[Option<PathBuf>; N], CommandError> {
    let cache = cache::folder();
    let mut paths = [const { None }; N];
    for ((option, named), path) in named.into_iter().zip(&mut paths) {
        let fetch = |named: &Path| watched(|watch| Ok(local(option, named, cache.as_deref(), watch)?));
        *path = named.map(fetch).transpose()?;
    }
    Ok(paths)
}

fn watched<T>(
    work: impl FnOnce(&mut dyn FnMut(FetchProgress<'_>)) -> Result<T, CommandError>,
) -> Result<T, CommandError> {
    let mut progress = PullProgress::new();
    work(&mut |step| progress.show(&step))
}

/// Opens the model as an image would; returns the options that name it.
fn opening(pulled: &Pulled) -> Result<String, CommandError> {
    let path = pulled.path.display();
    if pulled.layout == Layout::Vae {
        let config = std::fs::read_to_string(pulled.path.join("config.json")).unwrap_or_default();
        if config.contains("AutoencoderTiny") {
            TinyVaeFiles::open(&pulled.path)?;
            return Ok(format!("--tiny-vae {path}"));
        }
        VaeFiles::open(&pulled.path, None)?;
        return Ok(format!("--vae {path}"));
    }
    if matches!(pulled.layout, Layout::Checkpoint(_))
        && VaeFiles::open(&pulled.path, None).is_ok_and(|vae| vae.is_all_of_it())
    {
        return Ok(format!("--vae {path}"));
    }
    let files = ModelFiles::open(&pulled.path)?;
    let is_refiner = files.configs().model_index.requires_aesthetics_score;
    Ok(if is_refiner { format!("--model BASE --refiner {path}") } else { format!("--model {path}") })
}

/// How many files each check was made of.
fn checks(pulled: &Pulled) -> String {
    let mut counts = std::collections::BTreeMap::new();
    pulled.files.iter().for_each(|file| *counts.entry(file.checked_by).or_insert(0) += 1);
    let counts: Vec<_> = counts.into_iter().map(|(check, count)| format!("{check} ({count})")).collect();
    counts.join(", ")
}
