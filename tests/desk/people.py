"""People who use the API beside the page: what they see is what the page is checked against."""

import json
import time
import urllib.error
import urllib.request

PROMPT = "a large red heart on a blue background"
WAITING_SECONDS = 30
RUNNING = ("pending", "in_progress")


class Person:
    """Somebody with a token."""

    def __init__(self, api, name, role, token):
        self.api, self.name, self.role, self.token = api, name, role, token

    def call(self, method, path, body=None, **headers):
        """The API's response, a dictionary; of an error, its problem document."""
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        headers["authorization"] = f"Bearer {self.token}"
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.api + path, data=data, method=method, headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=WAITING_SECONDS) as answer:
                return json.loads(answer.read() or b"null")
        except urllib.error.HTTPError as error:
            return json.loads(error.read())

    def get(self, path):
        return self.call("GET", path)

    def post(self, path, body=None):
        return self.call("POST", path, body or {})

    def request(self, prompt=PROMPT, title=None, tags=(), **settings):
        """A new task's id."""
        body = {"prompt": prompt, "tags": list(tags)} | settings | ({"title": title} if title else {})
        answer = self.post("/v1/tasks", body)
        assert "id" in answer, answer
        return answer["id"]

    def generate(self, prompt=PROMPT, **settings):
        """The id of a new task whose images have been generated."""
        task = self.request(prompt, **settings)
        self.until(task, "awaiting_approval")
        return task

    def task(self, task):
        return self.get(f"/v1/tasks/{task}")

    def tasks(self, query=""):
        return self.get(f"/v1/tasks?{query}")["tasks"]

    def history(self, task):
        return self.get(f"/v1/tasks/{task}/history")["events"]

    def move(self, task, move, **body):
        answer = self.post(f"/v1/tasks/{task}/{move}", body)
        assert answer.get("id") == task, answer
        return answer

    def until(self, task, status):
        """The task, once it has this status."""
        return until(lambda: (seen := self.task(task))["status"] == status and seen, f"{status}")


def until(found, what):
    """What `found` finds, as soon as that is something."""
    deadline = time.monotonic() + WAITING_SECONDS
    while time.monotonic() < deadline:
        if result := found():
            return result
        time.sleep(0.1)
    raise AssertionError(f"not after {WAITING_SECONDS} s: {what}")
