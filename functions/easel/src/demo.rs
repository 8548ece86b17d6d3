//! `easel demo`: the whole way of an image through the service, on a fresh folder that goes again.

use std::ffi::OsString;
use std::path::Path;
use std::sync::mpsc;

use easel_api::TokenKey;
use easel_domain::identity::{Identity, Role};
use easel_system::temporary::TemporaryFolder;
use jiff::SignedDuration;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::arguments::{Arguments, Command};
use crate::client::{self, Client};
use crate::command_error::CommandError;
use crate::output;
use crate::serve::{self, DataFolder, Ready};
use clap::Args;
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(crate) struct DemoArguments {
    /// What to generate
    #[arg(default_value = "a large red heart on a blue background")]
    pub(crate) prompt: String,
    /// The same seed gives the same image
    #[arg(long, value_name = "S", default_value_t = 42)]
    pub(crate) seed: u64,
    /// The PNG file to write
    #[arg(short, long, value_name = "FILE", default_value = "heart.png")]
    pub(crate) output: PathBuf,
}

/// Runs the command.
///
/// # Errors
/// The service's.
pub(crate) fn run(arguments: &DemoArguments) -> Result<(), CommandError> {
    let failed = |error: std::io::Error| CommandError::failed(format!("making a folder for the demo: {error}"));
    let folder = TemporaryFolder::inside(&std::env::temp_dir()).map_err(failed)?;
    let shutdown = CancellationToken::new();
    let _stop = shutdown.clone().drop_guard();
    let (announce, ready) = mpsc::channel();
    let service = {
        let (data, shutdown) = (folder.path().to_owned(), shutdown.clone());
        std::thread::spawn(move || start(&data, shutdown, &announce))
    };
    let result = match ready.recv() {
        Ok(ready) => walk(arguments, &ready, folder.path()),
        // The service ended before it was ready and reports the reason itself.
        Err(_) => Ok(()),
    };
    shutdown.cancel();
    let stopped = service.join().map_err(|_| CommandError::failed("the service ended in a panic"))?;
    stopped.and(result)
}

fn start(data: &Path, shutdown: CancellationToken, announce: &mpsc::Sender<Ready>) -> Result<(), CommandError> {
    let line = ["easel", "serve", "--listen", "127.0.0.1:0", "--data"].map(OsString::from);
    let line = line.into_iter().chain([data.as_os_str().to_owned()]);
    let Ok(Arguments { command: Command::Serve(arguments) }) = Arguments::parse(line) else {
        return Err(CommandError::failed("the demo cannot start its own service"));
    };
    serve::serve(&arguments, shutdown, |ready| {
        let _ = announce.send(ready);
        Ok(())
    })
}

/// From the prompt to the published image.
fn walk(arguments: &DemoArguments, ready: &Ready, data: &Path) -> Result<(), CommandError> {
    output::note(&format!("The demo's own service listens on {}", ready.api));
    let secrets = DataFolder::existing(Some(data))?.secrets()?;
    let key = TokenKey::new(secrets.token_secret.into_bytes());
    let somebody = |name: &str, role| {
        let token = key.sign(&Identity::new(name, role), SignedDuration::from_hours(1))?;
        Client::to(&ready.api, Some(token))
    };
    let (creator, reviewer) = (somebody("carla", Role::Creator)?, somebody("robin", Role::Reviewer)?);
    let files = client::images::files(Some(&arguments.output), 1)?;

    let task = creator.post("/v1/tasks", &json!({"prompt": arguments.prompt, "seed": arguments.seed}))?;
    let id = task["id"].as_str().unwrap_or_default();
    output::note(&format!("carla asks for \"{}\": task {id}", arguments.prompt));
    client::wait(&creator, id)?;
    let path = format!("/v1/tasks/{id}");
    reviewer.post(&format!("{path}/approve"), &json!({"note": "as asked for"}))?;
    output::note("robin approves");
    let task = reviewer.post(&format!("{path}/publish"), &json!({}))?;
    output::note(&format!("robin publishes: {}", task["publication"]["keys"][0].as_str().unwrap_or_default()));
    if let Some(files) = files {
        client::images::save(&creator, &task, &files)?;
    }
    output::note("What happened to the task:");
    output::result(&client::history_lines(&creator, id)?)
}
