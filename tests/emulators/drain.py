"""Stops workers in mid-image on ministack: no image is lost, none is made twice, others go on with them.

    PYTHONPATH=tests python -m emulators.drain --generate target/release/generate --logs target/drain

EASEL_TEST_DRAINS says how often (30). Two workers poll the queue all the time; the older one gets SIGTERM while it
draws, and a new one comes in its place.
"""

import argparse
import contextlib
import os
import random
import re
import signal
import subprocess
import sys
from pathlib import Path

from emulators.afterwards import eventually
from emulators.emulator import DEAD_LETTERS, ROOT, Emulator
from emulators.processes import inherited, ministack
from emulators.rows import Rows

STEPS = 80
ORDER = {"prompt": "a large red heart on a blue background", "width": 256, "height": 256, "steps": STEPS}
# Draws noise on the way too.
ORDER |= {"scheduler": "euler_a"}
SEEDS = 3
# Orders that are not drawn yet: more than there are workers.
WAITING = 3
# A worker that does not end in this time is killed by ECS.
STOP_SECONDS = 120
# The shares of the rest of an image within which a worker is stopped.
SOON, LATE = 0.05, 0.7


class Worker:
    """A generate process with a name of its own."""

    def __init__(self, name, command, environment, log):
        self.name = name
        self.process = subprocess.Popen(
            command, env=environment | {"EASEL_WORKER": name}, stdout=log, stderr=subprocess.STDOUT
        )

    def stop(self):
        """Ends it as ECS does; the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=STOP_SECONDS)


class Fleet:
    """Workers that poll the queue, and what they have drawn."""

    def __init__(self, emulator, queue, program, logs):
        self.emulator, self.queue, self.program, self.logs = emulator, queue, program, logs
        self.rows = Rows(emulator)
        self.workers = []
        self.started = 0
        self.orders = {}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for worker in self.workers:
            worker.process.kill()
            worker.process.wait()

    def start_worker(self):
        self.started += 1
        name = f"worker-{self.started}"
        environment = inherited() | self.emulator.environment(name) | {"EASEL_QUEUE_URL": self.queue}
        with open(self.logs / f"{name}.log", "wb") as log:
            self.workers.append(Worker(name, [self.program], environment, log))

    def order(self):
        """Drops an order; the same seeds come again and again."""
        number = len(self.orders)
        key = f"uploads/{number}.json"
        self.orders[key] = number % SEEDS
        self.emulator.drop(key, ORDER | {"seed": number % SEEDS})

    def is_done(self):
        """Whether every order waits for approval, and nobody has anything left to do."""
        for worker in self.workers:
            assert worker.process.poll() is None, f"{worker.name} has ended"
        drawn = {task["source"] for task in self.rows.standing("awaiting_approval")}
        assert not self.rows.standing("failed"), self.rows.standing("failed")
        return drawn == set(self.orders) and self.emulator.is_empty(self.queue)

    def stop_oldest(self, share):
        """Stops the oldest worker when it has drawn this share of what is left of an image; its name."""
        worker = self.workers[0]

        def drawn_far_enough():
            assert worker.process.poll() is None, f"{worker.name} has ended"
            if len(self.orders) - len(self.rows.standing("awaiting_approval")) < WAITING:
                self.order()
            for task in self.rows.standing("in_progress"):
                claim = task["attempt"]["claim"]
                if claim["worker"] == worker.name:
                    begun, step = int(claim["step"]), self.rows.step(task["id"], claim["fence"])
                    # After the last step there is nothing left to hand on.
                    if step and begun + share * (STEPS - begun) <= step and begun < step < STEPS:
                        return True
            return False

        eventually(f"{worker.name} to draw", drawn_far_enough)
        code = worker.stop()
        assert code == 0, f"{worker.name} ended with {code}"
        self.workers.remove(worker)
        return worker.name

    def handed_on_by(self, worker):
        """The task that this worker left in mid-image, if it did not finish it."""
        for status in ("pending", "in_progress", "awaiting_approval"):
            for task in self.rows.standing(status):
                for event in self.rows.history(task["id"]):
                    if event["change"]["kind"] == "hand_on" and event["by"]["name"] == worker:
                        return task["id"] if event["change"]["step"] > 0 else None
        return None


def visibility():
    """Seconds for which the service's queue hides messages."""
    template = (ROOT / "infra" / "template.yaml").read_text()
    return int(re.search(r"  Queue:\n(?: {4}.*\n)*? {6}VisibilityTimeout: (\d+)\n", template)[1])


