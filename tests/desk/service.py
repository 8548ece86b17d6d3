"""The real service, which a test starts, stops and starts again."""

import json
import os
import subprocess
from pathlib import Path

from people import Person

EASEL = Path(os.environ.get("EASEL_TEST_PROGRAM", Path(__file__).parents[2] / "target/debug/easel"))
STOPPING_SECONDS = 20


class Service:
    """`easel serve` in a folder of its own."""

    def __init__(self, folder, draws=True, public_url=None, options=()):
        self.folder = Path(folder)
        self.draws = draws
        self.public_url = public_url
        self.options = options
        self.process = None
        # A free one the first time, then the same.
        self.listen = "127.0.0.1:0"

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stop()

    def start(self):
        options = ["--json", "--listen", self.listen, "--data", self.folder / "data"]
        options += [] if self.draws else ["--no-generate"]
        options += self.options
        options += ["--public-url", self.public_url] if self.public_url else []
        with open(self.folder / "service.log", "ab") as log:
            self.process = subprocess.Popen(
                [EASEL, "serve", *options], stdout=subprocess.PIPE, stderr=log, env=environment()
            )
        line = self.process.stdout.readline()
        assert line, f"the service does not start: {(self.folder / 'service.log').read_text()}"
        self.ready = json.loads(line)
        self.api = self.ready["api"]
        self.listen = self.api.removeprefix("http://")

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(timeout=STOPPING_SECONDS)
        finally:
            self.process.kill()
            self.process.wait()
            self.process.stdout.close()

    def token(self, role, name):
        return self.printed("--role", role, "--name", name)

    def link(self, role, name):
        """A link that signs in once."""
        return self.printed("--role", role, "--name", name, "--link", self.api)

    def printed(self, *options):
        line = [EASEL, "token", *options, "--data", self.folder / "data"]
        return subprocess.run(line, check=True, capture_output=True, text=True, env=environment()).stdout.strip()

    def person(self, role, name=None):
        name = name or role
        return Person(self.api, name, role, self.token(role, name))

    @property
    def token_secret(self):
        """What the service's tokens are signed with."""
        return json.loads((self.folder / "data" / "secrets.json").read_text())["token_secret"]


def environment():
    """This process's environment without what would make another service of it."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "EASEL_", "LAMBDA_"))}
