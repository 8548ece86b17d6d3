"""Many tasks at once, written into the embedded DynamoDB as copies of one that was generated: they show its image."""

import copy
import datetime
import hashlib
import hmac
import json
import random
import urllib.request
import uuid
from urllib.parse import urlsplit

# The most that one call writes. A transaction, because the embedded store makes one of each row of a batch.
BATCH = 100
# As in functions/storage/src/store/indexes.rs.
SHARDS = 4


def copies(service, task, tasks):
    """Writes a copy of the generated task `task` for each of `tasks`, oldest first, with these changes (`status`,
    `owner`, `title`, `tags`, `prompt`); their ids. Copies have no history."""
    row = call(service, "GetItem", **place(service, task))["Item"]
    now = datetime.datetime.now(datetime.UTC)
    writes, ids = [], []
    for number, changes in enumerate(tasks):
        at = now - datetime.timedelta(seconds=len(tasks) - number)
        ids.append(new_id(at))
        item = copied(row, ids[-1], at, changes)
        for each in (item, *tagged(item)):
            writes.append({"Put": {"TableName": service.ready["table"], "Item": each}})
    for start in range(0, len(writes), BATCH):
        call(service, "TransactWriteItems", TransactItems=writes[start : start + BATCH])
    return ids


def update(service, task, source):
    """Makes it look as if a task was created by a dropped file of this name."""
    call(
        service,
        "UpdateItem",
        **place(service, task),
        UpdateExpression="SET #source = :source",
        ExpressionAttributeNames={"#source": "source"},
        ExpressionAttributeValues={":source": {"S": source}},
    )


def place(service, task):
    return {"TableName": service.ready["table"], "Key": {"PK": {"S": f"TASK#{task}"}, "SK": {"S": "TASK"}}}


def copied(row, task, at, changes):
    row = copy.deepcopy(row)
    time = {"S": at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")}
    row |= {"PK": {"S": f"TASK#{task}"}, "id": {"S": task}, "created_at": time, "updated_at": time}
    for name in ("status", "owner", "title"):
        if name in changes:
            row[name] = {"S": changes[name]}
    # The keys of the indexes, each of them spread over a few values by the task's id.
    shard = uuid.UUID(task).bytes[-1] % SHARDS
    row |= {f"{name}_shard": {"S": f"{row[name]['S']}#{shard}"} for name in ("status", "owner")}
    if "tags" in changes:
        row["tags"] = {"L": [{"S": tag} for tag in changes["tags"]]}
    if "prompt" in changes:
        row["attempt"]["M"]["settings"]["M"]["prompt"] = {"S": changes["prompt"]}
    # What tasks are searched by.
    title, prompt = row.get("title", {"S": ""})["S"], row["attempt"]["M"]["settings"]["M"]["prompt"]["S"]
    row["text"] = {"S": f"{title}\n{prompt}".lower()}
    return row


def tagged(row):
    """The rows that lead to a task from its tags, as functions/storage/src/store/tags.rs has them."""
    task, owner = row["id"]["S"], row["owner"]["S"]
    shard = uuid.UUID(task).bytes[-1] % SHARDS
    for tag in row["tags"]["L"]:
        for partition in (f"TAGGED#{shard}", f"TAGGED#{owner}#{shard}"):
            yield {"PK": {"S": partition}, "SK": {"S": f"{tag['S'].lower()}\x01{task}"}}


def new_id(at):
    """A UUID of version 7."""
    milliseconds = int(at.timestamp() * 1000)
    bits = milliseconds << 80 | 7 << 76 | random.getrandbits(12) << 64 | 2 << 62 | random.getrandbits(62)
    return str(uuid.UUID(int=bits))


def call(service, operation, **body):
    endpoint, body = service.ready["dynamodb_endpoint"], json.dumps(body).encode()
    headers = {"content-type": "application/x-amz-json-1.0", "x-amz-target": f"DynamoDB_20120810.{operation}"}
    request = urllib.request.Request(endpoint, body, headers | signature(service.ready, endpoint, body))
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.loads(answer.read())


def signature(ready, endpoint, body):
    """The headers that sign a call of DynamoDB (AWS's signatures, version 4)."""
    host, now = urlsplit(endpoint).netloc, datetime.datetime.now(datetime.UTC).strftime("%Y%m%dT%H%M%SZ")
    scope = [now[:8], ready["region"], "dynamodb", "aws4_request"]
    canonical = ["POST", "/", "", f"host:{host}", f"x-amz-date:{now}", "", "host;x-amz-date", sha256(body)]
    to_sign = ["AWS4-HMAC-SHA256", now, "/".join(scope), sha256("\n".join(canonical).encode())]
    key = f"AWS4{ready['secret_access_key']}".encode()
    for part in scope:
        key = hmac.digest(key, part.encode(), "sha256")
    signed = hmac.digest(key, "\n".join(to_sign).encode(), "sha256").hex()
    credential = "/".join([ready["access_key_id"], *scope])
    authorization = f"AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders=host;x-amz-date, Signature={signed}"
    return {"x-amz-date": now, "authorization": authorization}


def sha256(data):
    return hashlib.sha256(data).hexdigest()