def undisturbed(fleet):
    """The images of one worker that nobody stops, by seed."""
    fleet.start_worker()
    for _ in range(SEEDS):
        fleet.order()
    eventually("undisturbed images", fleet.is_done)
    images = {}
    for task in fleet.rows.standing("awaiting_approval"):
        changes = [event["change"]["kind"] for event in fleet.rows.history(task["id"])]
        assert changes == ["create", "claim", "finish"], changes
        images[fleet.orders[task["source"]]] = fleet.emulator.read(task["attempt"]["images"][0]["key"])
    assert len(set(images.values())) == SEEDS, "seeds make no difference"
    return images


def drained(fleet, drains):
    """Stops workers so often in mid-image: who was stopped and the task, and how often it was tried."""
    fleet.start_worker()
    interrupted, tries = {}, 0
    while len(interrupted) < drains:
        tries += 1
        assert tries <= 3 * drains, f"only {len(interrupted)} of {tries} signals met an image"
        worker = fleet.stop_oldest(random.uniform(SOON, LATE))
        # A signal that comes when the last step is done lets the worker finish.
        if task := fleet.handed_on_by(worker):
            interrupted[worker] = task
        fleet.start_worker()
    eventually("all images", fleet.is_done)
    return interrupted, tries


def check_history(history, emulator, task):
    """Whoever hands on leaves a checkpoint, and another goes on from there; one worker finishes."""
    kinds = [event["change"]["kind"] for event in history]
    between = ["claim", "hand_on"] * (len(kinds) // 2 - 1)
    assert kinds == ["create", *between, "claim", "finish"], kinds
    for handed_on, claim in zip(history[2:-1:2], history[3:-1:2], strict=True):
        assert handed_on["change"]["reason"] == "the worker is stopping", handed_on
        assert handed_on["change"]["step"] == claim["change"]["step"], (handed_on, claim)
        assert handed_on["by"]["name"] != claim["by"]["name"], claim
    if between:
        assert emulator.versions(f"checkpoints/{task['id']}/"), f"{task['id']} never had a checkpoint"


def check(fleet, images, interrupted):
    """Every order has its image, once, as if nobody had been stopped."""
    emulator, tasks = fleet.emulator, fleet.rows.standing("awaiting_approval")
    expected, stopped = [], []
    for task in tasks:
        history = fleet.rows.history(task["id"])
        check_history(history, emulator, task)
        (image,) = task["attempt"]["images"]
        assert emulator.read(image["key"]) == images[fleet.orders[task["source"]]], f"{task['id']} differs"
        expected += [image["key"], image["thumbnail_key"]]
        stopped += [event["by"]["name"] for event in history if event["change"]["kind"] == "hand_on"]
    assert set(interrupted) <= set(stopped) and len(stopped) == len(set(stopped)), stopped
    assert len({task["source"] for task in tasks}) == len(tasks) == len(fleet.orders)
    assert sorted(emulator.versions("images/")) == sorted(expected), "an image was written twice"
    assert not emulator.keys("checkpoints/")
    dead = emulator.client("sqs").get_queue_url(QueueName=DEAD_LETTERS)["QueueUrl"]
    assert emulator.is_empty(fleet.queue) and emulator.is_empty(dead)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--generate", type=Path, required=True, help="the generate program")
    parser.add_argument("--logs", type=Path, required=True, help="a folder for what is said")
    given = parser.parse_args()
    given.logs.mkdir(parents=True, exist_ok=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    drains, seed = int(os.environ.get("EASEL_TEST_DRAINS", "30")), os.getpid()
    print(f"seed {seed}", flush=True)
    random.seed(seed)
    with contextlib.ExitStack() as stack:
        _, endpoint = stack.enter_context(ministack(given.logs))
        emulator = Emulator(endpoint)
        emulator.make_table()
        queue = emulator.make_queue(visibility())
        emulator.make_bucket()
        fleet = stack.enter_context(Fleet(emulator, queue, given.generate, given.logs))
        images = undisturbed(fleet)
        interrupted, tries = drained(fleet, drains)
        check(fleet, images, interrupted)
        print(
            f"{len(interrupted)} of {tries} signals met an image, of {len(set(interrupted.values()))} tasks; "
            f"{fleet.started} workers drew {len(fleet.orders)} images, each once and as if undisturbed"
        )


if __name__ == "__main__":
    sys.exit(main())
