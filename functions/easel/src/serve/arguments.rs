//! What `easel serve` can be told.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;
use easel_domain::ApprovalsNeeded;
use easel_system::environment;
use easel_worker::engine::EngineOptions;

use super::open_id::OpenIdArguments;
use super::public_url::PublicUrl;
use crate::arguments::computation::ComputationArguments;
use crate::arguments::models::ModelArguments;
use crate::arguments::offers::OfferArguments;
use crate::command_error::CommandError;
use crate::{cache, pull};

#[derive(Debug, Args)]
pub(crate) struct ServeArguments {
    /// The folder that keeps everything [default: `easel` in the user's data folder]
    #[arg(long, value_name = "DIR", env = environment::DATA, hide_env_values = true)]
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
    /// What a proxy or other machines call the service, such as `https://easel.example` or `https://example.org/studio/`; may
    /// be given several times, and the first is in the links [default: the address that it listens on]
    #[arg(long, value_name = "URL", env = environment::PUBLIC_URL, value_delimiter = ',', hide_env_values = true)]
    pub(crate) public_url: Vec<PublicUrl>,
    /// Keep published images to those who are signed in: by default everybody who has the address of one sees it
    #[arg(long)]
    pub(crate) no_public: bool,
    /// Listen on addresses that other machines reach, without TLS: everybody on the way there can read tokens and images
    #[arg(long)]
    pub(crate) insecure_http: bool,
    /// Take no more task requests and uploads once images and files take so many GiB [default: all but 1 GiB of the disk]
    #[arg(long, value_name = "GIB")]
    pub(crate) storage_limit: Option<u64>,
    /// Once ready, print one line of JSON with every address, name and key
    #[arg(long)]
    pub(crate) json: bool,
    /// Once ready, write the environment variables that functions find the services by to this file
    #[arg(long, value_name = "FILE")]
    pub(crate) environment: Option<PathBuf>,
    /// Use the S3 and DynamoDB at this address, or those that AWS's own variables name (`--endpoint-url aws`), instead
    /// of the embedded ones; EASEL_TABLE and EASEL_BUCKET name the table and the bucket
    #[arg(long, value_name = "URL", env = environment::ENDPOINT_URL, hide_env_values = true)]
    pub(crate) endpoint_url: Option<String>,
    /// Generate nothing: other workers do
    #[arg(long)]
    pub(crate) no_generate: bool,
    /// Let nobody approve or publish images that they asked for themselves
    #[arg(long)]
    pub(crate) four_eyes: bool,
    /// From how many reviewers images take an approval, 1 to 4 [default: 1]
    #[arg(long, value_name = "N", value_parser = ApprovalsNeeded::read_number, env = environment::APPROVALS_NEEDED)]
    pub(crate) approvals_needed: Option<u32>,
    #[command(flatten)]
    pub(crate) open_id: OpenIdArguments,
    #[command(flatten)]
    pub(crate) engine: EngineArguments,
}

/// What a worker generates with.
#[derive(Debug, Clone, Args)]
pub(crate) struct EngineArguments {
    #[command(flatten)]
    models: ModelArguments,
    #[command(flatten)]
    offers: OfferArguments,
    #[command(flatten)]
    pub(crate) computation: ComputationArguments,
}

impl EngineArguments {
    /// What an engine is opened with. A model from elsewhere is fetched first, which takes a while.
    ///
    /// # Errors
    /// A model cannot be fetched.
    pub(crate) fn fetch(&self) -> Result<EngineOptions, CommandError> {
        let [model, refiner, vae, tiny_vae] = pull::fetched([
            ("--model", self.models.model.as_deref()),
            ("--refiner", self.models.refiner.as_deref()),
            ("--vae", self.models.vae.as_deref()),
            ("--tiny-vae", self.models.tiny_vae.as_deref()),
        ])?;
        let (device, precision) = (self.computation.device.device, self.computation.device.precision());
        let models = self.offers.models(model.is_some())?;
        let (prediction, cache) = (self.models.prediction, cache::folder());
        Ok(EngineOptions {
            device,
            precision,
            model,
            models,
            refiner,
            vae,
            tiny_vae,
            prediction,
            offered: self.offers.places(),
            cache,
        })
    }
}
