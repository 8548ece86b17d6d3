//! `easel serve`: the whole service on one machine.

mod api;
mod arguments;
mod backlog;
mod data_folder;
mod description;
mod embedded;
mod environment_file;
mod listening;
mod objects;
mod open_id;
mod own_address;
mod public_url;
mod register;
mod retention;
mod room;
mod sign_in;
mod stopping;
mod worker;

use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn_with_state;
use easel_api::{DiskUsage, DiskView, Identification, Services, TokenKey};
use easel_desk::{DeskOptions, SignIn};
use easel_domain::identity::{Identity, Role};
use easel_embedded::s3::Storage;
use serde::Serialize;
use tokio_util::sync::CancellationToken;

pub(crate) use arguments::{EngineArguments, ServeArguments};
pub(crate) use data_folder::DataFolder;
use embedded::Backing;
use listening::Listening;
use objects::Published;
use open_id::OpenId;
use own_address::OwnAddress;
use register::Register;

use crate::access::{Access, LINK_LIFETIME};
use crate::command_error::CommandError;
use crate::output;
use crate::token;

/// Whom the desk's link signs in.
const OWNER: &str = "owner";

/// Where everything answers: what `--json` prints.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Ready {
    pub(crate) api: String,
    /// A link that signs in at the desk once and within minutes, as somebody who may do everything.
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
    let shutdown = stopping::listen()?;
    serve(arguments, shutdown, |ready| {
        output::note(&format!("Listening on {}; `easel token --role ROLE --name NAME` creates a token", ready.api));
        if arguments.insecure_http {
            output::note("This is plain HTTP: whoever is on the way to other machines can read tokens and images");
        }
        // It may be in a log for good: by then it is good for nothing.
        let minutes = LINK_LIFETIME.as_mins();
        let signs_in = if arguments.open_id.no_links {
            String::new()
        } else {
            format!(" (signs you in as admin, once and within {minutes} minutes)")
        };
        output::note(&format!("Open the desk{signs_in}: {}", ready.desk));
        if !arguments.json {
            return Ok(());
        }
        output::json_line(&ready)
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
    let folder = DataFolder::create(arguments.data.as_deref())?;
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
    let access = Arc::new(Access::open(folder)?);
    let open_id = arguments.open_id.open().await?;
    let listening = Listening::start(arguments, arguments.listen, "--listen").await?;
    let address = OwnAddress::new(&arguments.public_url, &listening.local_url());
    let backing = Backing::start(arguments, folder, &secrets, &listening.names, &address).await?;
    let workflow = backing.workflow.clone();
    workflow.store.create_table().await?;
    let worker = if arguments.no_generate { None } else { Some(worker::start(arguments, &backing, &shutdown).await?) };
    if let Some(storage) = backing.storage() {
        tokio::spawn(retention::keep_clear(workflow.clone(), storage, shutdown.clone()));
    }
    let key = TokenKey::new(secrets.token_secret.clone().into_bytes()).with_revocations(access.clone());
    folder.note_address(address.usual())?;
    let desk = if arguments.open_id.no_links {
        format!("{}/", address.usual())
    } else {
        token::link(address.usual(), &access.new_code(&Identity::new(OWNER, Role::Admin))?)
    };
    let ready = ready(&backing, format!("http://{}", listening.address), desk);
    let images = backing.images().await?;
    if let Some(path) = &arguments.environment {
        environment_file::write(path, &ready, images.as_deref(), &secrets.token_secret)?;
    }
    let (sign_in, identification) = match open_id {
        None => (SignIn::Link, Identification::Tokens(key.clone())),
        Some(OpenId { issuer, sign_in }) => (sign_in, Identification::TokensAndIssuer(key.clone(), issuer)),
    };
    let desk = easel_desk::router(&DeskOptions { images, sign_in });
    let desk = desk.map_err(|error| CommandError::failed(format!("the desk: {error}")))?;
    announce(ready)?;

    let mut services = Services::new(workflow, identification).with_environment()?;
    services.tokens = Some(Arc::new(Register::new(access.clone(), key.clone())));
    services.rules.four_eyes |= arguments.four_eyes;
    services.disk = backing.storage().map(|storage| disk_usage(folder, storage));
    let links = if arguments.open_id.no_links { Router::new() } else { sign_in::router(access, key) };
    let mut router = desk.merge(links).merge(description::router(address.clone()));
    if let Some(gateway) = backing.gateway() {
        let published = if arguments.no_public { Published::Nowhere } else { Published::Public };
        router = router.merge(objects::router(gateway, services.workflow.gallery.clone(), published));
    }
    let api = easel_api::router(services).layer(from_fn_with_state(backing.storage(), room::refuse_without));
    let router = router.fallback_service(api);
    // As a service within, so that paths are looked up as the proxy's clients mean them.
    let router = Router::new().fallback_service(router).layer(from_fn_with_state(address, own_address::answer));
    api::serve(listening, router, shutdown.clone()).await;
    shutdown.cancel();
    if let Some(worker) = worker {
        // It finishes its step and writes down where it is; the stores are there until then.
        let _ = worker.await;
    }
    backing.stop().await;
    Ok(())
}

/// Looks at what is kept in the data folder, and at the room on its disk.
fn disk_usage(folder: &DataFolder, storage: Storage) -> DiskUsage {
    let folder = folder.path().display().to_string();
    Arc::new(move || DiskView {
        folder: Some(folder.clone()),
        used_bytes: storage.used_bytes(),
        limit_bytes: storage.limit_bytes(),
        free_bytes: storage.free_bytes(),
    })
}

fn ready(backing: &Backing, api: String, desk: String) -> Ready {
    Ready {
        api,
        desk,
        s3_endpoint: backing.s3_endpoint.clone(),
        bucket: backing.workflow.gallery.bucket().to_owned(),
        dynamodb_endpoint: backing.dynamodb_endpoint.clone(),
        table: backing.table.clone(),
        region: backing.region.clone(),
        access_key_id: backing.access_key_id.clone(),
        secret_access_key: backing.secret_access_key.clone(),
    }
}
