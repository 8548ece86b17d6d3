r"""Makes the service's stack in moto, an emulator of AWS by others, reads it back, and runs a command on what it made.

    PYTHONPATH=tests python -m stacks.test_moto --easel target/debug/easel --logs target/stack -- \
        cargo test --test end_to_end --

The command is told which tests to leave out, as moto cannot pass them; it finds the service in the file that
EASEL_TEST_DEPLOYMENT names: `easel serve` with the stack's table, bucket and queue.
"""

import argparse
import contextlib
import dataclasses
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

from emulators.emulator import ROLES
from emulators.processes import free_port, inherited, running, wait_until_ready
from stacks import forgotten
from stacks.created import LEFT_OUT, Created
from stacks.policies import rights_of
from stacks.read_back import ReadBack
from stacks.rules import functions, queues, rights, storage
from stacks.templates import VARIANTS
from stacks.test_history import History
from stacks.test_people import People
from stacks.transformed import REGION

# What the checks of the templates say of the service as it is there.
CHECKS = [
    queues.visibility,
    queues.dead_letters,
    queues.consumers,
    queues.triggers,
    functions.variables,
    storage.table,
    storage.kept,
    storage.recorded,
    storage.encrypted,
    storage.public,
    rights.wildcards,
    rights.roles,
    rights.actions,
]
# What they rightly say, because moto drops it and has no call to make it either.
LOST = {storage.encrypted: ["Table is not encrypted with a key of this account"]}
# Tests of the suite that moto cannot pass, and why.
SLOW = "moto copies its tables at every transaction, so that so many calls at once time out"
BEYOND_MOTO = {
    "fairness::one_image_is_drawn_within_three_of_somebody_elses_two_hundred": SLOW,
    "idempotency::two_hundred_calls_with_twenty_keys_make_twenty_tasks": SLOW,
    "init_image::an_upload_takes_only_what_was_announced": "moto checks no signatures",
    "listing::a_hundred_tasks_are_moved_at_once_with_an_answer_each": SLOW,
    "races::of_a_hundred_decisions_one_counts": SLOW,
    "races::pausing_resuming_and_cancelling_at_once_keep_one_history": SLOW,
}
STARTING_SECONDS = 120


class Made(unittest.TestCase):
    """The stack as moto made it."""

    endpoint = None

    @classmethod
    def setUpClass(cls):
        cls.created = Created(cls.endpoint, "read-back", VARIANTS["with everything"])
        cls.bare = ReadBack(cls.created).service
        forgotten.complete(cls.created)
        cls.there = ReadBack(cls.created)

    def test_nothing_is_left_out_but_what_moto_does_not_know(self):
        absent = {resource.kind for resource in self.created.meant.resources if resource.name not in self.created.made}
        self.assertEqual(absent, LEFT_OUT)

    def test_nothing_is_added_that_moto_makes_itself(self):
        made = [
            (name, lost)
            for name, lost in forgotten.FORGOTTEN
            for resource in self.bare.resources
            if name in (resource.name, resource.kind) and lost in resource.properties
        ]
        self.assertEqual(made, [])

    def test_it_is_what_the_code_needs(self):
        said = {check: found for check in CHECKS if (found := list(check(self.there)))}
        self.assertEqual(said, LOST)

    def test_roles_have_the_rights_of_the_template(self):
        meant, there = self.created.meant, self.there.service
        for role in meant.of("AWS::IAM::Role"):
            with self.subTest(role.name):
                found = there.named(f"${{{role.name}}}")
                expected = {in_aws(right, self.created.account) for right in rights_of(meant, role)}
                self.assertEqual(set(rights_of(there, found)), expected)


class Broken(unittest.TestCase):
    """A stack that somebody changes by hand."""

    endpoint = None

    @classmethod
    def setUpClass(cls):
        cls.created = Created(cls.endpoint, "broken", VARIANTS["with everything"])
        forgotten.complete(cls.created)

    def test_every_change_is_seen(self):
        ids, client = self.created.ids, self.created.client
        s3, sqs, dynamodb, iam = (client(service) for service in ("s3", "sqs", "dynamodb", "iam"))
        expiry = {"AttributeName": "expires", "Enabled": False}
        scan = {"Effect": "Allow", "Action": "dynamodb:Scan", "Resource": self.created.arns["${Table.Arn}"]}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [scan]})
        bucket = {"Bucket": ids["Bucket"]}
        changes = [
            (lambda: s3.delete_bucket_lifecycle(**bucket), storage.kept, "keeps requests/ for ever"),
            (lambda: s3.delete_public_access_block(**bucket), storage.public, "Bucket can be public"),
            (lambda: s3.delete_bucket_encryption(**bucket), storage.encrypted, "Bucket is not encrypted"),
            (lambda: s3.delete_bucket_policy(**bucket), storage.encrypted, "Bucket can be used without TLS"),
            (
                lambda: s3.put_bucket_notification_configuration(**bucket, NotificationConfiguration={}),
                queues.triggers,
                "[] set workers off",
            ),
            (
                lambda: sqs.set_queue_attributes(QueueUrl=ids["Queue"], Attributes={"VisibilityTimeout": "30"}),
                queues.visibility,
                "Queue hides messages for 30 s",
            ),
            (
                lambda: dynamodb.update_time_to_live(TableName=ids["Table"], TimeToLiveSpecification=expiry),
                storage.table,
                "rows do not go by expires",
            ),
            (
                lambda: iam.put_role_policy(RoleName=ids["ReadRole"], PolicyName="more", PolicyDocument=policy),
                rights.actions,
                "dynamodb:Scan, which the code does not",
            ),
        ]
        for change, check, word in changes:
            with self.subTest(word):
                change()
                said = list(check(ReadBack(self.created)))
                self.assertTrue(any(word in complaint for complaint in said), said)


