"""What Easel's own sources say of what they need."""

import functools
import json
import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CALLS = {
    "get_item": "dynamodb:GetItem",
    "batch_get_item": "dynamodb:BatchGetItem",
    "put_item": "dynamodb:PutItem",
    "query": "dynamodb:Query",
    "delete_item": "dynamodb:DeleteItem",
    "update_item": "dynamodb:UpdateItem",
    "get_object": "s3:GetObject",
    "head_object": "s3:GetObject",
    "put_object": "s3:PutObject",
    "copy_object": "s3:PutObject",
    "delete_object": "s3:DeleteObject",
    "delete_objects": "s3:DeleteObject",
    "delete_object_tagging": "s3:DeleteObjectTagging",
    "list_objects_v2": "s3:ListBucket",
    "get_queue_url": "sqs:GetQueueUrl",
    "receive_message": "sqs:ReceiveMessage",
    "delete_message": "sqs:DeleteMessage",
    "change_message_visibility": "sqs:ChangeMessageVisibility",
    "create_invalidation": "cloudfront:CreateInvalidation",
}
# Parts of calls that take a right of their own. A transaction is no action: each of its writes is one.
PARTS = {
    ".tagging(": "s3:PutObjectTagging",
    "Put::builder()": "dynamodb:PutItem",
    "Update::builder()": "dynamodb:UpdateItem",
    "Delete::builder()": "dynamodb:DeleteItem",
    "ConditionCheck::builder()": "dynamodb:ConditionCheckItem",
}
# What gives each of Easel's variables a constant.
ENVIRONMENT = ROOT / "functions/system/src/environment.rs"


@functools.cache
def workspace():
    """The folders of the workspace's crates, by name."""
    manifests = [manifest for part in ("functions", "model") for manifest in (ROOT / part).rglob("Cargo.toml")]
    return {tomllib.loads(manifest.read_text())["package"]["name"]: manifest.parent for manifest in manifests}


@functools.cache
def crate(folder):
    """The sources of a crate and of the workspace's crates that it is made of, without their tests."""
    folders, waiting = set(), [ROOT / folder]
    while waiting:
        folder = waiting.pop()
        if folder not in folders:
            folders.add(folder)
            manifest = tomllib.loads((folder / "Cargo.toml").read_text())
            waiting += [workspace()[name] for name in manifest.get("dependencies", {}) if name in workspace()]
    files = [file for folder in folders for file in sorted((folder / "src").rglob("*.rs"))]
    sources = [file for file in files if "tests" not in file.parts and file != ENVIRONMENT]
    return "\n".join(file.read_text().split("#[cfg(test)]")[0] for file in sources)


def variables(folder):
    """The variables that a program reads, by their constants or written out: neither is anywhere else."""
    constants = dict(re.findall(r'(\w+)(?:: &str)? = "((?:EASEL|AWS)_[A-Z0-9_]+)"', ENVIRONMENT.read_text()))
    code = crate(folder)
    used = " ".join(re.findall(r"\benvironment::(\w+|\{[^}]*\})", code))
    named = {constants[name] for name in re.findall(r"\w+", used) if name in constants}
    return named | set(re.findall(r'"((?:EASEL|AWS)_[A-Z0-9_]+)"', code))


def binary(folder):
    manifest = tomllib.loads((ROOT / folder / "Cargo.toml").read_text())
    return manifest["bin"][0]["name"] if "bin" in manifest else None


def calls():
    """What the functions ask of AWS, in IAM's words."""
    code = "".join(crate(f"functions/{name}") for name in ("create", "review", "read", "generate", "housekeeping"))
    made = {action for call, action in CALLS.items() if f".{call}()" in code}
    return made | {action for part, action in PARTS.items() if part in code}


def routes():
    """Method, path, function and whether a token is needed of each route in the API's description."""
    description = json.loads((ROOT / "functions/api/openapi.json").read_text())
    return {
        (method.upper(), path, operation["tags"][0], bool(operation["security"]))
        for path, operations in description["paths"].items()
        for method, operation in operations.items()
    }


def table():
    """The keys, the indexes and the attribute of expiry that the code names."""
    store = ROOT / "functions/storage/src/store"
    made, indexes, rows = ((store / name).read_text() for name in ("table.rs", "indexes.rs", "rows.rs"))
    constants = dict(re.findall(r'const (\w+): &str = "([\w#]+)"', rows + indexes))
    named = re.findall(r'const BY_\w+: Index = Index \{ name: "(\w+)", key: "(\w+)" \}', indexes)
    (sort,) = re.findall(r'key\("(\w+)", KeyType::Range\)', indexes)
    (listed,) = re.findall(r"const LISTED: [^=]*= \[(.*?)\];", indexes, re.DOTALL)
    shown = [text or constants[constant] for text, constant in re.findall(r'"(\w+)"|\b([A-Z]+)\b', listed)]
    return {
        "key": tuple(re.findall(r'key\("(\w+)", KeyType::', made)),
        "indexes": {index: (attribute, sort) for index, attribute in named},
        "shown": shown,
        "expires": constants["EXPIRES"],
    }


def shards():
    """How many keys of an index the tasks of a state are spread over."""
    indexes = (ROOT / "functions/storage/src/store/indexes.rs").read_text()
    return int(re.search(r"const SHARDS: u8 = (\d+);", indexes)[1])


def prefixes():
    """The prefixes of the bucket that workers look after."""
    keys = (ROOT / "functions/storage/src/gallery/keys.rs").read_text()
    return set(re.findall(r'const (?:UPLOADS|REQUESTS): &str = "([\w/]+)"', keys))


def published():
    """The prefix of the bucket that is public."""
    keys = (ROOT / "functions/storage/src/gallery/keys.rs").read_text()
    (prefix,) = re.findall(r'const PUBLISHED: &str = "([\w/]+)"', keys)
    return prefix


def event_prefix():
    """What the sort keys of the history's rows begin with."""
    rows = (ROOT / "functions/storage/src/store/rows.rs").read_text()
    (prefix,) = re.findall(r'const EVENT: &str = "([\w#]+)"', rows)
    return prefix


def metrics():
    """The names and the dimensions of the metrics that the code writes."""
    code = crate("functions/generate") + crate("functions/housekeeping")
    return set(re.findall(r'\.value\("(\w+)"', code)), set(re.findall(r'\.dimension\("(\w+)"', code))
