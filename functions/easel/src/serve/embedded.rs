//! Where the service keeps things: in embedded services of its own, or in those that it is pointed at.

use std::sync::Arc;

use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region};
use easel_embedded::AccessKey;
use easel_embedded::door::{Door, Names};
use easel_embedded::dynamodb::DynamoDb;
use easel_embedded::s3::{Capacity, Gateway, S3, S3Options, SIGNED_ENDPOINT, Storage};
use easel_storage::gallery::{Address, Gallery, keys};
use easel_storage::object_client;
use easel_storage::store::Store;
use easel_storage::workflow::Workflow;
use easel_system::environment::{self, BUCKET, TABLE};
use tokio_util::sync::CancellationToken;

use super::ServeArguments;
use super::data_folder::{DataFolder, OBJECTS, Secrets};
use super::listening::Listening;
use super::objects::PUBLIC;
use super::own_address::OwnAddress;
use super::worker::Queues;
use crate::command_error::CommandError;

const REGION: &str = "us-east-1";
const NAME: &str = "easel";
const GIBIBYTE: u64 = 1 << 30;
/// What stays free on the disk, bytes: databases can be written, and what was ordered can be finished.
const RESERVE: u64 = GIBIBYTE;
/// What `--endpoint-url` takes for the endpoints of AWS's own variables.
const AWS: &str = "aws";

/// Tasks, images and the queue, wherever they are.
pub(super) struct Backing {
    pub(super) workflow: Workflow,
    pub(super) queues: Queues,
    pub(super) table: String,
    pub(super) region: String,
    pub(super) s3_endpoint: Option<String>,
    pub(super) dynamodb_endpoint: Option<String>,
    pub(super) access_key_id: Option<String>,
    pub(super) secret_access_key: Option<String>,
    services: Option<(DynamoDb, S3)>,
    /// Ends the embedded services, which the worker needs to the last.
    shutdown: CancellationToken,
}

impl Backing {
    /// Starts the embedded services, whose images clients find at this address, and whose signed URLs pages at these names may
    /// use, or connects to the others.
    pub(super) async fn start(
        arguments: &ServeArguments,
        folder: &DataFolder,
        secrets: &Secrets,
        pages: &Names,
        address: &OwnAddress,
    ) -> Result<Self, CommandError> {
        let (limits, mut approvals_needed) = (easel_storage::limits()?, easel_storage::approvals_needed()?);
        approvals_needed.of_all = arguments.approvals_needed.unwrap_or(approvals_needed.of_all);
        let mut backing = match arguments.endpoint_url.as_deref().filter(|url| !url.is_empty()) {
            Some(url) => Self::elsewhere(url).await,
            None => Self::embedded(arguments, folder, secrets, pages, address).await?,
        };
        backing.workflow.store = backing.workflow.store.with_limits(limits).with_approvals_needed(approvals_needed);
        Ok(backing)
    }

