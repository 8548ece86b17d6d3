//! What can be said on the command line about the service: running it, and asking it for pictures.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use easel_core::identity::Role;
use easel_generate::studio::StudioOptions;

use crate::arguments::ComputationArguments;
use crate::cache;
use crate::failure::Failure;
use crate::pull;

#[derive(Debug, Args)]
pub(crate) struct ServeArguments {
    /// The folder that keeps everything [default: `easel` in the user's data folder]
    #[arg(long, value_name = "DIR", env = "EASEL_DATA", hide_env_values = true)]
    pub(crate) data: Option<PathBuf>,
    /// Where the API and the desk listen; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8080")]
    pub(crate) listen: SocketAddr,
    /// Where S3 listens; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:0")]
    pub(crate) s3_listen: SocketAddr,
    /// Where DynamoDB listens; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:0")]
    pub(crate) dynamodb_listen: SocketAddr,
    /// Once ready, print one line of JSON with every address, name and key
    #[arg(long)]
    pub(crate) json: bool,
    /// Once ready, write the environment variables that functions find the services by to this file
    #[arg(long, value_name = "FILE")]
    pub(crate) environment: Option<PathBuf>,
    /// Use the S3 and DynamoDB at this address, or those that AWS's own variables name (`--endpoint-url aws`), instead
    /// of the embedded ones; EASEL_TABLE and EASEL_BUCKET name the table and the bucket
    #[arg(long, value_name = "URL", env = "EASEL_ENDPOINT_URL", hide_env_values = true)]
    pub(crate) endpoint_url: Option<String>,
    /// Draw nothing: other workers do
    #[arg(long)]
    pub(crate) no_generate: bool,
    #[command(flatten)]
    pub(crate) studio: StudioArguments,
}

/// What a worker draws with.
#[derive(Debug, Clone, Args)]
pub(crate) struct StudioArguments {
    /// A diffusers folder or a .safetensors checkpoint; or hf://owner/name or s3://bucket/prefix, which are fetched once
    /// [default: the demo model, which is part of this program]
    #[arg(long, value_name = "PATH", env = "EASEL_MODEL", hide_env_values = true)]
    model: Option<PathBuf>,
    /// A refiner that finishes what the model began [default: the demo model's own, else none]
    #[arg(long, value_name = "PATH", env = "EASEL_REFINER", hide_env_values = true)]
    refiner: Option<PathBuf>,
    /// A folder with a tiny VAE (diffusers' AutoencoderTiny, such as madebyollin/taesdxl) that decodes pictures and
    /// previews in place of the model's own: in a twentieth of the time, with less detail [default: none]
    #[arg(long, value_name = "DIR", env = "EASEL_TINY_VAE", hide_env_values = true)]
    tiny_vae: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) computation: ComputationArguments,
}

impl StudioArguments {
    /// What a studio is opened with. A model that lies elsewhere is fetched, which takes its time.
    ///
    /// # Errors
    /// There is no such device or precision, or a model cannot be fetched.
    pub(crate) fn options(&self) -> Result<StudioOptions, Failure> {
        let (device, precision) = (self.computation.device.preference()?, self.computation.device.precision()?);
        let [model, refiner, tiny_vae] = pull::fetched([
            ("--model", self.model.as_deref()),
            ("--refiner", self.refiner.as_deref()),
            ("--tiny-vae", self.tiny_vae.as_deref()),
        ])?;
        Ok(StudioOptions { device, precision, model, refiner, tiny_vae, cache: cache::folder() })
    }
}

/// A role that a token can carry.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum TokenRole {
    Creator,
    Reviewer,
    Admin,
}