def in_aws(right, account):
    """The right in the partition and the account that moto knows."""
    resource = right.resource.replace("${AWS::Partition}", "aws").replace("${AWS::AccountId}", account)
    return dataclasses.replace(right, resource=resource)


@contextlib.contextmanager
def moto(logs):
    """The emulator's address as long as the block runs."""
    port, log = free_port(), logs / "moto.log"
    endpoint = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-W", "ignore", Path(__file__).parent / "one_at_a_time.py", str(port)]
    with running(command, inherited(), log) as process:
        wait_until_ready(f"{endpoint}/moto-api/", process, log)
        yield endpoint


@contextlib.contextmanager
def serving(easel, endpoint, created, logs):
    """What tests need to know of `easel serve` on the stack's table, bucket and queue, as long as the block runs."""
    names = {"EASEL_TABLE": "Table", "EASEL_BUCKET": "Bucket", "EASEL_QUEUE_URL": "Queue"}
    environment = inherited() | {variable: created.ids[name] for variable, name in names.items()}
    environment |= {"AWS_ACCESS_KEY_ID": "easel", "AWS_SECRET_ACCESS_KEY": "easel", "AWS_REGION": REGION}
    environment |= {"AWS_ENDPOINT_URL": endpoint}
    log = logs / "easel.log"
    with contextlib.ExitStack() as stack:
        data = stack.enter_context(tempfile.TemporaryDirectory())
        command = [easel, "serve", "--json", "--listen", "127.0.0.1:0", "--endpoint-url", endpoint, "--data", data]
        process = stack.enter_context(running(command, environment, log))
        deployment = ready(process, log)
        deployment |= {"access_key_id": "easel", "secret_access_key": "easel"}
        deployment["tokens"] = {name: token(easel, data, name, role) for name, role in ROLES.items()}
        file = logs / "deployment.json"
        file.write_text(json.dumps(deployment, indent=2))
        yield file


def ready(process, log):
    """The line that says where everything is."""
    deadline = time.monotonic() + STARTING_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        for line in log.read_text().splitlines():
            if line.startswith('{"api"'):
                return json.loads(line)
        time.sleep(0.1)
    sys.exit(f"easel serve is not ready: see {log}")


def token(easel, data, name, role):
    command = [easel, "token", "--data", data, "--role", role, "--name", name]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--easel", type=Path, required=True, help="the easel program")
    parser.add_argument("--logs", type=Path, required=True, help="a folder for the deployment file and what is said")
    parser.add_argument("command", nargs="*", help="what to run against the service, after --")
    given = parser.parse_args()
    given.logs.mkdir(parents=True, exist_ok=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with contextlib.ExitStack() as stack:
        endpoint = stack.enter_context(moto(given.logs))
        Made.endpoint = Broken.endpoint = People.endpoint = History.endpoint = endpoint
        if not unittest.main(argv=sys.argv[:1], exit=False).result.wasSuccessful():
            return 1
        # Hosts draw, and nobody copies the history: moto calls no function.
        created = Created(endpoint, "service", VARIANTS["on hosts"] | {"HistoryCopy": "no"})
        forgotten.complete(created)
        # It refuses connections without TLS, and moto has no others.
        created.client("s3").delete_bucket_policy(Bucket=created.ids["Bucket"])
        file = stack.enter_context(serving(given.easel, endpoint, created, given.logs))
        if not given.command:
            return 0
        for test, reason in BEYOND_MOTO.items():
            print(f"left out: {test}: {reason}", flush=True)
        # One test after the other, for moto is slow.
        left_out = ["--test-threads", "1", *(part for test in BEYOND_MOTO for part in ("--skip", test))]
        tested = os.environ | {"EASEL_TEST_DEPLOYMENT": str(file.resolve())}
        return subprocess.run(given.command + left_out, env=tested, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
