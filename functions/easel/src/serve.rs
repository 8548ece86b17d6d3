//! `easel serve`: the whole service on one machine.

mod api;
mod backlog;
mod data_folder;
mod embedded;
mod environment_file;
mod worker;

use std::net::SocketAddr;

use easel_api::{Identification, Services, TokenKey};
use easel_desk::{DeskOptions, SignIn};
use easel_domain::identity::{Identity, Role};
use jiff::SignedDuration;
use serde::Serialize;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

pub(crate) use data_folder::DataFolder;
use embedded::Backing;

use crate::arguments::computation::ComputationArguments;
use crate::arguments::models::ModelArguments;
use crate::command_error::CommandError;
use crate::output;
use crate::token;
use crate::{cache, pull};
use clap::Args;
use easel_system::environment;
use easel_worker::engine::EngineOptions;
use std::path::PathBuf;

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
    #[command(flatten)]
    pub(crate) engine: EngineArguments,
}

/// What a worker generates with.
#[derive(Debug, Clone, Args)]
pub(crate) struct EngineArguments {
    #[command(flatten)]
    models: ModelArguments,
    #[command(flatten)]
    pub(crate) computation: ComputationArguments,
}

impl EngineArguments {
    /// What an engine is opened with. A model from elsewhere is fetched first, which takes a while.
    ///
    /// # Errors
    /// A model cannot be fetched.
    pub(crate) fn fetch(&self) -> Result<EngineOptions, CommandError> {
        let [model, refiner, tiny_vae] = pull::fetched([
            ("--model", self.models.model.as_deref()),
            ("--refiner", self.models.refiner.as_deref()),
            ("--tiny-vae", self.models.tiny_vae.as_deref()),
        ])?;
        let (device, precision) = (self.computation.device.device, self.computation.device.precision());
        Ok(EngineOptions { device, precision, model, refiner, tiny_vae, cache: cache::folder() })
    }
}

/// Whom the desk's link signs in.
const OWNER: &str = "owner";

/// Where everything answers: what `--json` prints.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Ready {
    pub(crate) api: String,
    /// A link that signs in at the desk, as somebody who may do everything, for a day.
    desk: String,
    s3_endpoint: Option<String>,
    bucket: String,
    dynamodb_endpoint: Option<String>,
    table: String,
    region: String,
    access_key_id: Option<String>,
    secret_access_key: Option<String>,
}

/// Serves until it is stopped.
///
/// # Errors
/// What keeps the service from starting, by name.
pub(crate) fn run(arguments: &ServeArguments) -> Result<(), CommandError> {
    let shutdown = CancellationToken::new();
    let stop = shutdown.clone();
    let listening = ctrlc::set_handler(move || stop.cancel());
    listening.map_err(|error| CommandError::failed(format!("listening for Ctrl-C: {error}")))?;
    serve(arguments, shutdown, |ready| {
        output::note(&format!("Listening on {}; `easel token --role ROLE --name NAME` creates a token", ready.api));
        output::note(&format!("Open the desk (signs you in as admin for 24 hours): {}", ready.desk));
        if !arguments.json {
            return Ok(());
        }
        let line = serde_json::to_string(&ready).map_err(|error| CommandError::failed(error.to_string()))?;
        output::result(&line)
    })
}

/// Serves until `shutdown`; calls `announce` once everything is ready.
///
/// # Errors
/// What keeps the service from starting, by name.
pub(crate) fn serve(
    arguments: &ServeArguments,
    shutdown: CancellationToken,
    announce: impl FnOnce(Ready) -> Result<(), CommandError>,
) -> Result<(), CommandError> {
    arguments.engine.computation.start_threads()?;
    let folder = DataFolder::open(arguments.data.as_deref())?;
    let _lock = folder.lock()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| CommandError::failed(format!("starting the service: {error}")))?;
    runtime.block_on(answer(arguments, &folder, shutdown, announce))
}

async fn answer(
    arguments: &ServeArguments,
    folder: &DataFolder,
    shutdown: CancellationToken,
    announce: impl FnOnce(Ready) -> Result<(), CommandError>,
) -> Result<(), CommandError> {
    let secrets = folder.secrets()?;
    let listener = listen(arguments.listen, "--listen").await?;
    let api = listener.local_addr().map_err(|error| CommandError::failed(format!("--listen: {error}")))?;
    let backing = Backing::start(arguments, folder, &secrets).await?;
    let workflow = backing.workflow.clone();
    workflow.store.create_table().await?;
    let worker = if arguments.no_generate { None } else { Some(worker::start(arguments, &backing, &shutdown).await?) };
    let key = TokenKey::new(secrets.token_secret.clone().into_bytes());
    let ready = ready(&backing, api, &key)?;
    let images = backing.images().await?;
    if let Some(path) = &arguments.environment {
        environment_file::write(path, &ready, &images, &secrets.token_secret)?;
    }
    let desk = easel_desk::router(&DeskOptions { images, sign_in: SignIn::Link, published_url: None });
    let desk = desk.map_err(|error| CommandError::failed(format!("the desk: {error}")))?;
    announce(ready)?;

    let mut services = Services::new(workflow, Identification::Tokens(key)).with_environment()?;
    services.rules.four_eyes |= arguments.four_eyes;
    let served = api::serve(listener, services, desk, shutdown.clone().cancelled_owned()).await;
    shutdown.cancel();
    if let Some(worker) = worker {
        // It finishes its step and writes down where it is; the stores are there until then.
        let _ = worker.await;
    }
    backing.stop().await;
    served.map_err(|error| CommandError::failed(format!("--listen: {error}")))
}

fn ready(backing: &Backing, api: SocketAddr, key: &TokenKey) -> Result<Ready, CommandError> {
    let api = format!("http://{api}");
    let owner = Identity::new(OWNER, Role::Admin);
    Ok(Ready {
        desk: token::link(&api, &key.sign(&owner, SignedDuration::from_hours(24))?),
        api,
        s3_endpoint: backing.s3_endpoint.clone(),
        bucket: backing.workflow.gallery.bucket().to_owned(),
        dynamodb_endpoint: backing.dynamodb_endpoint.clone(),
        table: backing.table.clone(),
        region: backing.region.clone(),
        access_key_id: backing.access_key_id.clone(),
        secret_access_key: backing.secret_access_key.clone(),
    })
}

/// A listener on the address.
async fn listen(address: SocketAddr, option: &str) -> Result<TcpListener, CommandError> {
    TcpListener::bind(address).await.map_err(|error| {
        CommandError::failed(format!("{option}: {address} cannot be listened on: {error}; port 0 takes a free one"))
    })
}
