"""What no caller of the API can have happen: AWS gives messages up and stops workers, rows get lost, a week goes by."""

import itertools
import json
import struct
import time
import urllib.error
import urllib.request
import zlib

from emulators import housekeeping
from emulators.emulator import DEAD_LETTERS, FUNCTION_SECONDS, GENERATE, HISTORY, NAME

PATIENCE_SECONDS = 300
HEART = {"prompt": "a large red heart on a blue background", "width": 64, "height": 64, "steps": 2}
SLOW_HEART = HEART | {"width": 128, "height": 128, "steps": 150}
# A few seconds more than a worker keeps for handing on.
SHORT_SECONDS = 15
# Enough for a worker to notice that its task is paused.
PAUSING_SECONDS = 3
PREFIXES = ("images", "requests", "checkpoints", "published")
LONG_AGO = "2020-01-01T00:00:00Z"


class Person:
    """Somebody with a token."""

    def __init__(self, deployment, who):
        self.name = who
        self.api = deployment["api"]
        self.token = deployment["tokens"][who]

    def call(self, method, path, body=None, **more_headers):
        """The status and the body of the answer."""
        headers = {"authorization": f"Bearer {self.token}", "content-type": "application/json"} | more_headers
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.api}{path}", data, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as answer:
            return answer.code, json.load(answer)

    def ask(self, method, path, body=None, **more_headers):
        """The body of an answer that is no refusal."""
        status, answer = self.call(method, path, body, **more_headers)
        assert status < 300, f"{method} {path}: {status} {answer}"
        return answer

    def wait(self, task, status):
        """The task, once it stands there."""

        def stands():
            found = self.ask("GET", f"/v1/tasks/{task}")
            assert found["status"] != "failed", found
            return found if found["status"] == status else None

        return eventually(f"{task} to be {status}", stands)


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


def check(emulator, deployment, distribution):
    """All of it, one after the other."""
    people = {who: Person(deployment, who) for who in deployment["tokens"]}
    a_dead_letter_of_a_task_that_is_drawn_fails_nothing(emulator, people)
    withdrawn_images_leave_the_caches(emulator, people, distribution)
    what_was_deleted_a_week_ago_goes(emulator, people)
    owners_who_have_nothing_are_forgotten(emulator)
    a_paused_queue_goes_on_with_what_comes_first(people)
    all_of_a_person_is_erased(emulator, people)
    print(
        "afterwards: a paused queue went on, a dead letter failed nothing, withdrawn images left the caches, what was "
        "deleted a week ago is gone, a person is erased, and the history of all is copied",
        flush=True,
    )


def give_up(emulator, key):
    """Puts a message about this object into the dead letters, as the queue does in the end; the URL of their queue."""
    sqs = emulator.client("sqs")
    record = {"eventSource": "aws:s3", "eventName": "ObjectCreated:Put"}
    record |= {"s3": {"bucket": {"name": NAME}, "object": {"key": key}}}
    dead = sqs.get_queue_url(QueueName=DEAD_LETTERS)["QueueUrl"]
    sqs.send_message(QueueUrl=dead, MessageBody=json.dumps({"Records": [record]}))
    return dead


def a_dead_letter_of_a_task_that_is_drawn_fails_nothing(emulator, people):
    """The message was a second one: the task is drawn, not failed."""
    creator = people["creator"]
    task = creator.ask("POST", "/v1/tasks", SLOW_HEART)["id"]
    creator.wait(task, "in_progress")
    dead = give_up(emulator, f"requests/{task}.json")
    creator.wait(task, "awaiting_approval")
    eventually("the dead letter to be taken", lambda: emulator.is_empty(dead))
    changes = [event["change"] for event in creator.ask("GET", f"/v1/tasks/{task}/history")["events"]]
    assert "fail" not in changes and changes.count("finish") == 1, changes


