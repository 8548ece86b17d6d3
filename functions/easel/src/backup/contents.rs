//! What the databases of a backup say: how much there is, and whether every image that a task names is there.

use std::collections::HashSet;
use std::path::Path;

use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region};
use easel_domain::task::{Attempt, Task};
use easel_embedded::AccessKey;
use easel_embedded::door::{Door, Names};
use easel_embedded::dynamodb::DynamoDb;
use easel_embedded::snapshot::{self, StoredObject};
use easel_storage::store::{Filter, Store};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::staging::{DYNAMODB, S3};
use crate::command_error::CommandError;

const PAGE: usize = 100;

/// What is in a folder like a service's.
#[derive(Debug)]
pub(super) struct Contents {
    pub(super) tasks: u64,
    pub(super) objects: Vec<StoredObject>,
    /// Keys that tasks name and no object has.
    pub(super) missing: Vec<String>,
}

/// Looks into the databases of a folder that no service runs on.
///
/// # Errors
/// They cannot be read.
pub(super) fn look(folder: &Path) -> Result<Contents, CommandError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| CommandError::failed(format!("looking into the tasks: {error}")))?;
    let objects = snapshot::objects(&folder.join(S3))?;
    let keys: HashSet<_> = objects.iter().map(|object| object.key.as_str()).collect();
    let (tasks, mut missing) = runtime.block_on(tasks(&folder.join(DYNAMODB), &keys))?;
    missing.sort();
    missing.dedup();
    Ok(Contents { tasks, objects, missing })
}

async fn tasks(folder: &Path, keys: &HashSet<&str>) -> Result<(u64, Vec<String>), CommandError> {
    let failed = |error: std::io::Error| CommandError::failed(format!("looking into the tasks: {error}"));
    let listener = TcpListener::bind("127.0.0.1:0").await.map_err(failed)?;
    let door = Door::for_programs(Names::new(listener.local_addr().map_err(failed)?, Vec::new()));
    let secret = hex::encode(rand::random::<[u8; 32]>());
    let (shutdown, key) = (CancellationToken::new(), AccessKey { id: "backup".to_owned(), secret });
    let credentials = Credentials::new(&key.id, &key.secret, None, None, "easel");
    let rows = DynamoDb::start(folder, key, door, listener, shutdown.clone()).await?;
    let configuration = aws_sdk_dynamodb::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::from_static("us-east-1"))
        .credentials_provider(credentials)
        .endpoint_url(rows.endpoint())
        .build();
    let store = Store::new(aws_sdk_dynamodb::Client::from_conf(configuration), "easel");
    let counted = count(&store, keys).await;
    shutdown.cancel();
    rows.stopped().await;
    counted
}

async fn count(store: &Store, keys: &HashSet<&str>) -> Result<(u64, Vec<String>), CommandError> {
    let (mut tasks, mut missing, mut behind) = (0, Vec::new(), None);
    loop {
        let page = store.list(&Filter::default(), PAGE, behind).await?;
        for listed in page.tasks {
            let task = store.task(listed.id).await?;
            tasks += 1;
            missing.extend(named(&task).filter(|key| !keys.contains(key.as_str())));
        }
        behind = page.next;
        if behind.is_none() {
            return Ok((tasks, missing));
        }
    }
}

/// The keys of the images that a task names.
fn named(task: &Task) -> impl Iterator<Item = String> {
    let of_attempt = |attempt: &Attempt| -> Vec<String> {
        attempt.images.iter().flat_map(|image| [image.key.clone(), image.thumbnail_key.clone()]).collect()
    };
    let attempts = task.earlier_attempts.iter().chain([&task.attempt]).flat_map(of_attempt);
    let published = task.publication.iter().flat_map(|publication| publication.keys.clone());
    attempts.chain(published).collect::<Vec<_>>().into_iter()
}
