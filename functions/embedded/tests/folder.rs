//! A data folder has one user at a time.

use std::sync::Arc;

use easel_embedded::Error;
use easel_embedded::dynamodb::DynamoDb;
use easel_embedded::s3::{S3, S3Options};
use easel_test_support::embedded::{BUCKET, Running};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

async fn listener() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").await.expect("a free port")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_in_use_is_refused_until_its_user_stops() {
    let folder = tempfile::tempdir().expect("a folder");
    let dynamodb = Running::dynamodb(folder.path()).await;
    let (s3, _) = Running::s3(folder.path(), BUCKET).await;

    let second = DynamoDb::start(folder.path(), listener().await, CancellationToken::new()).await;
    assert!(matches!(second, Err(Error::InUse { .. })), "{second:?}");
    let options = S3Options {
        bucket: "easel".to_owned(),
        access_key_id: "key".to_owned(),
        secret_access_key: "secret".to_owned(),
        watched_prefixes: Vec::new(),
        notifier: Arc::new(drop),
    };
    let second = S3::start(folder.path(), options, listener().await, CancellationToken::new()).await;
    assert!(matches!(second, Err(Error::InUse { .. })), "{second:?}");

    dynamodb.stop().await;
    s3.stop().await;
    Running::dynamodb(folder.path()).await;
    Running::s3(folder.path(), BUCKET).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_cannot_be_used_is_named_in_the_error() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("file");
    std::fs::write(&file, "no folder").expect("writes");
    let error = DynamoDb::start(&file, listener().await, CancellationToken::new()).await.expect_err("not a folder");
    assert!(matches!(error, Error::Folder { .. }));
    assert!(error.to_string().contains(&file.display().to_string()), "{error}");

    std::fs::write(folder.path().join("dynamodb.sqlite"), "no database, but long enough to be one".repeat(100))
        .expect("writes");
    let error = DynamoDb::start(folder.path(), listener().await, CancellationToken::new()).await;
    assert!(matches!(error, Err(Error::Database { .. })), "{error:?}");
}