def withdrawn_images_leave_the_caches(emulator, people, distribution):
    """They are gone from the bucket when the call is answered, and from the caches soon."""
    creator, reviewer = people["creator"], people["reviewer"]
    task = creator.ask("POST", "/v1/tasks", HEART)["id"]
    creator.wait(task, "awaiting_approval")
    reviewer.ask("POST", f"/v1/tasks/{task}/approve", {})
    gone = set()
    for method, path in (("POST", f"/v1/tasks/{task}/unpublish"), ("DELETE", f"/v1/tasks/{task}")):
        reviewer.ask("POST", f"/v1/tasks/{task}/publish", {})
        shown = emulator.keys(f"published/{task}/")
        assert shown, f"{task} has no public images"
        gone |= {f"/{key}" for key in shown}
        (reviewer if method == "POST" else creator).ask(method, path, {} if method == "POST" else None)
        assert not emulator.keys(f"published/{task}/"), f"{path} leaves public images"
    eventually("the caches to forget them", lambda: gone <= housekeeping.invalidated(emulator, distribution))


def a_file_whose_message_is_given_up_becomes_a_task(emulator, creator):
    """Nobody draws at this moment: it is the housekeeping function that makes the task and asks for it."""
    dropped = "uploads/creator/given-up.png"
    metadata = {"prompt": "a heart", "steps": "2", "strength": "0.5", "tags": '["given up"]'}
    emulator.client("s3").put_object(Bucket=NAME, Key=dropped, Body=image(), Metadata=metadata)
    give_up(emulator, dropped)
    return eventually(f"a task of {dropped}", lambda: task_of(creator, dropped))


def task_of(creator, dropped):
    """The task that was made of a dropped file; lists do not say, so each of the newest is looked at."""
    page = creator.ask("GET", "/v1/tasks?owner=creator&limit=20")
    tasks = (creator.ask("GET", f"/v1/tasks/{task['id']}") for task in page["tasks"])
    return next((task["id"] for task in tasks if task["source"] == dropped), None)


def a_task_that_no_row_says_waits_is_noted_down(emulator, creator):
    """As one of before there were such rows; without it, no worker would choose it."""
    task = creator.ask("POST", "/v1/tasks", HEART)["id"]
    given = {"TableName": NAME, "Key": {"PK": {"S": "WAITING#creator"}, "SK": {"S": task}}}
    dynamodb = emulator.client("dynamodb")
    dynamodb.delete_item(**given)
    eventually("it to be noted down", lambda: "Item" in dynamodb.get_item(ConsistentRead=True, **given))
    return task


def owners_who_have_nothing_are_forgotten(emulator):
    """A day after their last task was taken."""
    dynamodb, key = emulator.client("dynamodb"), {"PK": {"S": "WAITING"}, "SK": {"S": "somebody"}}
    row = {name: {"N": "0"} for name in ("waiting", "work", "served")}
    dynamodb.put_item(TableName=NAME, Item=key | row)
    eventually("them to be forgotten", lambda: "Item" not in dynamodb.get_item(TableName=NAME, Key=key))


def a_paused_queue_goes_on_with_what_comes_first(people):
    """What was being drawn is paused and resumed with the rest; a priority is over once its task is drawn."""
    creator, reviewer = people["creator"], people["reviewer"]
    running = creator.ask("POST", "/v1/tasks", SLOW_HEART)["id"]
    creator.wait(running, "in_progress")
    paused = reviewer.ask("PUT", "/v1/queue", {"paused": True, "running": "pause"})
    assert paused == {"paused": True, "tasks": 1}, paused
    first = creator.ask("POST", "/v1/tasks", HEART)["id"]
    reviewer.ask("PUT", f"/v1/tasks/{first}/priority", {"priority": 1})
    assert reviewer.ask("GET", "/v1/queue")["tasks"][0]["id"] == first
    reviewer.ask("PUT", "/v1/queue", {"paused": False})
    for task in (first, running):
        creator.wait(task, "awaiting_approval")
    # Whoever looks for the next task removes what is over.
    creator.wait(creator.ask("POST", "/v1/tasks", HEART)["id"], "awaiting_approval")


