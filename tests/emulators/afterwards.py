"""What no caller of the API can have happen: AWS sends dead letters and stops workers, and a week goes by."""

import json
import struct
import time
import urllib.error
import urllib.request
import zlib

from emulators.emulator import DEAD_LETTERS, FUNCTION_SECONDS, GENERATE, NAME

PATIENCE_SECONDS = 300
HEART = {"prompt": "a large red heart on a blue background", "width": 64, "height": 64, "steps": 2}
SLOW_HEART = HEART | {"width": 128, "height": 128, "steps": 150}
# A few seconds more than a worker keeps for handing on.
SHORT_SECONDS = 15
LONG_AGO = "2020-01-01T00:00:00Z"


class Person:
    """Somebody with a token."""

    def __init__(self, deployment, who):
        self.api = deployment["api"]
        self.token = deployment["tokens"][who]

    def call(self, method, path, body=None):
        """The status and the body of the answer."""
        headers = {"authorization": f"Bearer {self.token}", "content-type": "application/json"}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.api}{path}", data, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as answer:
            return answer.code, json.load(answer)

    def ask(self, method, path, body=None):
        """The body of an answer that is no refusal."""
        status, answer = self.call(method, path, body)
        assert status < 300, f"{method} {path}: {status} {answer}"
        return answer

    def wait(self, task, status):
        def stands():
            found = self.ask("GET", f"/v1/tasks/{task}")
            assert found["status"] != "failed", found
            return found["status"] == status

        eventually(f"{task} to be {status}", stands)


def image(side=64):
    """A grey square, as a PNG file."""

    def part(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    rows = zlib.compress((b"\0" + b"\x80" * side) * side)
    return b"\x89PNG\r\n\x1a\n" + part(b"IHDR", header) + part(b"IDAT", rows) + part(b"IEND", b"")


def eventually(what, look):
    """Looks until there is something to see."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        if seen := look():
            return seen
        time.sleep(0.1)
    raise AssertionError(f"waited {PATIENCE_SECONDS} s in vain for {what}")


def check(emulator, deployment):
    """Both, one after the other."""
    people = {who: Person(deployment, who) for who in deployment["tokens"]}
    a_dead_letter_of_a_task_that_is_drawn_waits(emulator, people)
    what_was_deleted_a_week_ago_goes(emulator, people)
    print("afterwards: a dead letter waited for its task's worker, and what was deleted a week ago is gone", flush=True)


def a_dead_letter_of_a_task_that_is_drawn_waits(emulator, people):
    """The message was a second one: the task is drawn, not failed."""
    creator, sqs = people["creator"], emulator.client("sqs")
    task = creator.ask("POST", "/v1/tasks", SLOW_HEART)["id"]
    creator.wait(task, "in_progress")
    record = {"eventSource": "aws:s3", "eventName": "ObjectCreated:Put"}
    record |= {"s3": {"bucket": {"name": NAME}, "object": {"key": f"requests/{task}.json"}}}
    dead = sqs.get_queue_url(QueueName=DEAD_LETTERS)["QueueUrl"]
    sqs.send_message(QueueUrl=dead, MessageBody=json.dumps({"Records": [record]}))
    creator.wait(task, "awaiting_approval")
    eventually("the dead letter to be taken", lambda: emulator.is_empty(dead))
    changes = [event["change"] for event in creator.ask("GET", f"/v1/tasks/{task}/history")["events"]]
    assert "fail" not in changes and changes.count("finish") == 1, changes


def a_worker_that_is_stopped_hands_on(deployment, worker, start_another):
    """As ECS stops them; drain.py does it more often and looks closer."""
    creator = Person(deployment, "creator")
    task = creator.ask("POST", "/v1/tasks", SLOW_HEART)["id"]
    eventually("a step", lambda: (creator.ask("GET", f"/v1/tasks/{task}")["progress"] or {}).get("step"))
    worker.terminate()
    assert worker.wait(timeout=120) == 0, "the worker fails at being stopped"
    start_another("generate-again.log")
    creator.wait(task, "awaiting_approval")
    changes = [event["change"] for event in creator.ask("GET", f"/v1/tasks/{task}/history")["events"]]
    assert changes == ["create", "claim", "hand_on", "claim", "finish"], changes
    print("afterwards: another worker went on with what a stopped one had begun", flush=True)


def a_function_short_of_time_hands_on(emulator, deployment):
    """As at the end of Lambda's 15 minutes, only sooner."""
    creator, functions = Person(deployment, "creator"), emulator.client("lambda")
    functions.update_function_configuration(FunctionName=GENERATE, Timeout=SHORT_SECONDS)
    task = creator.ask("POST", "/v1/tasks", SLOW_HEART | {"count": 4})["id"]
    creator.wait(task, "awaiting_approval")
    functions.update_function_configuration(FunctionName=GENERATE, Timeout=FUNCTION_SECONDS)
    changes = [event["change"] for event in creator.ask("GET", f"/v1/tasks/{task}/history")["events"]]
    assert "hand_on" in changes and changes.count("finish") == 1, changes
    print("afterwards: a function went on with what one had begun that was short of time", flush=True)


def what_was_deleted_a_week_ago_goes(emulator, people):
    """Housekeeping removes the tasks with all that was kept for them; their history stays."""
    creator, reviewer, s3 = people["creator"], people["reviewer"], emulator.client("s3")
    dropped, file = "uploads/creator/afterwards.png", image()
    s3.put_object(Bucket=NAME, Key=dropped, Body=file, Metadata={"prompt": "a heart", "steps": "4", "strength": "0.5"})

    def made_of_it():
        page = creator.ask("GET", "/v1/tasks?owner=creator&limit=20")
        return next((task["id"] for task in page["tasks"] if task["source"] == dropped), None)

    published = eventually(f"a task of {dropped}", made_of_it)
    creator.wait(published, "awaiting_approval")
    for step in ("approve", "publish"):
        reviewer.ask("POST", f"/v1/tasks/{published}/{step}", {})

    announced = {"content_type": "image/png", "content_length": len(file)}
    upload = creator.ask("POST", "/v1/uploads", announced)
    put = urllib.request.Request(upload["url"], file, upload["headers"], method=upload["method"])
    urllib.request.urlopen(put, timeout=60).close()
    drawn = creator.ask("POST", "/v1/tasks", HEART | {"init_image": upload["key"], "strength": 0.5})["id"]
    creator.wait(drawn, "awaiting_approval")

    for task in (published, drawn):
        creator.ask("DELETE", f"/v1/tasks/{task}")
        emulator.client("dynamodb").update_item(
            TableName=NAME,
            Key={"PK": {"S": f"TASK#{task}"}, "SK": {"S": "TASK"}},
            UpdateExpression="SET deletion.#after = :past",
            ExpressionAttributeNames={"#after": "after"},
            ExpressionAttributeValues={":past": {"S": LONG_AGO}},
        )
    kept = [dropped, upload["key"], f"published/{published}/"]
    kept += [f"{prefix}/{task}" for prefix in ("images", "requests") for task in (published, drawn)]
    kept.remove(f"requests/{published}")
    assert all(emulator.keys(prefix) for prefix in kept), kept
    called = emulator.client("lambda").invoke(FunctionName=GENERATE, Payload=b'{"housekeeping": true}')
    assert "FunctionError" not in called, called["Payload"].read()
    assert not any(emulator.keys(prefix) for prefix in kept), kept
    for task in (published, drawn):
        status, answer = creator.call("GET", f"/v1/tasks/{task}")
        assert status == 404, answer
        assert creator.ask("GET", f"/v1/tasks/{task}/history")["events"][-1]["change"] == "delete"
