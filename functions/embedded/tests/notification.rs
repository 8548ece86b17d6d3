//! New objects are reported as S3 reports them.

use std::time::SystemTime;

use aws_lambda_events::event::s3::S3Event;
use aws_sdk_s3::primitives::ByteStream;
use easel_test_support::embedded::{BUCKET, Running};

#[tokio::test(flavor = "multi_thread")]
async fn each_new_object_under_a_watched_prefix_is_reported_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let (s3, mut created) = Running::s3(folder.path(), BUCKET).await;
    let client = s3.client();
    for key in ["images/not watched", "requests/ü + (1)/a&b.json"] {
        let put = client.put_object().bucket(BUCKET).key(key).body(ByteStream::from_static(b"image"));
        put.send().await.expect("puts");
    }
    let again = client.put_object().bucket(BUCKET).key("requests/ü + (1)/a&b.json").if_none_match("*");
    again.send().await.expect_err("there is one already");
    let source = format!("{BUCKET}/images/not%20watched");
    client.copy_object().bucket(BUCKET).key("uploads/copy").copy_source(source).send().await.expect("copies");
    client.delete_object().bucket(BUCKET).key("uploads/copy").send().await.expect("deletes");
    s3.stop().await;
    // It would report more if it were started again.
    drop(s3);

    let put = created.recv().await.expect("reported").to_event("eu-central-1");
    let copy = created.recv().await.expect("reported").to_event("eu-central-1");
    assert!(created.recv().await.is_none(), "nothing else");

    assert_eq!(put["Records"][0]["s3"]["object"]["key"], "requests/%C3%BC+%2B+%281%29/a%26b.json");
    assert_eq!(put["Records"][0]["eventVersion"], "2.1");
    assert_eq!(put["Records"][0]["eventSource"], "aws:s3");
    let [put, copy] = [put, copy].map(|event| {
        let event: S3Event = serde_json::from_value(event).expect("an event of S3");
        event.records.into_iter().next().expect("a record")
    });
    assert_eq!(put.event_name.as_deref(), Some("ObjectCreated:Put"));
    assert_eq!(put.s3.bucket.name.as_deref(), Some(BUCKET));
    assert_eq!(put.s3.object.size, Some(5));
    let e_tag = "78805a221a988e79ef3f42d7c5bfd418";
    assert_eq!(put.s3.object.e_tag.as_deref(), Some(e_tag));
    assert!(SystemTime::from(put.event_time) <= SystemTime::now());
    assert_eq!(copy.event_name.as_deref(), Some("ObjectCreated:Copy"));
    assert_eq!(copy.s3.object.key.as_deref(), Some("uploads/copy"));
    assert!(copy.s3.object.sequencer > put.s3.object.sequencer);
}
