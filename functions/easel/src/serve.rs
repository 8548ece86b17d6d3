//! `easel serve`: the whole service on one machine.

mod api;
mod backlog;
mod data_folder;
mod embedded;
mod environment;
mod worker;

use std::net::SocketAddr;

use easel_core::http::identification::{Identification, TokenKey};
use easel_core::identity::{Identity, Role};
use easel_core::services::Services;
use easel_desk::{Desk, DeskOptions, SignIn};
use jiff::SignedDuration;
use serde::Serialize;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

pub(crate) use data_folder::DataFolder;
use embedded::Backing;

use crate::failure::Failure;
use crate::output;
use crate::service_arguments::ServeArguments;
use crate::token;

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

/// Serves until it is told to stop.
///
/// # Errors
/// What keeps the service from starting, by name.
pub(crate) fn run(arguments: &ServeArguments) -> Result<(), Failure> {
    let shutdown = CancellationToken::new();
    let stop = shutdown.clone();
    let listening = ctrlc::set_handler(move || stop.cancel());
    listening.map_err(|error| Failure::failed(format!("listening for Ctrl-C: {error}")))?;
    serve(arguments, shutdown, |ready| {
        output::note(&format!("Easel answers at {}; `easel token` prints a token to use it with", ready.api));
        output::note(&format!("The desk, signed in for a day: {}", ready.desk));
        if !arguments.json {
            return Ok(());
        }
        let line = serde_json::to_string(&ready).map_err(|error| Failure::failed(error.to_string()))?;
        output::result(&line)
    })
}

/// Serves until `shutdown`; tells `announce` once everything answers.
///
/// # Errors
/// What keeps the service from starting, by name.
pub(crate) fn serve(
    arguments: &ServeArguments,
    shutdown: CancellationToken,
    announce: impl FnOnce(Ready) -> Result<(), Failure>,
) -> Result<(), Failure> {
    arguments.studio.computation.start_threads()?;
    let folder = DataFolder::open(arguments.data.as_deref())?;
    let _lock = folder.lock()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::failed(format!("starting the service: {error}")))?;
    runtime.block_on(answer(arguments, &folder, shutdown, announce))
}

async fn answer(
    arguments: &ServeArguments,
    folder: &DataFolder,
    shutdown: CancellationToken,
    announce: impl FnOnce(Ready) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let secrets = folder.secrets()?;
    let listener = listen(arguments.listen, "--listen").await?;
    let api = listener.local_addr().map_err(|error| Failure::failed(format!("--listen: {error}")))?;
    let backing = Backing::start(arguments, folder, &secrets).await?;
    let workflow = backing.workflow.clone();
    workflow.store.create_table().await?;
    let worker = if arguments.no_generate { None } else { Some(worker::start(arguments, &backing, &shutdown).await?) };
    let key = TokenKey::new(secrets.token_secret.clone().into_bytes());
    let ready = ready(&backing, api, &key)?;
    let pictures = backing.pictures().await?;
    if let Some(path) = &arguments.environment {
        environment::write(path, &ready, &pictures, &secrets.token_secret)?;
    }
    let desk = Desk::new(&DeskOptions { pictures, sign_in: SignIn::Link, published_url: None });
    let desk = desk.map_err(|error| Failure::failed(format!("the desk: {error}")))?;
    announce(ready)?;

    let services = Services { workflow, identification: Identification::Tokens(key) };
    let served = api::serve(listener, services, desk, shutdown.clone().cancelled_owned()).await;
    shutdown.cancel();
    if let Some(worker) = worker {
        // It finishes its step and writes down where it is; the stores are there until then.
        let _ = worker.await;
    }
    backing.stop().await;
    served.map_err(|error| Failure::failed(format!("--listen: {error}")))
}

fn ready(backing: &Backing, api: SocketAddr, key: &TokenKey) -> Result<Ready, Failure> {
    let api = format!("http://{api}");
    let owner = Identity { name: OWNER.to_owned(), role: Role::Admin };
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
async fn listen(address: SocketAddr, option: &str) -> Result<TcpListener, Failure> {
    TcpListener::bind(address).await.map_err(|error| {
        Failure::failed(format!("{option}: {address} cannot be listened on: {error}; port 0 takes a free one"))
    })
}