def all_of_a_person_is_erased(emulator, people):
    """Their tasks at every state, with images and files; their history stays, without what they wrote."""
    person, reviewer, admin = people["other_creator"], people["reviewer"], people["admin"]
    dropped = "uploads/other_creator/erased.txt"
    emulator.client("s3").put_object(Bucket=NAME, Key=dropped, Body=b"a heart that nobody is to know of")
    drawn = person.ask("POST", "/v1/tasks", HEART | {"init_image": upload(person), "strength": 0.5})["id"]
    person.wait(drawn, "awaiting_approval")
    for step in ("approve", "publish"):
        reviewer.ask("POST", f"/v1/tasks/{drawn}/{step}", {})
    paused = a_paused_task(emulator, person)
    waiting = [person.ask("POST", "/v1/tasks", SLOW_HEART)["id"] for _ in range(6)]
    for path in (f"/v1/tasks/{waiting[-1]}", f"/v1/tasks/{drawn}"):
        person.ask("PATCH", path, {"add_tags": ["a word that nobody is to know of"]})
    person.ask("PUT", "/v1/views/erased", {"page": "library", "query": "tag=word"})
    reviewer.ask("PUT", f"/v1/tasks/{waiting[-1]}/priority", {"priority": 1})
    # A worker draws something else meanwhile.
    of_creator = people["creator"].ask("POST", "/v1/tasks", SLOW_HEART)["id"]
    admin.ask("PUT", f"/v1/tasks/{of_creator}/priority", {"priority": 1})
    people["creator"].ask("POST", f"/v1/tasks/{of_creator}/pause", {})
    people_talk(person, reviewer, drawn)
    for somebody in (reviewer, admin):
        somebody.ask("POST", f"/v1/tasks/{of_creator}/comments", {"text": "unlike that of @other_creator"})
    calls = itertools.count()

    def erase(name):
        key = {"idempotency-key": f"erase-{next(calls)}"}
        answer = admin.ask("POST", f"/v1/owners/{name}/erase", {}, **key)
        assert admin.ask("POST", f"/v1/owners/{name}/erase", {}, **key) == answer, "it is answered as before"
        return answer["is_done"]

    for name in ("other_creator", "admin"):
        eventually(f"{name} to be erased", lambda name=name: erase(name))
    for task in (drawn, paused, *waiting):
        assert person.call("GET", f"/v1/tasks/{task}")[0] == 404
        assert not any(emulator.keys(f"{prefix}/{task}") for prefix in PREFIXES)
        copies_are_whole(emulator, task, admin.ask("GET", f"/v1/tasks/{task}/history")["events"])
    assert not emulator.keys("uploads/other_creator/")
    assert reviewer.ask("GET", "/v1/suggestions?prefix=a%20word") == {"names": []}
    assert person.call("GET", "/v1/views/erased")[0] == 404
    assert person.ask("GET", "/v1/mentions")["comments"] == []
    assert len(reviewer.ask("GET", f"/v1/tasks/{of_creator}/comments")["comments"]) == 1


def people_talk(person, reviewer, task):
    """Comments on their task that mention both and are resolved, opened again and removed; two are left."""
    path = f"/v1/tasks/{task}/comments"
    asked = reviewer.ask("POST", path, {"text": f"@{person.name} a larger heart, please"})["id"]
    person.ask("POST", path, {"text": f"@{reviewer.name} is it large enough?"})
    taken_back = person.ask("POST", path, {"text": f"@{reviewer.name} no"})["id"]
    for step in ("resolve", "reopen", "resolve"):
        reviewer.ask("POST", f"{path}/{asked}/{step}", {})
    person.ask("DELETE", f"{path}/{taken_back}")
    assert reviewer.ask("GET", "/v1/mentions")["comments"][0]["task"] == task
    assert len(reviewer.ask("GET", path)["comments"]) == 2


