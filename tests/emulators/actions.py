"""The rights that a call of AWS needs, in IAM's words; resources are written as the templates write them."""

import json
import re
import urllib.parse
import xml.etree.ElementTree
from dataclasses import dataclass

from emulators.emulator import HISTORY

BUCKET = "${Bucket.Arn}"
# Buckets other than that, by their names.
BUCKETS = {HISTORY: "${HistoryBucket.Arn}"}
TABLE = "${Table.Arn}"
DISTRIBUTION = "arn:${AWS::Partition}:cloudfront::${AWS::AccountId}:distribution/${Distribution}"
# What is done to an object, by the method of the request.
OBJECT = {"GET": "s3:GetObject", "HEAD": "s3:GetObject", "PUT": "s3:PutObject", "DELETE": "s3:DeleteObject"}
# What is done to an object's tags.
TAGS = {"GET": "s3:GetObjectTagging", "PUT": "s3:PutObjectTagging", "DELETE": "s3:DeleteObjectTagging"}
# Parameters of S3 that make no other operation of a request.
PLAIN = {"x-id", "list-type", "prefix", "continuation-token"}
# A transaction is no action: each of its writes is one.
WRITES = {"Put": "PutItem", "Update": "UpdateItem", "Delete": "DeleteItem", "ConditionCheck": "ConditionCheckItem"}


class UnknownCall(Exception):
    """A call of which this file does not know what it needs."""


@dataclass(frozen=True)
class Need:
    """The right to do this to that; of rows, also the partition key, and the operation that it is a part of."""

    action: str
    resource: str
    key: str | None = None
    inside: str | None = None


def needs(method, target, headers, body, status):
    """What the caller of a request needed, which was answered with this status."""
    operation = headers.get("x-amz-target", "")
    service, _, name = operation.partition(".")
    match service:
        case "DynamoDB_20120810":
            return list(of_rows(name, json.loads(body)))
        case "AmazonSQS":
            return [of_a_queue(name, json.loads(body))]
        case "" if re.fullmatch(r"/2020-05-31/distribution/[^/]+/invalidation", target) and method == "POST":
            return [Need("cloudfront:CreateInvalidation", DISTRIBUTION)]
        case "" if method == "POST":
            return list(of_removals(target, body))
        case "":
            return list(of_objects(method, target, headers, status))
    raise UnknownCall(operation)


def of_rows(name, body):
    if name == "TransactWriteItems":
        for entry in body["TransactItems"]:
            ((kind, write),) = entry.items()
            yield Need(f"dynamodb:{WRITES[kind]}", TABLE, partition(write), name)
    elif name == "Query":
        index = f"/index/{body['IndexName']}" if "IndexName" in body else ""
        (value,) = re.findall(r"^\S+ = (:\w+)", body["KeyConditionExpression"])
        yield Need("dynamodb:Query", TABLE + index, body["ExpressionAttributeValues"][value]["S"])
    elif name in ("GetItem", "PutItem", "UpdateItem", "DeleteItem"):
        yield Need(f"dynamodb:{name}", TABLE, partition(body))
    elif name == "BatchGetItem":
        for asked in body["RequestItems"].values():
            for key in asked["Keys"]:
                yield Need(f"dynamodb:{name}", TABLE, key["PK"]["S"])
    else:
        raise UnknownCall(f"{name} of DynamoDB")


def partition(write):
    return write.get("Item", write.get("Key"))["PK"]["S"]


def of_a_queue(name, body):
    queue = body.get("QueueName") or body["QueueUrl"].rsplit("/", 1)[-1]
    return Need(f"sqs:{name}", "${DeadLetters.Arn}" if queue.endswith("-dead-letters") else "${Queue.Arn}")


def of_removals(target, body):
    """Many objects at once."""
    address = urllib.parse.urlsplit(target)
    if "delete" not in urllib.parse.parse_qs(address.query, keep_blank_values=True):
        raise UnknownCall("POST of S3")
    for element in xml.etree.ElementTree.fromstring(body).iter():
        if element.tag.rpartition("}")[2] == "Key":
            yield Need("s3:DeleteObject", f"{BUCKET}/{element.text}")


def of_objects(method, target, headers, status):
    address = urllib.parse.urlsplit(target)
    parameters = urllib.parse.parse_qs(address.query, keep_blank_values=True)
    others = {name for name in parameters if name not in PLAIN and not name.startswith("X-Amz-")}
    _, name, *key = urllib.parse.unquote(address.path).split("/", 2)
    bucket = BUCKETS.get(name, BUCKET)
    actions = TAGS if others == {"tagging"} else OBJECT if not others else {}
    if method not in actions:
        raise UnknownCall(f"{method} of S3 with {sorted(others)}")
    if not key or not key[0]:
        if method != "GET" or "list-type" not in parameters:
            raise UnknownCall(f"{method} of a bucket")
        yield Need("s3:ListBucket", bucket)
        return
    yield Need(actions[method], f"{bucket}/{key[0]}")
    if "x-amz-tagging" in headers:
        yield Need("s3:PutObjectTagging", f"{bucket}/{key[0]}")
    if "x-amz-copy-source" in headers:
        _, source = urllib.parse.unquote(headers["x-amz-copy-source"]).lstrip("/").split("/", 1)
        yield Need("s3:GetObject", f"{BUCKET}/{source}")
    if status == 404:
        # Who may not list is told 403 of what is not there.
        yield Need("s3:ListBucket", bucket)