impl From<TokenRole> for Role {
    fn from(role: TokenRole) -> Self {
        match role {
            TokenRole::Creator => Role::Creator,
            TokenRole::Reviewer => Role::Reviewer,
            TokenRole::Admin => Role::Admin,
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct TokenArguments {
    /// The service's data folder [default: `easel` in the user's data folder]
    #[arg(long, value_name = "DIR", env = "EASEL_DATA", hide_env_values = true)]
    pub(crate) data: Option<PathBuf>,
    /// What its bearer may do
    #[arg(long)]
    pub(crate) role: TokenRole,
    /// Who its bearer is [default: the role]
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// Days that it is good for
    #[arg(long, value_name = "N", default_value_t = 30)]
    pub(crate) days: u32,
    /// Print a link that signs its bearer in at the desk of the service at this address [default: http://127.0.0.1:8080]
    #[arg(long, value_name = "URL", num_args = 0..=1, default_missing_value = "http://127.0.0.1:8080")]
    pub(crate) link: Option<String>,
}

/// Which service, and who asks.
#[derive(Debug, Args)]
pub(crate) struct ServiceArguments {
    /// The service's address
    #[arg(long, value_name = "URL", env = "EASEL_API", default_value = "http://127.0.0.1:8080")]
    pub(crate) api: String,
    /// A token of the service (`easel token` prints one)
    #[arg(long, value_name = "TOKEN", env = "EASEL_TOKEN", hide_env_values = true)]
    pub(crate) token: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct SubmitArguments {
    /// What to draw
    pub(crate) prompt: String,
    /// What to avoid
    #[arg(long, value_name = "TEXT")]
    pub(crate) negative_prompt: Option<String>,
    /// Denoising steps, 1 to 150 [default: the model's own]
    #[arg(long, value_name = "N")]
    pub(crate) steps: Option<u32>,
    /// How strongly the prompt pulls, 0 to 30 [default: 5]
    #[arg(long, value_name = "G")]
    pub(crate) guidance_scale: Option<f64>,
    /// The shares of the schedule between which the prompt pulls; a step outside takes half the time [default: 0,1]
    #[arg(long, value_name = "START,END", allow_hyphen_values = true)]
    pub(crate) guidance_interval: Option<String>,
    /// The same seed gives the same picture [default: drawn at random]
    #[arg(long, value_name = "S")]
    pub(crate) seed: Option<u64>,
    /// Width in pixels [default: the model's own]
    #[arg(long, value_name = "W")]
    pub(crate) width: Option<u32>,
    /// Height in pixels [default: the model's own]
    #[arg(long, value_name = "H")]
    pub(crate) height: Option<u32>,
    /// How many pictures, 1 to 8
    #[arg(long, value_name = "N")]
    pub(crate) count: Option<u32>,
    /// The sampler [default: the model's own]
    #[arg(long, value_name = "NAME")]
    pub(crate) scheduler: Option<String>,
    /// A picture to start from: PNG, JPEG or WebP
    #[arg(long, value_name = "FILE")]
    pub(crate) init: Option<PathBuf>,
    /// How much of the init picture may change, 0 to 1 [default: 0.3]
    #[arg(long, value_name = "F", requires = "init")]
    pub(crate) strength: Option<f64>,
    /// A name for people
    #[arg(long, value_name = "TEXT")]
    pub(crate) title: Option<String>,
    /// A word to find it by; may be given several times
    #[arg(long = "tag", value_name = "WORD")]
    pub(crate) tags: Vec<String>,
    /// Do not wait for the pictures
    #[arg(long)]
    pub(crate) no_wait: bool,
    /// The PNG file to write once drawn; several pictures are numbered [default: none]
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) service: ServiceArguments,
    /// Print the task as one JSON object on standard output
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ListArguments {
    /// Only tasks that stand here: pending, in_progress, paused, awaiting_approval, approved, published, rejected, failed,
    /// cancelled or deleted
    #[arg(long)]
    pub(crate) status: Option<String>,
    /// Only this person's tasks
    #[arg(long)]
    pub(crate) owner: Option<String>,
    /// Only tasks with this tag
    #[arg(long)]
    pub(crate) tag: Option<String>,
    /// Only tasks with this in the prompt or the title, in whatever case
    #[arg(long)]
    pub(crate) text: Option<String>,
    /// List the oldest first
    #[arg(long)]
    pub(crate) oldest: bool,
    /// Most tasks to list
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub(crate) limit: u32,
    #[command(flatten)]
    pub(crate) service: ServiceArguments,
    /// Print one JSON object on standard output
    #[arg(long)]
    pub(crate) json: bool,
}

/// A task, and what to say about it.
#[derive(Debug, Args)]
pub(crate) struct DecisionArguments {
    /// The task's id
    pub(crate) id: String,
    /// What to say: a note to an approval, the reason of a rejection
    #[arg(long, value_name = "TEXT", visible_alias = "reason")]
    pub(crate) note: Option<String>,
    #[command(flatten)]
    pub(crate) service: ServiceArguments,
    /// Print the task as one JSON object on standard output
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ShowArguments {
    /// The task's id
    pub(crate) id: String,
    /// Save its pictures as this PNG file; several are numbered
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) service: ServiceArguments,
    /// Print one JSON object on standard output
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ValidateArguments {
    /// Check the service at this address instead of this machine's device and model
    #[arg(long, value_name = "URL")]
    pub(crate) endpoint: Option<String>,
    /// A creator's token of that service, to have a picture drawn; the tasks are deleted again
    #[arg(long, value_name = "TOKEN", env = "EASEL_TOKEN", hide_env_values = true)]
    pub(crate) token: Option<String>,
    /// Seconds to wait for a picture of that service
    #[arg(long, value_name = "S", default_value_t = 1200)]
    pub(crate) patience: u64,
    #[command(flatten)]
    pub(crate) studio: StudioArguments,
    /// Print a table in Markdown
    #[arg(long, conflicts_with = "json")]
    pub(crate) markdown: bool,
    /// Print one JSON object on standard output
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct DemoArguments {
    /// What to draw
    #[arg(default_value = "a large red heart on a blue background")]
    pub(crate) prompt: String,
    /// The same seed gives the same picture
    #[arg(long, value_name = "S", default_value_t = 42)]
    pub(crate) seed: u64,
    /// The PNG file to write
    #[arg(short, long, value_name = "FILE", default_value = "heart.png")]
    pub(crate) output: PathBuf,
}