def a_paused_task(emulator, person):
    """A task whose worker has left it with a checkpoint."""
    task = person.ask("POST", "/v1/tasks", SLOW_HEART | {"count": 8})["id"]

    def left():
        """Between two images there is none for a moment."""
        if not emulator.keys(f"checkpoints/{task}"):
            return False
        person.ask("POST", f"/v1/tasks/{task}/pause", {})
        time.sleep(PAUSING_SECONDS)
        if not emulator.keys(f"checkpoints/{task}"):
            person.ask("POST", f"/v1/tasks/{task}/resume", {})
            return False
        return True

    eventually("a checkpoint that is left", left)
    return task


def copies_are_whole(emulator, task, events):
    """Each event has a copy that says the same, and nothing that people wrote."""
    s3 = emulator.client("s3")

    def copied():
        found = s3.list_objects_v2(Bucket=HISTORY, Prefix=f"history/{task}/").get("Contents", [])
        whole = [json.load(s3.get_object(Bucket=HISTORY, Key=entry["Key"])["Body"]) for entry in found]
        return whole if {one["version"] for one in whole} == {event["version"] for event in events} else None

    copies = eventually(f"the history of {task} to be copied", copied)
    first = {one["version"]: one for one in copies if one["row"] == "insert"}
    for event in events:
        copy = first[event["version"]]
        assert (copy["change"], copy["by"]["name"]) == (event["change"], event["by"]["name"]), (copy, event)
        assert copy["link"]["hash"] == event["link"]["hash"], (copy, event)
    assert "heart" not in json.dumps(copies), copies


def upload(person):
    """The key of an image that somebody has uploaded to start from."""
    file = image()
    announced = {"content_type": "image/png", "content_length": len(file)}
    given = person.ask("POST", "/v1/uploads", announced)
    put = urllib.request.Request(given["url"], file, given["headers"], method=given["method"])
    urllib.request.urlopen(put, timeout=60).close()
    return given["key"]


def a_worker_that_is_stopped_hands_on(emulator, deployment, worker, start_another, kill):
    """As ECS stops them; drain.py does it more often and looks closer. Meanwhile, nobody draws."""
    creator = Person(deployment, "creator")
    task = creator.ask("POST", "/v1/tasks", SLOW_HEART)["id"]
    eventually("a step", lambda: (creator.ask("GET", f"/v1/tasks/{task}")["progress"] or {}).get("step"))
    worker.terminate()
    assert worker.wait(timeout=120) == 0, "the worker fails at being stopped"
    given_up = a_file_whose_message_is_given_up_becomes_a_task(emulator, creator)
    forgotten = a_task_that_no_row_says_waits_is_noted_down(emulator, creator)
    another = start_another("generate-again.log")
    for waiting in (task, given_up, forgotten):
        creator.wait(waiting, "awaiting_approval")
    changes = [event["change"] for event in creator.ask("GET", f"/v1/tasks/{task}/history")["events"]]
    assert changes == ["create", "claim", "hand_on", "claim", "finish"], changes
    a_worker_that_is_killed_is_followed(creator, another, start_another, kill)
    print(
        "afterwards: other workers went on with what a stopped and a killed one had begun, and drew what had no "
        "message or no row",
        flush=True,
    )


def a_worker_that_is_killed_is_followed(creator, worker, start_another, kill):
    """By one that waits until its lease is over, and goes on from its checkpoint."""
    task = creator.ask("POST", "/v1/tasks", SLOW_HEART | {"count": 4})["id"]
    eventually("steps", lambda: ((creator.ask("GET", f"/v1/tasks/{task}")["progress"] or {}).get("step") or 0) > 10)
    kill(worker)
    start_another("generate-follows.log")
    creator.wait(task, "awaiting_approval")
    changes = [event["change"] for event in creator.ask("GET", f"/v1/tasks/{task}/history")["events"]]
    assert changes == ["create", "claim", "claim", "finish"], changes


