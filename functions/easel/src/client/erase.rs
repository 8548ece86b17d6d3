//! `easel erase`: deletes and erases all tasks of a person.

use std::time::Duration;

use clap::Args;
use serde_json::json;

use super::{Client, ServiceArguments, segment};
use crate::command_error::CommandError;
use crate::output;

#[derive(Debug, Args)]
pub(crate) struct EraseArguments {
    /// Whose tasks, as `easel list` shows the owner
    owner: String,
    /// Confirm that nothing of them can be brought back
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    service: ServiceArguments,
    /// Print one JSON object on standard output
    #[arg(long)]
    json: bool,
}

/// How soon it is tried again where a worker still holds a task.
const HELD: Duration = Duration::from_secs(5);

/// Runs the command.
///
/// # Errors
/// It is not confirmed, or the service refuses or cannot be reached; what is erased by then stays erased.
pub(crate) fn erase(arguments: &EraseArguments) -> Result<(), CommandError> {
    let owner = &arguments.owner;
    if owner.is_empty() {
        return Err(CommandError::wrong_use("OWNER: is empty: name the person"));
    }
    if !arguments.yes {
        let message = format!("this removes every task, image and upload of {owner:?} for good: add --yes to do it");
        return Err(CommandError::wrong_use(message));
    }
    let client = Client::new(&arguments.service)?;
    let path = format!("/v1/owners/{}/erase", segment(owner));
    let mut erased = 0;
    loop {
        let answer = client.post(&path, &json!({}))?;
        erased += answer["erased"].as_u64().unwrap_or_default();
        if answer["is_done"] == true {
            break;
        }
        output::note(&format!("Erased {erased} so far"));
        if answer["held"].as_u64().is_some_and(|held| held > 0) {
            std::thread::sleep(HELD);
        }
    }
    if arguments.json {
        return output::json(&json!({"owner": owner, "erased": erased}));
    }
    output::result(&format!("{erased} erased"))
}
