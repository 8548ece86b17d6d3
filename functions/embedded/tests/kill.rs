//! What was acknowledged survives when the process is killed, and what was not is seen whole or not at all.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, KeySchemaElement, KeyType, Put, ScalarAttributeType,
    TransactWriteItem,
};
use aws_sdk_s3::primitives::ByteStream;
use easel_test_support::embedded::{self, BUCKET, Running};

const FOLDER: &str = "EASEL_TEST_FOLDER";
const WRITERS: usize = 4;
/// How many writes of each service are acknowledged before the kill.
const ENOUGH: usize = 40;

struct ServiceProcess {
    child: Child,
    dynamodb: aws_sdk_dynamodb::Client,
    s3: aws_sdk_s3::Client,
}

impl ServiceProcess {
    /// Starts this test program anew, with the services on the folder.
    fn start(folder: &Path) -> Self {
        let program = std::env::current_exe().expect("this program");
        let mut command = Command::new(program);
        command.args(["kill::the_services", "--exact", "--ignored", "--nocapture"]).env(FOLDER, folder);
        let mut child = command.stdout(Stdio::piped()).spawn().expect("starts");
        let lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        let mut endpoints = lines.map(|line| line.expect("a line")).filter(|line| line.starts_with("http://"));
        let access = embedded::access().without_retries();
        let dynamodb = access.dynamodb(&endpoints.next().expect("an endpoint"));
        let s3 = access.s3(&endpoints.next().expect("an endpoint"));
        Self { child, dynamodb, s3 }
    }
}

impl Drop for ServiceProcess {
    fn drop(&mut self) {
        // Also when an assertion has failed.
        self.child.kill().expect("kills");
        self.child.wait().expect("is gone");
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "the process that the other test kills"]
async fn the_services() {
    let folder = std::env::var_os(FOLDER).expect("set by the other test");
    let folder = Path::new(&folder);
    let dynamodb = Running::dynamodb(folder).await;
    let (s3, _created) = Running::s3(folder, BUCKET).await;
    println!("\n{}\n{}", dynamodb.endpoint(), s3.endpoint());
    std::future::pending::<()>().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_survives_a_kill() {
    let folder = tempfile::tempdir().expect("a folder");
    let process = ServiceProcess::start(folder.path());
    create_table(&process.dynamodb).await;
    drop(process);

    for round in 0..3 {
        let process = ServiceProcess::start(folder.path());
        let transactions = Arc::new(AtomicUsize::new(0));
        let objects = Arc::new(AtomicUsize::new(0));
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| {
                let name = format!("{round}-{writer}");
                let (dynamodb, s3) = (process.dynamodb.clone(), process.s3.clone());
                let (transactions, objects) = (transactions.clone(), objects.clone());
                (
                    tokio::spawn(write_transactions(dynamodb, name.clone(), transactions)),
                    tokio::spawn(write_objects(s3, name, objects)),
                )
            })
            .collect();
        let enough = async {
            while transactions.load(Ordering::Relaxed) < ENOUGH || objects.load(Ordering::Relaxed) < ENOUGH {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), enough).await.expect("writes are acknowledged");
        drop(process);

        let process = ServiceProcess::start(folder.path());
        for (writer, (transactions, objects)) in writers.into_iter().enumerate() {
            let name = format!("{round}-{writer}");
            check_transactions(&process.dynamodb, &name, transactions.await.expect("writes")).await;
            check_objects(&process.s3, &name, objects.await.expect("writes")).await;
        }
        drop(process);
    }
}

async fn create_table(client: &aws_sdk_dynamodb::Client) {
    let attribute = AttributeDefinition::builder().attribute_name("id").attribute_type(ScalarAttributeType::S).build();
    let key = KeySchemaElement::builder().attribute_name("id").key_type(KeyType::Hash).build();
    let create = client.create_table().table_name("items").billing_mode(BillingMode::PayPerRequest);
    let create = create.attribute_definitions(attribute.expect("an attribute")).key_schema(key.expect("a key"));
    create.send().await.expect("creates the table");
}

/// Writes pairs of items, each pair in a transaction, until the service is gone. Returns how many were acknowledged.
async fn write_transactions(client: aws_sdk_dynamodb::Client, name: String, acknowledged: Arc<AtomicUsize>) -> usize {
    for number in 0.. {
        let item = |half: &str| {
            let id = AttributeValue::S(format!("{name}-{number}-{half}"));
            let put = Put::builder().table_name("items").item("id", id).build().expect("a put");
            TransactWriteItem::builder().put(put).build()
        };
        let write = client.transact_write_items().transact_items(item("left")).transact_items(item("right"));
        if write.send().await.is_err() {
            return number;
        }
        acknowledged.fetch_add(1, Ordering::Relaxed);
    }
    unreachable!("the service is killed")
}

async fn check_transactions(client: &aws_sdk_dynamodb::Client, name: &str, acknowledged: usize) {
    for number in 0..=acknowledged {
        let mut found = Vec::new();
        for half in ["left", "right"] {
            let id = AttributeValue::S(format!("{name}-{number}-{half}"));
            let item = client.get_item().table_name("items").key("id", id).consistent_read(true).send().await;
            found.push(item.expect("gets").item.is_some());
        }
        assert_eq!(found[0], found[1], "half of transaction {number}");
        assert!(found[0] || number == acknowledged, "transaction {number} was acknowledged");
    }
}

fn body(number: usize) -> Vec<u8> {
    number.to_be_bytes().repeat(20_000)
}

/// Replaces one object over and over until the service is gone. Returns the number of the last acknowledged one.
async fn write_objects(client: aws_sdk_s3::Client, name: String, acknowledged: Arc<AtomicUsize>) -> usize {
    for number in 1.. {
        let put = client.put_object().bucket(BUCKET).key(&name).metadata("number", number.to_string());
        if put.body(ByteStream::from(body(number))).send().await.is_err() {
            return number - 1;
        }
        acknowledged.fetch_add(1, Ordering::Relaxed);
    }
    unreachable!("the service is killed")
}

async fn check_objects(client: &aws_sdk_s3::Client, name: &str, acknowledged: usize) {
    let object = client.get_object().bucket(BUCKET).key(name).send().await;
    let Ok(object) = object else {
        assert_eq!(acknowledged, 0, "an object was acknowledged");
        return;
    };
    let number: usize = object.metadata().expect("metadata")["number"].parse().expect("a number");
    assert!(number == acknowledged || number == acknowledged + 1, "{number} is there and {acknowledged} was the last");
    let read = object.body.collect().await.expect("reads").to_vec();
    assert!(read == body(number), "the metadata and the bytes are of one object");
}
