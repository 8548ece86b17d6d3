//! S3 through the AWS SDK.

use std::collections::HashMap;

use aws_sdk_s3::Client;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{ChecksumAlgorithm, Delete, MetadataDirective, ObjectIdentifier, TaggingDirective};
use easel_embedded::s3::Capacity;
use easel_test_support::clients::Access;
use easel_test_support::embedded::{ACCESS_KEY_ID, BUCKET, REGION, Running};

async fn put(client: &Client, key: &str, body: &'static [u8]) {
    client.put_object().bucket(BUCKET).key(key).body(ByteStream::from_static(body)).send().await.expect("puts");
}

async fn get(client: &Client, key: &str) -> Vec<u8> {
    let object = client.get_object().bucket(BUCKET).key(key).send().await.expect("gets");
    object.body.collect().await.expect("reads").to_vec()
}

fn status<E>(error: &SdkError<E>) -> u16 {
    error.raw_response().expect("S3 answered").status().as_u16()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_comes_back_with_all_that_was_said_of_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let (s3, _) = Running::s3(folder.path(), BUCKET).await;
    let client = s3.client();
    let metadata = HashMap::from([("prompt".to_owned(), "a%20heart".to_owned()), ("seed".to_owned(), "7".to_owned())]);

    let put = client.put_object().bucket(BUCKET).key("images/a.png").body(ByteStream::from_static(b"image"));
    let put = put.content_type("image/png").cache_control("max-age=60").set_metadata(Some(metadata.clone()));
    let e_tag = put.send().await.expect("puts").e_tag.expect("an ETag");

    assert_eq!(e_tag, "\"78805a221a988e79ef3f42d7c5bfd418\"");
    let head = client.head_object().bucket(BUCKET).key("images/a.png").send().await.expect("heads");
    assert_eq!(head.content_length(), Some(5));
    assert_eq!(head.content_type(), Some("image/png"));
    assert_eq!(head.cache_control(), Some("max-age=60"));
    assert_eq!(head.metadata(), Some(&metadata));
    assert_eq!(head.e_tag(), Some(e_tag.as_str()));
    let age = std::time::SystemTime::now()
        .duration_since(head.last_modified().expect("a time").to_owned().try_into().expect("after 1970"));
    assert!(age.expect("in the past").as_secs() < 60);

    let object = client.get_object().bucket(BUCKET).key("images/a.png").send().await.expect("gets");
    assert_eq!(object.metadata(), Some(&metadata));
    assert_eq!(object.content_type(), Some("image/png"));
    assert_eq!(object.e_tag(), Some(e_tag.as_str()));
    assert_eq!(object.body.collect().await.expect("reads").to_vec(), b"image");
    let range = client.get_object().bucket(BUCKET).key("images/a.png").range("bytes=2-4").send().await.expect("gets");
    assert_eq!(range.content_range(), Some("bytes 2-4/5"));
    assert_eq!(range.body.collect().await.expect("reads").to_vec(), b"age");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_key_and_every_length_round_trips() {
    let folder = tempfile::tempdir().expect("a folder");
    let (s3, _) = Running::s3(folder.path(), BUCKET).await;
    let client = s3.client();
    let longest = "k".repeat(1024);
    let keys =
        ["a", "a/b", "a//b", "A", "spaces and + %41 &=?#.png", "ünïcödé/🎨", "../../escape", "./x", longest.as_str()];
    for key in keys {
        let body = ByteStream::from(key.as_bytes().to_vec());
        client.put_object().bucket(BUCKET).key(key).body(body).send().await.expect("puts");
    }
    for key in keys {
        assert_eq!(get(&client, key).await, key.as_bytes(), "{key}");
    }
    let listed = client.list_objects_v2().bucket(BUCKET).send().await.expect("lists");
    let mut sorted = keys.to_vec();
    sorted.sort_unstable();
    assert_eq!(listed.contents().iter().filter_map(|object| object.key()).collect::<Vec<_>>(), sorted);

    let long = vec![42; 20 << 20];
    for body in [Vec::new(), long] {
        let bytes = ByteStream::from(body.clone());
        client.put_object().bucket(BUCKET).key("length").body(bytes).send().await.expect("puts");
        assert_eq!(get(&client, "length").await, body);
    }
    let too_long = "k".repeat(1025);
    let error = client.head_object().bucket(BUCKET).key(too_long).send().await.expect_err("too long");
    assert_eq!(status(&error), 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn listings_have_pages_prefixes_and_delimiters() {
    let folder = tempfile::tempdir().expect("a folder");
    let (s3, _) = Running::s3(folder.path(), BUCKET).await;
    let client = s3.client();
    for number in 0..25 {
        put(&client, &format!("tasks/{number:02}/image.png"), b"x").await;
    }
    put(&client, "other", b"x").await;
    put(&client, "tasks/z", b"x").await;

    let mut pages = client.list_objects_v2().bucket(BUCKET).prefix("tasks/").max_keys(10).into_paginator().send();
    let mut keys = Vec::new();
    let mut sizes = Vec::new();
    while let Some(page) = pages.next().await {
        let page = page.expect("lists");
        sizes.push(page.contents().len());
        keys.extend(page.contents().iter().map(|object| object.key().expect("a key").to_owned()));
    }
    assert_eq!(sizes, [10, 10, 6]);
    let mut expected: Vec<_> = (0..25).map(|number| format!("tasks/{number:02}/image.png")).collect();
    expected.push("tasks/z".to_owned());
    assert_eq!(keys, expected);

    let list = client.list_objects_v2().bucket(BUCKET).prefix("tasks/").delimiter("/").max_keys(20);
    let mut pages = list.into_paginator().send();
    let mut prefixes = Vec::new();
    let mut keys = Vec::new();
    while let Some(page) = pages.next().await {
        let page = page.expect("lists");
        prefixes.extend(page.common_prefixes().iter().map(|prefix| prefix.prefix().expect("a prefix").to_owned()));
        keys.extend(page.contents().iter().map(|object| object.key().expect("a key").to_owned()));
    }
    assert_eq!(prefixes, (0..25).map(|number| format!("tasks/{number:02}/")).collect::<Vec<_>>());
    assert_eq!(keys, ["tasks/z"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn deleted_and_absent_objects_are_not_found() {
    let folder = tempfile::tempdir().expect("a folder");
    let (s3, _) = Running::s3(folder.path(), BUCKET).await;
    let client = s3.client();
    for key in ["a", "b", "c"] {
        put(&client, key, b"x").await;
    }
    client.delete_object().bucket(BUCKET).key("a").send().await.expect("deletes");
    client.delete_object().bucket(BUCKET).key("a").send().await.expect("deletes nothing");
    let keys = ["b", "c", "d"].map(|key| ObjectIdentifier::builder().key(key).build().expect("a key"));
    let delete = Delete::builder().set_objects(Some(keys.to_vec())).build().expect("keys");
    let deleted = client.delete_objects().bucket(BUCKET).delete(delete).send().await.expect("deletes");
    assert_eq!(deleted.deleted().len(), 3);

    for key in ["a", "b", "c"] {
        let error = client.get_object().bucket(BUCKET).key(key).send().await.expect_err("deleted");
        assert!(error.into_service_error().is_no_such_key());
        let error = client.head_object().bucket(BUCKET).key(key).send().await.expect_err("deleted");
        assert!(error.into_service_error().is_not_found());
    }
    let error = client.get_object().bucket("another").key("a").send().await.expect_err("no such bucket");
    assert_eq!(error.code(), Some("NoSuchBucket"));
    assert_eq!(folder.path().join("objects").read_dir().expect("a folder").count(), 0, "no bytes stay behind");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_keeps_or_replaces_what_was_said_of_the_source() {
    let folder = tempfile::tempdir().expect("a folder");
    let (s3, _) = Running::s3(folder.path(), BUCKET).await;
    let client = s3.client();
    let put = client.put_object().bucket(BUCKET).key("a b").body(ByteStream::from_static(b"image"));
    put.content_type("image/png").metadata("seed", "7").send().await.expect("puts");

    let copy = client.copy_object().bucket(BUCKET).key("kept").copy_source(format!("{BUCKET}/a%20b"));
    copy.send().await.expect("copies");
    let copy = client.copy_object().bucket(BUCKET).key("a b").copy_source(format!("{BUCKET}/a%20b"));
    let copy = copy.metadata_directive(MetadataDirective::Replace).content_type("image/webp").metadata("seed", "8");
    copy.send().await.expect("copies onto itself");

    let kept = client.head_object().bucket(BUCKET).key("kept").send().await.expect("heads");
    assert_eq!((kept.content_type(), kept.metadata().expect("metadata")["seed"].as_str()), (Some("image/png"), "7"));
    let replaced = client.head_object().bucket(BUCKET).key("a b").send().await.expect("heads");
    let seed = replaced.metadata().expect("metadata")["seed"].as_str();
    assert_eq!((replaced.content_type(), seed), (Some("image/webp"), "8"));
    assert_eq!(get(&client, "kept").await, b"image");
    assert_eq!(get(&client, "a b").await, b"image");
}

#[tokio::test(flavor = "multi_thread")]
async fn tags_stay_until_they_are_taken_away() {
    let folder = tempfile::tempdir().expect("a folder");
    let (s3, _) = Running::s3(folder.path(), BUCKET).await;
    let client = s3.client();
    let put = client.put_object().bucket(BUCKET).key("a").tagging("approved=no&by=robin%20r");
    put.body(ByteStream::from_static(b"image")).send().await.expect("puts");
    let copy = || client.copy_object().bucket(BUCKET).copy_source(format!("{BUCKET}/a"));
    copy().key("kept").send().await.expect("copies");
    copy().key("bare").tagging_directive(TaggingDirective::Replace).send().await.expect("copies");
    client.delete_object_tagging().bucket(BUCKET).key("a").send().await.expect("they go");

    let tags = async |key: &str| {
        let tags = client.get_object_tagging().bucket(BUCKET).key(key).send().await.expect("answers");
        tags.tag_set().iter().map(|tag| (tag.key().to_owned(), tag.value().to_owned())).collect::<Vec<_>>()
    };
    let both = [("approved", "no"), ("by", "robin r")].map(|(key, value)| (key.to_owned(), value.to_owned()));
    assert_eq!((tags("a").await, tags("kept").await, tags("bare").await), (vec![], both.to_vec(), vec![]));
    assert_eq!(get(&client, "a").await, b"image");
    let error = client.delete_object_tagging().bucket(BUCKET).key("none").send().await.expect_err("nothing there");
    assert_eq!(error.code(), Some("NoSuchKey"));
}

#[tokio::test(flavor = "multi_thread")]
async fn of_concurrent_conditional_puts_of_a_key_exactly_one_wins() {
    let folder = tempfile::tempdir().expect("a folder");
    let (s3, _) = Running::s3(folder.path(), BUCKET).await;
    let client = s3.client();
    let puts: Vec<_> = (0..120)
        .map(|number: usize| {
            let put = client.put_object().bucket(BUCKET).key(format!("key-{}", number % 10)).if_none_match("*");
            let put = put.body(ByteStream::from(number.to_string().into_bytes()));
            tokio::spawn(async move { (number, put.send().await) })
        })
        .collect();
    let mut winners = HashMap::new();
    for put in puts {
        match put.await.expect("runs") {
            (number, Ok(_)) => assert_eq!(winners.insert(number % 10, number), None, "only one wins"),
            (_, Err(error)) => {
                assert_eq!(status(&error), 412);
                assert_eq!(error.code(), Some("PreconditionFailed"));
            }
        }
    }
    assert_eq!(winners.len(), 10);
    for (key, number) in winners {
        assert_eq!(get(&client, &format!("key-{key}")).await, number.to_string().into_bytes());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_is_replaced_and_deleted_only_if_it_is_the_expected_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let (s3, _) = Running::s3(folder.path(), BUCKET).await;
    let client = s3.client();
    let error = client.put_object().bucket(BUCKET).key("a").if_match("\"x\"").send().await.expect_err("absent");
    assert_eq!(status(&error), 404);
    let first = client.put_object().bucket(BUCKET).key("a").body(ByteStream::from_static(b"1")).send().await;
    let first = first.expect("puts").e_tag.expect("an ETag");
    let second = client.put_object().bucket(BUCKET).key("a").if_match(&first).body(ByteStream::from_static(b"2"));
    second.send().await.expect("replaces");
    let third = client.put_object().bucket(BUCKET).key("a").if_match(&first).body(ByteStream::from_static(b"3"));
    assert_eq!(status(&third.send().await.expect_err("no longer the first")), 412);
    let delete = client.delete_object().bucket(BUCKET).key("a").if_match(&first);
    assert_eq!(status(&delete.send().await.expect_err("no longer the first")), 412);
    assert_eq!(get(&client, "a").await, b"2");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_without_its_checksum_or_md5_is_refused_and_not_seen() {
    let folder = tempfile::tempdir().expect("a folder");
    let (s3, _) = Running::s3(folder.path(), BUCKET).await;
    let client = s3.client();
    for algorithm in [
        ChecksumAlgorithm::Crc32,
        ChecksumAlgorithm::Crc32C,
        ChecksumAlgorithm::Crc64Nvme,
        ChecksumAlgorithm::Sha1,
        ChecksumAlgorithm::Sha256,
    ] {
        let put = client.put_object().bucket(BUCKET).key("good").checksum_algorithm(algorithm);
        put.body(ByteStream::from_static(b"image")).send().await.expect("puts");
        assert_eq!(get(&client, "good").await, b"image");
    }
    let body = || ByteStream::from_static(b"image");
    let error = client.put_object().bucket(BUCKET).key("bad").checksum_crc32("AAAAAA==").body(body()).send().await;
    assert_eq!(error.expect_err("wrong checksum").code(), Some("BadDigest"));
    let error = client.put_object().bucket(BUCKET).key("bad").content_md5("1B2M2Y8AsgTpgAmY7PhCfg==").body(body());
    assert_eq!(error.send().await.expect_err("wrong MD5").code(), Some("BadDigest"));
    let error = client.put_object().bucket(BUCKET).key("bad").metadata("long", "x".repeat(2048)).body(body());
    assert_eq!(error.send().await.expect_err("too much metadata").code(), Some("MetadataTooLarge"));

    let error = client.head_object().bucket(BUCKET).key("bad").send().await.expect_err("never written");
    assert!(error.into_service_error().is_not_found());
    assert_eq!(folder.path().join("objects").read_dir().expect("a folder").count(), 1, "nothing stays behind");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_secret_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let (s3, _) = Running::s3(folder.path(), BUCKET).await;
    let stranger = Access::new(REGION, ACCESS_KEY_ID, "guess").without_retries().s3(&s3.endpoint());
    let error = stranger.get_object().bucket(BUCKET).key("a").send().await.expect_err("a wrong secret");
    assert_eq!(error.code(), Some("SignatureDoesNotMatch"));
    let anonymous = reqwest::get(format!("{}/{BUCKET}/a", s3.endpoint())).await.expect("answers");
    assert_eq!(anonymous.status().as_u16(), 403);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_keeps_the_objects_and_clears_away_interrupted_uploads() {
    let folder = tempfile::tempdir().expect("a folder");
    let (s3, _) = Running::s3(folder.path(), BUCKET).await;
    let put = s3.client().put_object().bucket(BUCKET).key("a").content_type("image/png").metadata("seed", "7");
    put.body(ByteStream::from_static(b"image")).send().await.expect("puts");
    let endpoint = s3.endpoint();
    s3.stop().await;
    assert!(reqwest::get(endpoint).await.is_err(), "the service no longer listens");
    std::fs::write(folder.path().join("objects/interrupted"), b"imag").expect("writes");

    let (s3, _) = Running::s3(folder.path(), BUCKET).await;
    let head = s3.client().head_object().bucket(BUCKET).key("a").send().await.expect("heads");
    assert_eq!((head.content_type(), head.metadata().expect("metadata")["seed"].as_str()), (Some("image/png"), "7"));
    assert_eq!(get(&s3.client(), "a").await, b"image");
    assert_eq!(folder.path().join("objects").read_dir().expect("a folder").count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_there_is_no_room_for_is_refused_in_words() {
    let folder = tempfile::tempdir().expect("a folder");
    let limited_prefixes = vec!["uploads/".to_owned()];
    let capacity = Capacity { limit: Some(100), reserve: 0, limited_prefixes: limited_prefixes.clone() };
    let (s3, _) = Running::s3_within(folder.path(), BUCKET, capacity).await;
    let client = s3.client();
    let put = |key: &'static str, bytes: usize| {
        client.put_object().bucket(BUCKET).key(key).body(ByteStream::from(vec![b'x'; bytes])).send()
    };
    put("uploads/a", 60).await.expect("room");
    let full = put("uploads/b", 60).await.expect_err("no room");
    assert_eq!(full.raw_response().map(|response| response.status().as_u16()), Some(507), "{full:?}");
    let full = full.into_service_error();
    assert_eq!(full.code(), Some("InsufficientStorage"));
    assert!(full.message().is_some_and(|message| message.contains("--storage-limit")), "{full:?}");
    // What becomes of what was taken still finds its place, and an object that is replaced counts once.
    put("images/a", 30).await.expect("not limited");
    put("images/a", 35).await.expect("not limited");
    assert!(s3.storage().await.room_for(6).is_err() && s3.storage().await.room_for(5).is_ok());
    client.delete_object().bucket(BUCKET).key("uploads/a").send().await.expect("deletes");
    put("uploads/b", 60).await.expect("room again");
    s3.stop().await;
    let usage = easel_embedded::s3::usage(folder.path()).expect("read");
    let usage: Vec<_> = usage.iter().map(|usage| (usage.prefix.as_str(), usage.objects, usage.bytes)).collect();
    assert_eq!(usage, [("images/", 1, 35), ("uploads/", 1, 60)]);

    let capacity = Capacity { limit: None, reserve: u64::MAX, limited_prefixes };
    let (s3, _) = Running::s3_within(folder.path(), BUCKET, capacity).await;
    let put = s3.client().put_object().bucket(BUCKET).key("uploads/c").body(ByteStream::from_static(b"x")).send().await;
    let full = put.expect_err("the disk is as good as full").into_service_error();
    assert!(full.message().is_some_and(|message| message.contains("disk")), "{full:?}");
    assert!(s3.storage().await.room_for(0).is_err());
}
