//! A data folder has one user at a time.

use std::path::Path;
use std::sync::Arc;

use aws_sdk_s3::primitives::ByteStream;
use easel_embedded::Error;
use easel_embedded::door::Door;
use easel_embedded::dynamodb::DynamoDb;
use easel_embedded::s3::{S3, S3Options};
use easel_test_support::embedded::{BUCKET, Running, access_key, names};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

async fn listener() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").await.expect("a free port")
}

async fn another_dynamodb(folder: &Path) -> easel_embedded::Result<DynamoDb> {
    let listener = listener().await;
    let door = Door::for_programs(names(&listener));
    DynamoDb::start(folder, access_key(), door, listener, CancellationToken::new()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_in_use_is_refused_until_its_user_stops() {
    let folder = tempfile::tempdir().expect("a folder");
    let dynamodb = Running::dynamodb(folder.path()).await;
    let (s3, _) = Running::s3(folder.path(), BUCKET).await;

    let second = another_dynamodb(folder.path()).await;
    assert!(matches!(second, Err(Error::InUse { .. })), "{second:?}");
    let options = S3Options {
        bucket: "easel".to_owned(),
        key: access_key(),
        watched_prefixes: Vec::new(),
        notifier: Arc::new(drop),
    };
    let listener = listener().await;
    let door = Door::for_programs(names(&listener));
    let second = S3::start(folder.path(), options, door, listener, CancellationToken::new()).await;
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
    let error = another_dynamodb(&file).await.expect_err("not a folder");
    assert!(matches!(error, Error::Folder { .. }));
    assert!(error.to_string().contains(&file.display().to_string()), "{error}");

    std::fs::write(folder.path().join("dynamodb.sqlite"), "no database, but long enough to be one".repeat(100))
        .expect("writes");
    let error = another_dynamodb(folder.path()).await;
    assert!(matches!(error, Err(Error::Database { .. })), "{error:?}");
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn nobody_else_can_read_what_is_kept() {
    use std::fs::{metadata, set_permissions};
    use std::os::unix::fs::PermissionsExt;

    let temporary = tempfile::tempdir().expect("a folder");
    let folder = temporary.path().join("data");
    // From an earlier version.
    std::fs::create_dir_all(folder.join("objects")).expect("made");
    set_permissions(&folder, PermissionsExt::from_mode(0o755)).expect("opened");
    let start = || async {
        let dynamodb = Running::dynamodb(&folder).await;
        let (s3, _created) = Running::s3(&folder, BUCKET).await;
        let put = s3.client().put_object().bucket(BUCKET).key("images/a.png").body(ByteStream::from_static(b"image"));
        put.send().await.expect("puts");
        let copy = s3.client().copy_object().bucket(BUCKET).key("published/a.png");
        copy.copy_source(format!("{BUCKET}/images/a.png")).send().await.expect("copies");
        (dynamodb, s3)
    };
    let (dynamodb, s3) = start().await;
    assert!(all_modes(&folder).len() > 8, "databases, their logs, locks and objects: {:?}", all_modes(&folder));
    assert_private(&folder);

    dynamodb.stop().await;
    s3.stop().await;
    for (path, _) in all_modes(&folder) {
        let mode = if path.is_dir() { 0o755 } else { 0o644 };
        set_permissions(&path, PermissionsExt::from_mode(mode)).expect("opened");
    }
    let _running = start().await;
    assert_private(&folder);

    fn assert_private(folder: &Path) {
        for (path, mode) in all_modes(folder) {
            assert_eq!(mode & 0o077, 0, "{} is {mode:o}", path.display());
        }
    }

    fn all_modes(folder: &Path) -> Vec<(std::path::PathBuf, u32)> {
        let mut found = vec![folder.to_owned()];
        for folder in [folder.to_owned(), folder.join("objects")] {
            found.extend(folder.read_dir().expect("a folder").map(|entry| entry.expect("an entry").path()));
        }
        let mode = |path: &Path| metadata(path).expect("it is there").permissions().mode() & 0o777;
        found.into_iter().map(|path| (path.clone(), mode(&path))).collect()
    }
}