def a_function_short_of_time_hands_on(emulator, deployment):
    """As at the end of Lambda's 15 minutes, only sooner."""
    creator, functions = Person(deployment, "creator"), emulator.client("lambda")
    heart = SLOW_HEART | {"width": 256, "height": 256}
    one = creator.wait(creator.ask("POST", "/v1/tasks", heart)["id"], "awaiting_approval")
    # More than one call has time for, however fast the machine is.
    count = min(8, 1 + int(2 * SHORT_SECONDS / one["attempt"]["generation"]["drawing_seconds"]))
    functions.update_function_configuration(FunctionName=GENERATE, Timeout=SHORT_SECONDS)
    task = creator.ask("POST", "/v1/tasks", heart | {"count": count})["id"]
    creator.wait(task, "awaiting_approval")
    functions.update_function_configuration(FunctionName=GENERATE, Timeout=FUNCTION_SECONDS)
    changes = [event["change"] for event in creator.ask("GET", f"/v1/tasks/{task}/history")["events"]]
    assert "hand_on" in changes and changes.count("finish") == 1, changes
    print("afterwards: a function went on with what one had begun that was short of time", flush=True)


def what_was_deleted_a_week_ago_goes(emulator, people):
    """Housekeeping removes the tasks with all that was kept for them; their history stays."""
    creator, s3 = people["creator"], emulator.client("s3")
    dropped = "uploads/creator/afterwards.png"
    s3.put_object(
        Bucket=NAME, Key=dropped, Body=image(), Metadata={"prompt": "a heart", "steps": "4", "strength": "0.5"}
    )
    of_a_file = eventually(f"a task of {dropped}", lambda: task_of(creator, dropped))
    creator.wait(of_a_file, "awaiting_approval")
    uploaded = upload(creator)
    of_last_week = {"init_image": uploaded, "strength": 0.5, "tags": ["last-week"]}
    drawn = creator.ask("POST", "/v1/tasks", HEART | of_last_week)["id"]
    creator.wait(drawn, "awaiting_approval")
    child = creator.ask("POST", "/v1/tasks", HEART | {"init_image": f"task:{drawn}/0", "strength": 0.5})
    assert child["attempt"]["parent"] == {"task": drawn, "attempt": 1, "index": 0}, child
    creator.wait(child["id"], "awaiting_approval")
    people["reviewer"].ask("POST", f"/v1/tasks/{child['id']}/reject", {"reason": "not like this"})
    of_reviewer = people["reviewer"].ask("POST", f"/v1/tasks/{child['id']}/retry", {"init_image": f"task:{of_a_file}"})
    assert of_reviewer["attempt"]["parent"]["task"] == of_a_file, of_reviewer
    creator.wait(child["id"], "awaiting_approval")

    people_talk(creator, people["reviewer"], drawn)
    paused = a_paused_task(emulator, creator)
    # What a publication leaves that loses its race against a deletion, and dies of it.
    orphan = f"published/{drawn}/9-0.png"
    s3.put_object(Bucket=NAME, Key=orphan, Body=image())

    for task in (of_a_file, drawn, child["id"], paused):
        creator.ask("DELETE", f"/v1/tasks/{task}")
        emulator.client("dynamodb").update_item(
            TableName=NAME,
            Key={"PK": {"S": f"TASK#{task}"}, "SK": {"S": "TASK"}},
            UpdateExpression="SET deletion.#after = :past",
            ExpressionAttributeNames={"#after": "after"},
            ExpressionAttributeValues={":past": {"S": LONG_AGO}},
        )
    kept = [dropped, uploaded, orphan, f"checkpoints/{paused}"]
    kept += [f"{prefix}/{task}" for prefix in ("images", "requests") for task in (of_a_file, drawn)]
    kept.remove(f"requests/{of_a_file}")
    assert [prefix for prefix in kept if not emulator.keys(prefix)] == []
    housekeeping.call(emulator, b'{"housekeeping": true}')
    assert [prefix for prefix in kept if emulator.keys(prefix)] == []
    for task in (of_a_file, drawn, paused):
        status, answer = creator.call("GET", f"/v1/tasks/{task}")
        assert status == 404, answer
        # Creators are not told the names of workers.
        events = people["reviewer"].ask("GET", f"/v1/tasks/{task}/history")["events"]
        assert events[-1]["change"] == "delete", events
        copies_are_whole(emulator, task, events)