    async fn embedded(
        arguments: &ServeArguments,
        folder: &DataFolder,
        secrets: &Secrets,
        pages: &Names,
        address: &OwnAddress,
    ) -> Result<Self, CommandError> {
        let (queues, shutdown) = (Queues::new(), CancellationToken::new());
        let key = AccessKey { id: secrets.access_key_id.clone(), secret: secrets.secret_access_key.clone() };
        let rows = Listening::start(arguments, arguments.dynamodb_listen, "--dynamodb-listen").await?;
        let door = Door::for_programs(rows.names);
        let rows =
            DynamoDb::start(&folder.place("dynamodb"), key.clone(), door, rows.listener, shutdown.clone()).await?;
        let notified = queues.work.clone();
        let options = S3Options {
            bucket: NAME.to_owned(),
            key,
            capacity: Capacity {
                limit: arguments.storage_limit.map(|gibibytes| gibibytes.saturating_mul(GIBIBYTE)),
                reserve: RESERVE,
                limited_prefixes: vec![keys::INPUTS.to_owned(), keys::UPLOADS.to_owned()],
            },
            watched_prefixes: vec![keys::REQUESTS.to_owned(), keys::UPLOADS.to_owned()],
            notifier: Arc::new(move |created| {
                notified.send(created.to_event(REGION).to_string());
            }),
        };
        let objects = Listening::start(arguments, arguments.s3_listen, "--s3-listen").await?;
        let door = Door::for_pages_of(objects.names, pages.clone());
        let objects = S3::start(&folder.place(OBJECTS), options, door, objects.listener, shutdown.clone()).await?;

        let credentials = Credentials::new(&secrets.access_key_id, &secrets.secret_access_key, None, None, "easel");
        let rows_client = aws_sdk_dynamodb::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::from_static(REGION))
            .credentials_provider(credentials.clone())
            .endpoint_url(rows.endpoint())
            .build();
        let objects_client = aws_sdk_s3::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::from_static(REGION))
            .credentials_provider(credentials)
            .endpoint_url(objects.endpoint())
            .force_path_style(true);
        let signer = aws_sdk_s3::Client::from_conf(objects_client.clone().endpoint_url(SIGNED_ENDPOINT).build());
        let store = Store::new(aws_sdk_dynamodb::Client::from_conf(rows_client), NAME);
        let gallery = Gallery::new(aws_sdk_s3::Client::from_conf(objects_client.build()), NAME);
        let (service, public) = (address.clone(), address.clone());
        let mut gallery = gallery.behind(Address::new(move || service.current()), signer);
        if !arguments.no_public {
            gallery = gallery.with_public_address(Address::new(move || format!("{}{PUBLIC}", public.current())));
        }
        Ok(Self {
            workflow: Workflow { store, gallery },
            queues,
            table: NAME.to_owned(),
            region: REGION.to_owned(),
            s3_endpoint: Some(objects.endpoint().to_owned()),
            dynamodb_endpoint: Some(rows.endpoint().to_owned()),
            access_key_id: Some(secrets.access_key_id.clone()),
            secret_access_key: Some(secrets.secret_access_key.clone()),
            services: Some((rows, objects)),
            shutdown,
        })
    }

    /// Other services, with the credentials of AWS's own variables and files.
    async fn elsewhere(url: &str) -> Self {
        let url = Some(url).filter(|url| *url != AWS);
        let mut configuration = easel_storage::configuration();
        if let Some(url) = url {
            configuration = configuration.endpoint_url(url);
        }
        let configuration = configuration.load().await;
        let named = |variable: &str| environment::text(variable).unwrap_or(NAME.to_owned());
        let table = named(TABLE);
        let store = Store::new(aws_sdk_dynamodb::Client::new(&configuration), &table);
        let gallery = Gallery::new(object_client(&configuration), named(BUCKET));
        Self {
            workflow: Workflow { store, gallery },
            queues: Queues::new(),
            table,
            region: configuration.region().map_or(REGION, Region::as_ref).to_owned(),
            s3_endpoint: url.map(str::to_owned),
            dynamodb_endpoint: url.map(str::to_owned),
            access_key_id: None,
            secret_access_key: None,
            services: None,
            shutdown: CancellationToken::new(),
        }
    }

    /// Where browsers load images from, if that is not the service itself.
    ///
    /// # Errors
    /// S3's.
    pub(super) async fn images(&self) -> Result<Option<String>, CommandError> {
        if self.services.is_some() {
            return Ok(None);
        }
        Ok(Some(self.workflow.gallery.reading_url(keys::IMAGES).await?))
    }

    /// The way to the objects of the embedded S3, if it is used.
    pub(super) fn gateway(&self) -> Option<Gateway> {
        self.services.as_ref().map(|(_, objects)| objects.gateway())
    }

    /// What the embedded S3 keeps, if it is used.
    pub(super) fn storage(&self) -> Option<Storage> {
        self.services.as_ref().map(|(_, objects)| objects.storage())
    }

    /// Whether new objects announce themselves.
    pub(super) fn announces_objects(&self) -> bool {
        self.services.is_some()
    }

    /// Ends everything that was started.
    pub(super) async fn stop(self) {
        self.shutdown.cancel();
        if let Some((rows, objects)) = self.services {
            rows.stopped().await;
            objects.stopped().await;
        }
    }
}
