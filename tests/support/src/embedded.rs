//! Embedded services on free ports, which can be stopped and started again where they were.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use easel_embedded::door::{Door, Names};
use easel_embedded::dynamodb::DynamoDb;
use easel_embedded::notification::ObjectCreated;
use easel_embedded::s3::{S3, S3Options};
use easel_embedded::{AccessKey, Error, Result};
use easel_storage::gallery::{Gallery, keys};
use easel_storage::store::Store;
use easel_storage::workflow::Workflow;
use tokio::net::TcpListener;
use tokio::sync::Mutex;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio_util::sync::CancellationToken;

use crate::clients::Access;

/// The bucket of most tests.
pub const BUCKET: &str = "easel";
/// The table of [`workflow`].
pub const TABLE: &str = "easel";
/// The region that clients sign for.
pub const REGION: &str = "us-east-1";
/// The key that clients call S3 with.
pub const ACCESS_KEY_ID: &str = "key";
/// Its secret.
pub const SECRET_ACCESS_KEY: &str = "secret";

/// Where the pages are served that may use presigned URLs.
pub const PAGES: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8080);

/// A service that ends once its token is cancelled.
pub trait Stoppable: Sized + Send {
    /// Waits until it has ended.
    fn ended(self) -> impl Future<Output = ()> + Send;
}

impl Stoppable for DynamoDb {
    async fn ended(self) {
        self.stopped().await;
    }
}

impl Stoppable for S3 {
    async fn ended(self) {
        self.stopped().await;
    }
}

/// A service and how it is started again.
pub struct Running<S> {
    start: Box<Start<S>>,
    address: SocketAddr,
    running: Mutex<Option<(S, CancellationToken)>>,
}

type Start<S> = dyn Fn(TcpListener, CancellationToken) -> Starting<S> + Send + Sync;
type Starting<S> = Pin<Box<dyn Future<Output = Result<S>> + Send>>;

impl<S: Stoppable + 'static> Running<S> {
    async fn of(start: Box<Start<S>>) -> Self {
        let anywhere = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let (address, service, stop) = started(&start, anywhere).await;
        Self { start, address, running: Mutex::new(Some((service, stop))) }
    }

    /// Where it answers.
    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Ends it, once the calls that it is in are answered.
    pub async fn stop(&self) {
        let (service, stop) = self.running.lock().await.take().expect("it runs");
        stop.cancel();
        service.ended().await;
    }

    /// Starts it again on the same folder and port, after [`Running::stop`].
    pub async fn start_again(&self) {
        let (_, service, stop) = started(&self.start, self.address).await;
        *self.running.lock().await = Some((service, stop));
    }
}

impl<S> fmt::Debug for Running<S> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Running").field("address", &self.address).finish_non_exhaustive()
    }
}

/// Starts a service. A program that another test starts holds all locks of this one for the moment before it is another
/// program, also those on folders that were released.
async fn started<S: 'static>(start: &Start<S>, address: SocketAddr) -> (SocketAddr, S, CancellationToken) {
    for _ in 0..1000 {
        let listener = TcpListener::bind(address).await.expect("a free port");
        let (address, stop) = (listener.local_addr().expect("an address"), CancellationToken::new());
        match start(listener, stop.clone()).await {
            Err(Error::InUse { .. }) => tokio::time::sleep(Duration::from_millis(10)).await,
            service => return (address, service.expect("it starts"), stop),
        }
    }
    panic!("the folder stays in use");
}

impl Running<DynamoDb> {
    /// Starts DynamoDB on a folder.
    pub async fn dynamodb(folder: &Path) -> Self {
        let folder = folder.to_owned();
        Self::of(Box::new(move |listener, stop| {
            let folder = folder.clone();
            Box::pin(async move {
                let door = Door::for_programs(names(&listener));
                DynamoDb::start(&folder, access_key(), door, listener, stop).await
            })
        }))
        .await
    }

    /// A client that tries each call once.
    #[must_use]
    pub fn client(&self) -> aws_sdk_dynamodb::Client {
        access().without_retries().dynamodb(&self.endpoint())
    }
}

impl Running<S3> {
    /// Starts S3 with a bucket on a folder; what is created under the prefixes that workers watch comes with it.
    pub async fn s3(folder: &Path, bucket: &str) -> (Self, UnboundedReceiver<ObjectCreated>) {
        let (sender, created) = unbounded_channel();
        let options = S3Options {
            bucket: bucket.to_owned(),
            key: access_key(),
            watched_prefixes: vec![keys::UPLOADS.to_owned(), keys::REQUESTS.to_owned()],
            notifier: Arc::new(move |object| drop(sender.send(object))),
        };
        let folder = folder.to_owned();
        let running = Self::of(Box::new(move |listener, stop| {
            let (folder, options) = (folder.clone(), options.clone());
            Box::pin(async move {
                let pages = Names::new(PAGES, Vec::new());
                let door = Door::for_pages_of(names(&listener), pages);
                S3::start(&folder, options, door, listener, stop).await
            })
        }))
        .await;
        (running, created)
    }

    /// A client that tries each call once.
    #[must_use]
    pub fn client(&self) -> aws_sdk_s3::Client {
        access().without_retries().s3(&self.endpoint())
    }
}

/// The table and the bucket as functions and workers use them. The table is not made yet.
#[must_use]
pub fn workflow(dynamodb: &Running<DynamoDb>, s3: &Running<S3>) -> Workflow {
    workflow_of(&access(), dynamodb, s3)
}

/// The table and the bucket as a certain caller uses them.
#[must_use]
pub fn workflow_of(access: &Access, dynamodb: &Running<DynamoDb>, s3: &Running<S3>) -> Workflow {
    Workflow {
        store: Store::new(access.dynamodb(&dynamodb.endpoint()), TABLE),
        gallery: Gallery::new(access.s3(&s3.endpoint()), BUCKET),
    }
}

/// The key that requests have to be signed with.
#[must_use]
pub fn access_key() -> AccessKey {
    AccessKey { id: ACCESS_KEY_ID.to_owned(), secret: SECRET_ACCESS_KEY.to_owned() }
}

/// What a service on this listener is called.
///
/// # Panics
/// The listener has no address.
#[must_use]
pub fn names(listener: &TcpListener) -> Names {
    Names::new(listener.local_addr().expect("an address"), Vec::new())
}

/// As whom clients call the embedded services.
#[must_use]
pub fn access() -> Access {
    Access::new(REGION, ACCESS_KEY_ID, SECRET_ACCESS_KEY)
}
