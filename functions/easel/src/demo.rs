//! `easel demo`: the whole way of a picture through the service, on a fresh folder that goes again.

use std::ffi::OsString;
use std::path::Path;
use std::sync::mpsc;

use clap::Parser;
use easel_core::http::identification::TokenKey;
use easel_core::identity::{Identity, Role};
use easel_generate::temporary::TemporaryFolder;
use jiff::SignedDuration;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::arguments::{Arguments, Command};
use crate::client::{self, Client};
use crate::failure::Failure;
use crate::output;
use crate::serve::{self, DataFolder, Ready};
use crate::service_arguments::DemoArguments;

/// Runs the command.
///
/// # Errors
/// The service's.
pub(crate) fn run(arguments: &DemoArguments) -> Result<(), Failure> {
    let failed = |error: std::io::Error| Failure::failed(format!("making a folder for the demo: {error}"));
    let folder = TemporaryFolder::inside(&std::env::temp_dir()).map_err(failed)?;
    let shutdown = CancellationToken::new();
    let _stop = shutdown.clone().drop_guard();
    let (tell, ready) = mpsc::channel();
    let service = {
        let (data, shutdown) = (folder.path().to_owned(), shutdown.clone());
        std::thread::spawn(move || start(&data, shutdown, tell))
    };
    let result = match ready.recv() {
        Ok(ready) => walk(arguments, &ready, folder.path()),
        // The service ended before it was ready, and says why.
        Err(_) => Ok(()),
    };
    shutdown.cancel();
    let stopped = service.join().map_err(|_| Failure::failed("the service ended in a panic"))?;
    stopped.and(result)
}

fn start(data: &Path, shutdown: CancellationToken, tell: mpsc::Sender<Ready>) -> Result<(), Failure> {
    let line = ["easel", "serve", "--listen", "127.0.0.1:0", "--data"].map(OsString::from);
    let line = line.into_iter().chain([data.as_os_str().to_owned()]);
    let Ok(Arguments { command: Command::Serve(arguments) }) = Arguments::try_parse_from(line) else {
        return Err(Failure::failed("the demo cannot start its own service"));
    };
    serve::serve(&arguments, shutdown, |ready| {
        let _ = tell.send(ready);
        Ok(())
    })
}

/// From the prompt to the published picture.
fn walk(arguments: &DemoArguments, ready: &Ready, data: &Path) -> Result<(), Failure> {
    output::note(&format!("A service of its own answers at {}", ready.api));
    let secrets = DataFolder::open(Some(data))?.secrets()?;
    let key = TokenKey::new(secrets.token_secret.into_bytes());
    let somebody = |name: &str, role| {
        let token = key.sign(&Identity { name: name.to_owned(), role }, SignedDuration::from_hours(1))?;
        Client::to(&ready.api, Some(token))
    };
    let (creator, reviewer) = (somebody("carla", Role::Creator)?, somebody("robin", Role::Reviewer)?);
    let files = client::pictures::files(Some(&arguments.output), 1)?;

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
        client::pictures::save(&creator, &task, &files)?;
    }
    output::note("What happened to the task:");
    output::result(&client::history_lines(&creator, id)?)
}
