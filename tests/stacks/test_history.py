"""The copier of the history, as the template writes it out, on the stack's own table and locked bucket in moto."""

import json
import os
import unittest
from unittest import mock

import boto3
from botocore.exceptions import ClientError

from stacks import forgotten
from stacks.created import Created
from stacks.templates import SERVICE, VARIANTS, load
from stacks.transformed import REGION

TASK = "01990000-0000-7000-8000-000000000001"
SECRET = "a portrait of my neighbour"
BY = {"name": "robin", "role": "reviewer", "token_id": "token-1", "request_id": "request-1"}


def event(version, kind, **more):
    """A row of the history, as Easel writes it."""
    row = {"PK": f"TASK#{TASK}", "SK": f"EVENT#{version:010}", "task": TASK, "version": version}
    row |= {"at": "2026-01-01T00:00:00Z", "from": "pending", "to": "approved", "by": BY}
    row["link"] = {"previous": f"hash-{version - 1}", "digest": f"digest-{version}", "hash": f"hash-{version}"}
    return row | {"change": {"kind": kind, "prompt": SECRET}} | more


class History(unittest.TestCase):
    """Rows are written to the table, the stream is read, and the copier is called with what it says."""

    endpoint = None

    @classmethod
    def setUpClass(cls):
        values = VARIANTS["with everything"]
        # moto would call the function by itself, for which it needs Docker.
        cls.created = Created(cls.endpoint, "history", values, without=["CopyingHistory"])
        forgotten.complete(cls.created)
        session = boto3.Session("easel", "easel", region_name=REGION)
        cls.table = session.resource("dynamodb", endpoint_url=cls.endpoint).Table(cls.created.ids["Table"])
        cls.bucket = cls.created.ids["HistoryBucket"]
        cls.s3 = cls.created.client("s3")
        # It refuses connections without TLS, and moto has no others.
        cls.s3.delete_bucket_policy(Bucket=cls.bucket)
        resources = load(SERVICE)["Resources"]
        (wanted,) = resources["CopyingHistory"]["Properties"]["FilterCriteria"]["Filters"]
        cls.filter = json.loads(wanted["Pattern"])["dynamodb"]["Keys"]["SK"]["S"][0]["prefix"]
        cls.code = compile(resources["CopyHistory"]["Properties"]["InlineCode"], "index.py", "exec")

    def deliver(self, times=1):
        """Everything that the stream has so far, to a copier that has just started."""
        streams = self.created.client("dynamodbstreams")
        stream = streams.list_streams(TableName=self.table.name)["Streams"][0]["StreamArn"]
        records = []
        for shard in streams.describe_stream(StreamArn=stream)["StreamDescription"]["Shards"]:
            given = {"StreamArn": stream, "ShardId": shard["ShardId"], "ShardIteratorType": "TRIM_HORIZON"}
            iterator = streams.get_shard_iterator(**given)["ShardIterator"]
            records += streams.get_records(ShardIterator=iterator)["Records"]
        told = [record for record in records if record["dynamodb"]["Keys"]["SK"]["S"].startswith(self.filter)]
        own = {"BUCKET": self.bucket}
        client = mock.patch.object(boto3, "client", lambda service: self.created.client(service))
        with mock.patch.dict(os.environ, own), client:
            index = {}
            exec(self.code, index)
            for _ in range(times):
                index["handler"]({"Records": told}, None)

    def copies(self):
        """What lies in the bucket, by key."""
        found = self.s3.list_objects_v2(Bucket=self.bucket).get("Contents", [])
        return {
            entry["Key"]: self.s3.get_object(Bucket=self.bucket, Key=entry["Key"])["Body"].read() for entry in found
        }

    def test_rows_are_copied_once_without_what_people_wrote_and_stay(self):
        self.table.put_item(Item=event(1, "create"))
        self.table.put_item(Item=event(2, "approve"))
        self.table.put_item(Item={"PK": f"TASK#{TASK}", "SK": "TASK", "prompt": SECRET})
        self.deliver(times=2)
        copies = self.copies()
        self.assertEqual(len(copies), 2, copies)
        first, second = (json.loads(copies[key]) for key in sorted(copies))
        self.assertEqual((first["task"], first["version"], first["change"]), (TASK, 1, "create"))
        self.assertEqual((second["by"], second["link"]["previous"]), (BY, first["link"]["hash"]))
        self.assertNotIn(SECRET, str(copies))
        versions = self.s3.list_object_versions(Bucket=self.bucket)["Versions"]
        self.assertEqual(len(versions), len(copies), "a second delivery wrote again")
        for version in versions:
            with self.assertRaises(ClientError) as refused:
                self.s3.delete_object(Bucket=self.bucket, Key=version["Key"], VersionId=version["VersionId"])
            self.assertEqual(refused.exception.response["Error"]["Code"], "AccessDenied")

        # Somebody with rights on the table rewrites what happened, and removes a row.
        forged = event(2, "approve", by=BY | {"name": "somebody"}, link={"hash": "forged"})
        self.table.put_item(Item=forged)
        self.table.delete_item(Key={"PK": forged["PK"], "SK": f"EVENT#{1:010}"})
        self.deliver()
        later = self.copies()
        self.assertEqual({key: later[key] for key in copies}, copies)
        said = [json.loads(body) for key, body in later.items() if key not in copies]
        self.assertEqual(sorted(one["row"] for one in said), ["modify", "remove"])

    def test_what_the_bucket_refuses_is_an_error(self):
        self.table.put_item(Item=event(3, "publish"))
        right, self.bucket = self.bucket, "nobody-has-this-bucket"
        self.addCleanup(setattr, self, "bucket", right)
        with self.assertRaises(ClientError):
            self.deliver()
