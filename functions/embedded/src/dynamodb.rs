//! DynamoDB on loopback: dynoxide over one SQLite file.

use std::io;
use std::path::Path;
use std::time::Duration;

use dynoxide::Database;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use crate::{Error, Result, folder};

const FILE: &str = "dynamodb.sqlite";
const LOCK: &str = "dynamodb.lock";
/// How often expired items are deleted. AWS may take days, so readers check the expiry themselves in any case.
const SWEEP_EVERY: Duration = Duration::from_secs(30);

/// A running DynamoDB.
///
/// It checks no signatures and serves every origin, so anyone who can reach the listener can read and write everything:
/// listen on loopback only.
#[derive(Debug)]
pub struct DynamoDb {
    endpoint: String,
    server: JoinHandle<()>,
    sweeper: JoinHandle<()>,
}

impl DynamoDb {
    /// Serves the tables kept in `folder` on `listener` until `shutdown` is cancelled.
    ///
    /// Each write is on disk before it is answered.
    ///
    /// # Errors
    /// Fails if the folder cannot be used, is in use, or its database cannot be opened.
    pub async fn start(folder: &Path, listener: TcpListener, shutdown: CancellationToken) -> Result<Self> {
        let endpoint = format!("http://{}", listener.local_addr()?);
        let lock = folder::lock(folder, LOCK)?;
        let database = open(folder)?;

        let sweeper = tokio::spawn(sweep(database.clone(), shutdown.clone()));
        let server = tokio::spawn(async move {
            let served = dynoxide::server::serve_with_shutdown(listener, database, shutdown.cancelled_owned()).await;
            if let Err(reason) = served {
                tracing::error!(reason, "DynamoDB stopped");
            }
            drop(lock);
        });
        Ok(Self { endpoint, server, sweeper })
    }

    /// The `endpoint_url` for the SDK.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Waits until the service has stopped and every request has been answered.
    pub async fn stopped(self) {
        // A task that panicked has stopped as well.
        let _ = tokio::join!(self.server, self.sweeper);
    }
}

fn open(folder: &Path) -> Result<Database> {
    let file = folder.join(FILE);
    let no_text = || Error::Folder { folder: folder.to_owned(), source: io::Error::other("its name is not UTF-8") };
    let path = file.to_str().ok_or_else(no_text)?;
    Database::new(path).map_err(|error| Error::Database { file: file.clone(), reason: error.to_string() })
}

async fn sweep(database: Database, shutdown: CancellationToken) {
    let mut ticks = tokio::time::interval(SWEEP_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while shutdown.run_until_cancelled(ticks.tick()).await.is_some() {
        let database = database.clone();
        match tokio::task::spawn_blocking(move || database.sweep_ttl()).await {
            Ok(Ok(0)) => {}
            Ok(Ok(deleted)) => tracing::debug!(deleted, "deleted expired items"),
            Ok(Err(error)) => tracing::warn!(%error, "could not delete expired items"),
            Err(error) => tracing::warn!(%error, "could not delete expired items"),
        }
    }
}
